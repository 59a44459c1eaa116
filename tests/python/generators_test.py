# SPDX-License-Identifier: MIT
"""Generators beside NumPy, bit for bit; and lengths: a.shape[k], a.size and a.ndim as numbers, in arithmetic and in views.

usage: generators_test.py LIBRARY [SEED]
"""
import random
import sys
import warnings

import numpy as np

import layouts
from nexpr import Error, Library

CHECKS = []


def check(function):
    CHECKS.append(function)
    return function


def evaluate(library, text, arrays={}):
    try:
        return library.evaluate(text, arrays)[0]
    except Error as error:
        return error


def numpys(text, arrays={}):
    """NumPy's value, None if it refuses."""
    functions = {name: getattr(np, name) for name in dir(np) if not name.startswith('_')}
    try:
        return np.asarray(eval(text, functions, dict(arrays)))
    except (ValueError, TypeError, OverflowError, ZeroDivisionError, IndexError, MemoryError):
        return None


def same(got, want):
    if want is None or isinstance(got, Error):
        return want is None and isinstance(got, Error)
    return got.dtype == want.dtype and got.shape == want.shape and got.tobytes() == want.tobytes()


def number(r):
    return r.choice([str(r.randint(-12, 12)), repr(round(r.uniform(-9, 9), r.randint(0, 4))), repr(r.uniform(-1,
                                                                                                             1)),
                                                                                                             '0',
                                                                                                             '1',
                                                                                                             '-0.0',
                     repr(r.uniform(0, 1) * 10.0 ** r.randint(-8, 3))])


@check
def ranges_have_numpys_bits(library, r):
    for _ in range(1500):
        bounds = [number(r) for _ in range(r.randint(1, 3))]
        if len(bounds) == 3:
            step = abs(float(bounds[2])) or 1.0
            far = max(abs(float(bounds[0])), abs(float(bounds[1])), 1.0)
            if far / step > 3000:
                bounds[2] = '0.25'
        dtypes = 'int8 int32 uint8 uint64 float16 float32 float64 complex64'.split()
        dtype = r.choice([''] * 4 + [f', dtype={d}' for d in dtypes])
        text = f'arange({", ".join(bounds)}{dtype})'
        if dtype and 'uint' in dtype and any(float(b) < 0 for b in bounds):
            continue  # NumPy's own conversion of negative floats is undefined
        want, got = numpys(text), evaluate(library, text)
        assert same(got, want), (text, got, want)
    for text in ('arange(7)', 'arange(0)', 'arange(-3)', 'arange(3, 9, 4)', 'arange(9, 3, -4)', 'arange(1, 2, 1e-3)',
                 'arange(0, 5, inf)', 'arange(2**62, 2**62 + 9, 4)', 'arange(5, 1, 0)', 'arange(nan)',
                 'arange(inf)', 'arange(True)'):
        want, got = numpys(text), evaluate(library, text)
        assert same(got, want), (text, got, want)


@check
def lines_have_numpys_bits(library, r):
    for _ in range(1000):
        num = r.choice(['', ', 0', ', 1', ', 2', f', {r.randint(3, 200)}', ', num=7'])
        end = r.choice(['', ', endpoint=False', ', endpoint=True'])
        dtype = r.choice([''] * 4 + [f', dtype={d}' for d in 'int32 float16 float32 complex128'.split()])
        text = f'linspace({number(r)}, {number(r)}{num}{end}{dtype})'
        want, got = numpys(text), evaluate(library, text)
        assert same(got, want), (text, got, want)
    for text in ('linspace(0, 5e-324, 4)', 'linspace(1, 1, 3)', 'linspace(0, 1, -1)', 'linspace(0, 1, 2.0)',
                 'linspace(2, 2.5, 1)'):
        want, got = numpys(text), evaluate(library, text)
        assert same(got, want), (text, got, want)
    for dtype in layouts.DTYPES[1:12]:
        arrays = {'x': np.array([1, 7, 3], dtype)}
        for text in ('linspace(min(x), max(x), 9)', 'linspace(x[0], 9, 4)',
                     'linspace(0.5, x[1], 6, endpoint=False)', 'linspace(x[0], x[0], 3)'):
            want, got = numpys(text, arrays), evaluate(library, text, arrays)
            assert same(got, want), (text, dtype, got, want)


@check
def lines_of_lengths(library, r):
    for size in (0, 1, 2, 3, 50, 4097):
        for dtype in 'int8 float16 float32 float64 complex64'.split():
            arrays = {'x': np.array([1, 7, 3], dtype), 'a': np.zeros((size, 2))}
            for num in ('a.shape[0]', 'a.size', 'a.size + 1', 'a.shape[0]//3'):
                for ends in ('0, 1', '2, -0.3', '0, 5e-324', '1, 1', 'x[0], 9', 'x[1], x[2]'):
                    text = f'linspace({ends}, {num}{r.choice(["", ", endpoint=False"])})'
                    want, got = numpys(text, arrays), evaluate(library, text, arrays)
                    assert same(got, want), (text, size, dtype, got, want)


@check
def one_value_everywhere(library, r):
    for shape in ('0', '3', '(2, 3)', '()', '(0, 4)', '(1, 2, 3)'):
        for call in ('zeros({})', 'ones({})', 'full({}, 7)', 'full({}, 1.5)', 'full({}, True)', 'full({}, 1j)'):
            for dtype in [''] + [f', dtype={d}' for d in layouts.DTYPES]:
                text = call.format(shape)[:-1] + dtype + ')'
                if '1j' in text and 'complex' not in text and dtype:
                    continue
                want, got = numpys(text), evaluate(library, text)
                assert same(got, want), (text, got, want)
    for dtype in layouts.DTYPES:
        arrays = {'a': np.ones((2, 3), dtype).T}
        for text in ['zeros_like(a)', 'ones_like(a)', 'full_like(a, 3)', 'ones_like(a[1:, ::2])',
                     'full_like(a, a[0])'] + \
                    [f'{name}(a, dtype={d})' for name in ('zeros_like', 'ones_like') for d in layouts.DTYPES]:
            want, got = numpys(text, arrays), evaluate(library, text, arrays)
            assert got.dtype == want.dtype and np.array_equal(got, want), (text, dtype)
    for text in ('full(2, 300, dtype=int8)', 'zeros(-1)', 'zeros((2, -3))', 'zeros(1.5)', 'zeros(2, dtype=flot)'):
        assert isinstance(evaluate(library, text), Error), text


@check
def indices_are_those_of_an_open_grid(library, r):
    for shape in ((5,), (3, 4), (2, 0, 3), (2, 3, 4)):
        a = np.zeros(shape)
        grid = np.ogrid[tuple(slice(n) for n in shape)] if len(shape) > 1 else [np.arange(shape[0])]
        for axis in range(-len(shape), len(shape)):
            got = evaluate(library, f'index(a, {axis})', {'a': a})
            assert same(got, grid[axis]), (shape, axis)
        got = evaluate(library, 'a + 10*index(a, 0) + index(a, -1)', {'a': a})
        assert np.array_equal(got, a + 10 * grid[0] + grid[-1])


@check
def lengths_are_weak_integers(library, r):
    for dtype in layouts.DTYPES:
        a = np.ones((2, 3), dtype)
        for text in ('a.size', 'a.ndim', 'a.shape[0]', 'a.shape[-1]', 'a * a.size', 'a + a.shape[0] / a.shape[1]',
                     'a.size // 4',
                     'a.size % 4 - 7', 'a == a.size', 'a < a.size * 100', 'a.size > 3', '-a.ndim', 'a.size ** 2',
                     '2 ** a.ndim',
                     'a / a.size', 'a.T.shape[0] * a', '(a[1:] * 1).size * a', 'where(a > 0, a.size, a)',
                     'a * (a.size * 0.5)',
                     'maximum(a, a.ndim)', 'a * 2j * a.size', 'a < 128*a.shape[0]', 'a == 32768*a.shape[0] + 1',
                     'clip(a, -a.size*100, a.size*100)',
                     'clip(a * 9, 1 - a.size, a.size)'):
            want, got = numpys(text, {'a': a}), evaluate(library, text, {'a': a})
            if want is None:
                assert isinstance(got, Error), (text, dtype, got)
            else:
                assert got.dtype == want.dtype and np.array_equal(got, want), (text, dtype, got, want)
    for text, place in (('a.shape', 'shape'), ('a.shape[2]', '2'), ('a.shape[0, 1]', 'a.shape[0, 1]'),
                        ('a.shape[a]', 'a'),
                        ('a.nbytes', 'nbytes'), ('a.shape[:1]', ':1')):
        got = evaluate(library, text, {'a': np.ones((2, 3))})
        assert isinstance(got, Error) and text[got.begin:got.end] == place, (text, got)


@check
def lengths_stand_in_views_and_generators(library, r):
    for shape in ((6,), (7,), (4, 6), (5, 2), (2, 3, 4)):
        a = np.arange(float(np.prod(shape))).reshape(shape)
        for text in ('a[:a.shape[0]//2]', 'a[a.shape[0]//2:]', 'a[a.shape[0] - 1]', 'a[-a.ndim:]', 'a[::a.ndim]',
                     'a[::-a.shape[0]//2]',
                     'reshape(a, (a.size//2, 2))', 'a.reshape(a.shape[0], -1)', 'a.reshape((a.size, 1))',
                     'arange(a.size)',
                     'arange(a.shape[0], 0, -1)', 'arange(1, a.size, a.ndim)', 'arange(a.size, dtype=float32)',
                     'arange(a.size, 2)',
                     'zeros(a.shape[0])', 'ones((a.shape[-1], a.ndim))', 'full(a.size - 1, 7)',
                     'a[a.shape[0]]', 'a[:(a*2)[1:].shape[0]]', 'arange(a.size).reshape(a.shape[0], -1)',
                     'arange(a.shape[0])[arange(3).size:]', 'a.reshape(a.size)'):
            want, got = numpys(text, {'a': a}), evaluate(library, text, {'a': a})
            assert same(got, want), (text, shape, got, want)


def main():
    np.seterr(all='ignore')
    warnings.simplefilter('ignore')
    library, seed, failures = Library(sys.argv[1]), int((sys.argv[2:] or [1])[0]), 0
    for function in CHECKS:
        try:
            function(library, random.Random(seed))
        except (AssertionError, Error) as error:
            failures += 1
            print(f'{function.__name__}: {error!r:.600}')
    print(f'{len(CHECKS)} checks, {failures} failures, seed {seed}')
    return failures != 0


sys.exit(main())
