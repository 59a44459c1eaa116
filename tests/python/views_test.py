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
from views import view

FUNCTIONS = {name: getattr(np, name) for name in
             ['transpose', 'swapaxes', 'reshape', 'broadcast_to', 'flip', 'squeeze', 'expand_dims', 'maximum', 'sqrt', 'where',
              'absolute']}


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
