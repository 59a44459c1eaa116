# SPDX-License-Identifier: MIT
"""Reductions and running functions beside NumPy: every one, by dtype, axes, layout, shape, keepdims, where, initial, dtype.

usage: reductions_test.py LIBRARY [SEED]

Dtypes, shapes and errors are NumPy's; so are integers, bool, extrema and indices. Floats are compared with the same function
of long doubles, which is right to many more digits: they may differ from it by half a unit of the result's dtype, and by
n * 2**-52 of what is added up (of its size, not of its sum, which may be small). NumPy's own float32 sums may be further away.
"""
import itertools
import math
import random
import sys
import warnings

import numpy as np

import layouts
from nexpr import Error, Library

SHAPES = [(), (1,), (7,), (3, 4), (2, 3, 4), (40, 3), (3, 700), (300, 2), (5000,)]
EMPTY = [(0,), (0, 3), (3, 0), (2, 0, 3)]
SUMS = 'sum prod nansum nanprod'.split()
EXTREMA = 'min max nanmin nanmax'.split()
MOMENTS = 'mean var std nanmean nanvar nanstd'.split()
TRUTH = 'any all'.split()
PLAIN = 'argmin argmax count_nonzero ptp norm average'.split()
RUNNING = 'cumsum cumprod cummin cummax diff'.split()
FLOATS = 'float16 float32 float64 complex64 complex128'.split()
LONG = {'f': np.longdouble, 'c': np.clongdouble}


def run_in_order(op, a, axis=None):
    if isinstance(axis, tuple):
        raise TypeError('one axis, as for cumsum')
    return op.accumulate(a.ravel() if axis is None else a, axis=axis or 0)


REFERENCE = {name: getattr(np, name) for name in SUMS + EXTREMA + MOMENTS + TRUTH + PLAIN + RUNNING if hasattr(np,
                                                                                                               name)}
REFERENCE |= {
    'norm': np.linalg.norm,
    'cummin': lambda a, axis=None: run_in_order(np.minimum, a, axis),
    'cummax': lambda a, axis=None: run_in_order(np.maximum, a, axis),
}


class Case:
    """A call: its text, what NumPy says, and what it is near to."""

    def __init__(self, name, array, mask, options):
        self.name, self.array, self.mask, self.options = name, array, mask, options

    def text(self):
        words = {key: 'm' if value is self.mask and value is not None else getattr(value, '__name__', value)
                 for key, value in self.options.items()}
        return f'{self.name}(a{"".join(f", {key}={value}" for key, value in words.items())})'

    def arrays(self):
        return {'a': self.array} | ({'m': self.mask} if 'where' in self.options else {})

    def call(self, array, options):
        return np.asarray(REFERENCE[self.name](array, **options))

    def want(self):
        """NumPy's result, None if it raises."""
        try:
            return self.call(self.array, self.options)
        except (ValueError, TypeError, OverflowError, IndexError):
            return None

    def in_long(self, array):
        options = {key: value for key, value in self.options.items() if key != 'dtype'}
        if 'dtype' in self.options and self.name not in 'var std nanvar nanstd'.split():
            array = array.astype(self.options['dtype'])
        name = self.name if array.dtype.kind in 'fc' else self.name.removeprefix('nan')
        return np.asarray(REFERENCE[name](array.astype(LONG['c' if array.dtype.kind == 'c' else 'f']), **options))

    def is_exact(self, want):
        return want.dtype.kind in 'biu' or self.name in EXTREMA + 'cummin cummax diff ptp'.split()

    def tolerance(self, want):
        """How far from the result of long doubles; an array of its shape."""
        exact, array = self.in_long(self.array), self.array
        eps = np.finfo(want.dtype).eps
        least = np.longdouble(np.finfo(want.dtype).smallest_subnormal)
        count = max(array.size, 1)
        size = np.nan_to_num(np.abs(exact), posinf=0)
        if self.name in ('sum', 'nansum', 'mean', 'nanmean', 'average', 'cumsum'):
            size = size + np.nan_to_num(np.abs(self.in_long(np.abs(array))), posinf=0)
        if 'var' in self.name or 'std' in self.name:  # the mean is rounded, and the distances from it by as much
            off = 2.0 ** -51 * np.nanmax(np.abs(array.astype(LONG['c'])), initial=0) * count ** 0.5
            least = off ** 2 if 'var' in self.name else off
        return exact, eps * np.nan_to_num(np.abs(exact), posinf=0) + count * 2.0 ** -52 * size + least

    def complaint(self, got):
        """What is wrong with the result, None if nothing."""
        want = self.want()
        if want is None or isinstance(got, Error):
            return None if want is None and isinstance(got, Error) else f'got {got!r:.300}, want {want!r:.300}'
        if got.dtype != want.dtype or got.shape != want.shape:
            return f'got {got.dtype} {got.shape}, want {want.dtype} {want.shape}'
        if self.is_exact(want):
            same = np.array_equal(got, want, equal_nan=want.dtype.kind in 'fc')
            return None if same else f'got {got!r:.300}, want {want!r:.300}'
        exact, tolerance = self.tolerance(want)
        with np.errstate(all='ignore'):
            rounded = exact.astype(want.dtype)
            near = np.abs(got - exact) <= tolerance
            ok = near | (got == rounded) | (np.isnan(got) & np.isnan(rounded)) | (np.isnan(got) & np.isnan(want))
        return None if ok.all() else f'got {got!r:.300}, want {rounded!r:.300}'


def axis_sets(ndim):
    """A 0-d array has no axis, though some of NumPy's functions let it pass."""
    yield from [None, 0, -1] if ndim else [None]
    if ndim > 1:
        yield from [(0, -1), tuple(range(ndim)), 1]
    if ndim > 2:
        yield from [(2, 0), (1,)]
    yield ()


def fill(rng, shape, dtype, layout, spread):
    """Small numbers, so that no dtype overflows where NumPy's does not; NaN among them if `spread`."""
    array = layouts.allocate(rng, shape, dtype, layout)
    kind = np.dtype(dtype).kind
    values = rng.integers(0 if kind in 'bu' else -4, 5, shape)
    if kind in 'fc':
        values = values + rng.random(shape)
    if kind == 'c':
        values = values + 1j * rng.random(shape)
    array[...] = values.astype(dtype)
    if spread and kind in 'fc':
        array[rng.random(shape) < 0.2] = np.nan
    return array


def options_of(name):
    """What the function takes beside axis."""
    table = {'dtype': SUMS + MOMENTS + ['cumsum', 'cumprod'],
             'keepdims': [n for n in REFERENCE if n not in RUNNING],
             'where': SUMS + EXTREMA + MOMENTS + TRUTH, 'initial': SUMS + EXTREMA,
             'ddof': 'var std nanvar nanstd'.split()}
    return [option for option, names in table.items() if name in names]


def draw_options(r, rng, name, array, mask):
    options, dtype = {}, array.dtype.name
    for option in options_of(name):
        if r.random() < 0.6:
            continue
        if option == 'keepdims':
            options[option] = r.random() < 0.7
        elif option == 'where':
            options[option] = mask
            if name in EXTREMA and r.random() < 0.9:
                options['initial'] = 2
        elif option == 'initial':
            options[option] = 2
        elif option == 'ddof':
            options[option] = r.choice([0, 1, 1.5, 30])
        elif dtype in FLOATS[:3]:
            options[option] = np.dtype(r.choice(['float32', 'float64'])).type
        elif dtype not in FLOATS:
            options[option] = np.dtype(r.choice(['float32', 'float64', 'int64', 'int32', 'uint8'])).type
    return options


def is_left_out(name, array, options):
    """Where the reference says little: NumPy warns of casts, or its float16 and integers overflow underway."""
    dtype = options.get('dtype')
    if name == 'average' and not array.size:
        return True  # a division by 0 in Python
    if dtype and name in 'var std nanvar nanstd mean nanmean'.split() and np.dtype(dtype).kind in 'iu':
        return True
    if name in ('prod', 'nanprod', 'cumprod') and array.size > 50 and array.dtype.kind in 'fc':
        return True
    return name in MOMENTS and array.dtype.kind in 'iu' and dtype is not None and array.size > 200


def draw_mask(rng, shape):
    """A mask of the shape, or one that is broadcast to it."""
    part = tuple(1 if rng.random() < 0.3 else n for n in shape)
    return rng.random(part) < 0.7


def cases(r, rng):
    """Every function and dtype with every axis set and some shape; further settings at random."""
    for name, dtype in itertools.product(REFERENCE, layouts.DTYPES):
        for shape in r.sample(SHAPES[:-1], 4) + r.sample(EMPTY, 2) + [SHAPES[-1]] * (r.random() < 0.2):
            array = fill(rng, shape, dtype, r.choice(layouts.LAYOUTS), r.random() < (0.8 if 'nan' in name else 0.2))
            if r.random() < 0.1 and shape:
                array = np.broadcast_to(array[:1], shape)
            mask = draw_mask(rng, shape)
            for axis in axis_sets(len(shape)):
                options = draw_options(r, rng, name, array, mask)
                if axis is not None:
                    options = {'axis': axis} | options
                if not is_left_out(name, array, options):
                    yield Case(name, array, mask, options)


def evaluate(library, text, arrays, **how):
    try:
        return library.evaluate(text, arrays, **how)[0]
    except Error as error:
        return error


def test_cases(library, seed):
    r, rng, failures, count = random.Random(seed), np.random.default_rng(seed), 0, 0
    for case in cases(r, rng):
        got = evaluate(library, case.text(), case.arrays(), threads=r.randint(0, 2), block_items=r.choice([0, 0, 16]))
        complaint = case.complaint(got)
        count += 1
        if complaint:
            failures += 1
            if failures <= 20:
                print(f'{case.text()}\n  a: {case.array.dtype} {case.array.shape} {case.array.strides}\n  {complaint}')
    print(f'{count} cases, {failures} failures, seed {seed}')
    return failures


# ------------------------------------------------------------------------------------------------------- one by one

CHECKS = []


def check(function):
    CHECKS.append(function)
    return function


@check
def sums_are_near_those_of_fsum(library, rng):
    for n in (1, 33, 4096, 4097, 100000):
        a = rng.standard_normal(n) * 10.0 ** rng.integers(-8, 9, n)
        [got] = library.evaluate('sum(a)', {'a': a})
        bound = 40 * 2.0 ** -53 * math.fsum(np.abs(a))  # 32 lanes, then the height of the tree
        assert abs(float(got) - math.fsum(a)) <= bound + n / 32 * 2.0 ** -53 * math.fsum(np.abs(a)) / n, n
    tenths = np.full(10 ** 7, 0.1, np.float32)
    [got] = library.evaluate('sum(a)', {'a': tenths})
    assert abs(float(got) - 10 ** 7 * float(np.float32(0.1))) <= 1e-7 * 1e6
    assert got.dtype == np.float32


@check
def layouts_and_threads_do_not_change_a_bit(library, rng):
    for shape in ((5, 6, 700), (5000, 3), (20000,)):
        plain = rng.standard_normal(shape)
        for text in ('sum(a)', 'sum(a, axis=0)', 'sum(a, axis=-1)', 'var(a)', 'var(a, axis=0)', 'nanmean(a, axis=-1)',
                     'logsumexp(a, axis=0)', 'cumsum(a)', 'cumsum(a, axis=0)', 'norm(a, axis=0)',
                     'sum(a, where=a > 0)'):
            [want] = library.evaluate(text, {'a': plain}, threads=1)
            for layout in layouts.LAYOUTS:
                if layout == 'broadcast':
                    continue
                array = layouts.allocate(rng, shape, 'f8', layout)
                array[...] = plain
                threads, items = int(rng.integers(1, 5)), int(rng.choice([0, 64]))
                [got] = library.evaluate(text, {'a': array}, threads=threads, block_items=items)
                assert got.tobytes() == want.tobytes(), (text, layout, shape)


@check
def weighted_averages_are_numpys(library, rng):
    for dtype, kind in itertools.product(layouts.DTYPES, layouts.DTYPES):
        a, w = fill(rng, (3, 4), dtype, 'contiguous', False), np.ones((3, 4), kind)
        w[0, 1] = 0
        for axis, weights in ((None, w), (0, w), (1, w), (0, w[:, 0]), (-2, w[:, 1]), (1, w[2]), ((1, 0), w.T), ((0,
                              1), w)):
            text = f'average(a, axis={axis}, weights=w)'
            with np.errstate(all='ignore'):
                want = np.average(a, axis=axis, weights=weights)
            [got] = library.evaluate(text, {'a': a, 'w': weights})
            assert got.dtype == want.dtype and got.shape == want.shape, (text, dtype, kind, got.dtype, want.dtype)
            eps = 8 * float(np.finfo(want.dtype).eps)
            assert np.allclose(got, want, rtol=eps, atol=eps * 5, equal_nan=True), (text, dtype, kind, got, want)
    for text, weights in (('average(a, weights=w)', np.ones(4)), ('average(a, axis=0, weights=w)', np.ones(4)),
                          ('average(a, axis=1, weights=w)', np.ones((4, 1))), ('average(a, weights=w)', np.ones((1,
                                                                                                                 4)))):
        assert isinstance(evaluate(library, text, {'a': np.ones((3, 4)), 'w': weights}), Error), text


@check
def dot_products_are_numpys(library, rng):
    for one, other in itertools.product(layouts.DTYPES, layouts.DTYPES):
        a, b = fill(rng, (37,), one, 'contiguous', False), fill(rng, (37,), other, 'strided', False)
        want, [got] = np.dot(a, b), library.evaluate('dot(a, b)', {'a': a, 'b': b})
        assert got.dtype == want.dtype and got.shape == (), (one, other)
        eps = np.finfo(want.dtype).eps if want.dtype.kind in 'fc' else 0
        size = float(np.sum(np.abs(a.astype('c16') * b.astype('c16'))))
        assert abs(complex(got) - complex(want)) <= 40 * eps * size, (one, other)
    for a, b in ((np.ones(3), np.ones(4)), (np.ones(1), np.ones(4)), (np.ones((2, 2)), np.ones((2, 2))),
                 (np.array(2.0), np.ones(3))):
        assert isinstance(evaluate(library, 'dot(a, b)', {'a': a, 'b': b}), Error), (a.shape, b.shape)


@check
def logsumexp_is_what_it_says(library, rng):
    inf, nan = math.inf, math.nan
    for values, want in (([-inf, -inf], -inf), ([inf, 1], inf), ([inf, -inf], inf), ([nan, 1], nan), ([nan, inf],
                         nan),
                         ([], -inf), ([-1000.0, -1000.0], -1000 + math.log(2)), ([0.0], 0.0)):
        [got] = library.evaluate('logsumexp(a)', {'a': np.array(values)})
        assert got == want or math.isnan(want) and math.isnan(got) or abs(got - want) <= 1e-15 * abs(want), (values,
                                                                                                             got)
    a = rng.standard_normal((50, 30)) * 20
    for axis, keepdims in itertools.product((None, 0, 1, (0, 1)), (False, True)):
        [got] = library.evaluate(f'logsumexp(a, axis={axis}, keepdims={keepdims})', {'a': a})
        want = np.log(np.sum(np.exp(a.astype(np.longdouble)), axis=axis, keepdims=keepdims)).astype('f8')
        assert got.shape == want.shape and np.allclose(got, want, rtol=4e-16 * 8, atol=0), axis
    for dtype in layouts.DTYPES[:12]:
        assert library.result_dtype('logsumexp(a)', {'a': dtype}) == (dtype if dtype in FLOATS else 'float64')


@check
def variance_survives_a_large_mean(library, rng):
    """The sum of squares minus the squared sum would have no right digit."""
    a = 1e9 + rng.standard_normal((1000, 50))
    mask = rng.random(a.shape) < 0.5
    exact = a.astype(np.longdouble)
    for text, want in (('var(a)', exact.var()), ('var(a, axis=0)', exact.var(axis=0)), ('var(a, axis=1)',
                       exact.var(axis=1)),
                       ('var(a, axis=1, where=m)', exact.var(axis=1, where=mask)), ('nanvar(a, axis=0, where=m)',
                                                                                    exact.var(axis=0, where=mask))):
        [got] = library.evaluate(text, {'a': a, 'm': mask} if 'm)' in text else {'a': a})
        assert np.allclose(got, want.astype('f8'), rtol=1e-6, atol=0), (text, np.max(np.abs(got / want - 1)))


@check
def differences_are_repeated(library, rng):
    for shape, n, axis in itertools.product(((9,), (4, 5), (2, 3, 4)), range(6), (0, -1, 1)):
        a = rng.integers(0, 200, shape).astype(np.uint8)
        text = f'diff(a, n={n}, axis={axis})'
        try:
            want = np.diff(a, n, axis)
        except np.exceptions.AxisError:
            want = None
        got = evaluate(library, text, {'a': a})
        same = isinstance(got, Error) or np.array_equal(got, want) and got.dtype == want.dtype
        assert same and isinstance(got, Error) == (want is None), (text, shape)


@check
def reductions_nest_and_mix(library, rng):
    a, b = rng.standard_normal((30, 40)), rng.standard_normal((30, 40))
    names = {'a': a, 'b': b, 'mean': np.mean, 'std': np.std, 'sum': np.sum, 'sqrt': np.sqrt, 'newaxis': None,
             'max': np.max,
             'min': np.min, 'where': np.where, 'argmax': np.argmax, 'cumsum': np.cumsum}
    for text in ('(a - mean(a, axis=0, keepdims=True)) / std(a, axis=0, keepdims=True)', 'sum(a*b) / sum(a)',
                 'sqrt(sum((a[:, newaxis, :] - b)**2, axis=-1))', 'sum(sum(a, axis=0) * b[0])', 'max(min(a, axis=1))',
                 '(a - a.min()) / (a.max() - a.min())', 'where(a > a.mean(), a, -a).sum(axis=1)',
                 'argmax(a + b.T[:, :1].T, axis=0)',
                 'cumsum(a - a.mean(axis=0), axis=0)[::-3].sum(axis=1)', 'sum(a.T[3:] * b.T[3:], axis=0)'):
        [got] = library.evaluate(text, {'a': a, 'b': b})
        want = eval(text, names)
        assert got.shape == want.shape and np.allclose(got, want, rtol=1e-12, atol=1e-12), text
    m, s, least, greatest = library.evaluate('m = mean(a); s = std(a); m, s, min(a), max(a)', {'a': a})
    assert np.allclose([m, s, least, greatest], [a.mean(), a.std(), a.min(), a.max()], rtol=1e-14)


@check
def errors_are_where_they_arise(library, rng):
    a, m = np.ones((2, 3)), np.ones((2, 3), bool)
    for text, status, place, words in (
            ('sum(a, axis=2)', 'SHAPE', '2', 'axis 2 is out of range: there are 2 dimensions'),
            ('sum(a, axis=(0, -3))', 'SHAPE', '-3', 'axis -3 is out of range'), ('sum(a, axis=(1, -1))', 'SHAPE',
                                                                                 '-1', 'given twice'),
            ('cumsum(a, axis=5)', 'SHAPE', '5', 'axis 5'), ('argmin(a, axis=-3)', 'SHAPE', '-3', 'axis -3'),
            ('diff(a, axis=2)', 'SHAPE', '2', 'axis 2'), ('index(a, 2)', 'SHAPE', '2', 'axis 2'),
            ('a.shape[2]', 'SHAPE', '2', 'axis 2'), ('mean(a, axis=2)', 'SHAPE', '2', 'axis 2'),
            ('1 + min(a[:0])', 'SHAPE', 'min(a[:0])', '(0, 3)'), ('argmax(a[:, :0], axis=1)', 'SHAPE',
                                                                  'argmax(a[:, :0], axis=1)', '(2, 0)'),
            ('sum(a, where=m[0, :2])', 'SHAPE', 'm[0, :2]', '(2,)'), ('sum(a, initial=a)', 'SHAPE', 'a', '()'),
            ('dot(a, a)', 'SHAPE', 'a', '(2, 3)'), ('zeros((2, -3))', 'VALUE', '-3', 'length')):
        got = evaluate(library, text, {'a': a, 'm': m})
        assert isinstance(got, Error), text
        assert (got.status, text[got.begin:got.end]) == (status, place) and words in got.message, (text, got)


def main():
    np.seterr(all='ignore')
    library, seed = Library(sys.argv[1]), int((sys.argv[2:] or [1])[0])
    failures = 0
    warnings.simplefilter('ignore')
    for function in CHECKS:
        try:
            function(library, np.random.default_rng(seed))
        except (AssertionError, Error) as error:
            failures += 1
            print(f'{function.__name__}: {error!r:.600}')
    return failures + test_cases(library, seed) != 0


sys.exit(main())
