# SPDX-License-Identifier: MIT
"""Views composed at random, of inputs and of what is computed from them, beside NumPy: values, shapes and errors; also
into the array that they are views of.

usage: views_test.py LIBRARY [COUNT] [SEED]
"""
import random
import sys

import numpy as np

import layouts
from nexpr import Error, Library

FUNCTIONS = {name: getattr(np, name) for name in
             ['transpose', 'swapaxes', 'reshape', 'broadcast_to', 'flip', 'squeeze', 'expand_dims', 'maximum', 'sqrt', 'where',
              'absolute']}


def integer(r, limit):
    return r.randint(-limit - 1, limit + 1) if r.random() < 0.1 else r.randint(-limit, max(limit - 1, 0))


def index(r, shape):
    """An index of an array of this shape, as text."""
    items, axes = [], list(shape)
    while axes and r.random() < 0.8:
        n = axes.pop(0)
        what = r.random()
        if what < 0.25:
            items.append(str(integer(r, n)))
        else:
            part = lambda: '' if r.random() < 0.4 else str(r.randint(-n - 2, n + 2))
            items.append(f'{part()}:{part()}' + (f':{r.choice([-3, -2, -1, 1, 2, 3])}' if r.random() < 0.5 else ''))
    while r.random() < 0.25:
        items.insert(r.randint(0, len(items)), r.choice(['None', 'newaxis']))
    if r.random() < 0.2:
        items.insert(r.randint(0, len(items)), '...')
    return ', '.join(items) or '...'


def factors(r, count):
    """Lengths whose product is count, or not."""
    shape = []
    while count > 1 and len(shape) < 4:
        n = r.choice([d for d in range(1, count + 1) if count % d == 0][:6])
        shape.append(n)
        count //= n
    shape.append(count if r.random() < 0.95 else count + 1)
    r.shuffle(shape)
    if r.random() < 0.3:
        shape[r.randrange(len(shape))] = -1
    return tuple(shape)


def axes(r, ndim):
    return tuple(integer(r, ndim) for _ in range(r.randint(1, 2)))


def view(r, text, value):
    """Another view of the expression `text`, whose value NumPy has found."""
    what, ndim = r.randrange(10), value.ndim
    if what <= 2:
        return f'({text})[{index(r, value.shape)}]'
    if what == 3:
        return f'({text}).T'
    if what == 4:
        order = r.sample(range(ndim), ndim)
        return f'({text}).transpose{tuple(order)}' if ndim > 1 else f'transpose({text}, {tuple(order)})'
    if what == 5:
        return f'swapaxes({text}, {integer(r, ndim)}, {integer(r, ndim)})'
    if what == 6:
        shape = factors(r, value.size)
        return f'reshape({text}, {shape})' if r.random() < 0.5 else f'({text}).reshape({", ".join(map(str, shape))})'
    if what == 7:
        wide = [r.randint(2, 3) if n == 1 and r.random() < 0.7 else n for n in value.shape]
        return f'broadcast_to({text}, {tuple([2] * r.randint(0, 1) + wide)})'
    if what == 8:
        chosen = r.choice(['', f', {axes(r, ndim)}', f', axis={integer(r, ndim)}'])
        return f'flip({text}{chosen})'
    return r.choice([f'squeeze({text})', f'expand_dims({text}, {axes(r, ndim + 1)})', f'expand_dims({text}, {integer(r, ndim)})'])


def step(r, text, value, names):
    what = r.random()
    if what < 0.7:
        return view(r, text, value)
    if what < 0.8:
        return f'sqrt(absolute({text}))'
    return r.choice([f'({text}) + {r.choice(names)}', f'({text}) * ({text})', f'({text}) - ({view(r, text, value)})',
                     f'where(({text}) > 1, {text}, 2)'])


def value_of(text, arrays):
    """NumPy's value, None if it refuses."""
    try:
        return np.asarray(eval(text, {**FUNCTIONS, **arrays, 'newaxis': None}))
    except (ValueError, IndexError, np.exceptions.AxisError, TypeError):
        return None


def same(got, want):
    native = [x.dtype.newbyteorder('=') for x in (got, want)]
    equal_nan = got.dtype.kind in 'fc'
    return got.shape == want.shape and native[0] == native[1] and np.array_equal(got, want, equal_nan=equal_nan)


def make_array(rng, shape, dtype, k):
    array = layouts.allocate(rng, shape, dtype, rng.choice([x for x in layouts.LAYOUTS if x != 'broadcast']))
    array[...] = np.arange(array.size).reshape(shape) * k % 17
    return array


def main():
    library, count, seed = Library(sys.argv[1]), int((sys.argv[2:] or [3000])[0]), int((sys.argv[3:] or [1])[0])
    r, rng = random.Random(seed), np.random.default_rng(seed)
    refused = failures = 0
    np.seterr(all='ignore')
    for case in range(count):
        shape = tuple(r.choice([0, 1, 2, 3, 4, 5]) if r.random() < 0.2 else r.randint(1, 5) for _ in range(r.randint(0, 4)))
        dtype = r.choice(['f8', 'f4', 'i4', 'u1', 'c16', 'f2', '?'])
        arrays = {name: make_array(rng, shape, dtype, k) for name, k in (('a', 1), ('b', 3))}
        text, value = 'a', arrays['a']
        for _ in range(r.randint(1, 4)):
            longer = step(r, text, value, ['a', 'b', '1'])
            text, value = longer, value_of(longer, arrays)
            if value is None or value.size > 5000:
                break
        if value is not None and value.size > 5000:
            continue
        into = None
        if value is not None and value.shape == shape and value.dtype == arrays['a'].dtype and r.random() < 0.5:
            into = arrays['a']  # the result overwrites what it is computed from
            value = value.copy()
        try:
            [got] = library.evaluate(text, arrays, outputs=[into], threads=r.randint(0, 2), block_items=r.choice([0, 0, 3]))
        except Error as error:
            refused += 1
            got = error
        ok = isinstance(got, Error) if value is None else not isinstance(got, Error) and same(got, value)
        if not ok:
            failures += 1
            if failures <= 10:
                print(f'{text}\n  a, b: {shape} {dtype} {arrays["a"].strides}\n  got  {got!r:.200}\n  want {value!r:.200}')
    print(f'{count} cases, {refused} refused, {failures} failures, seed {seed}')
    return failures != 0


sys.exit(main())
