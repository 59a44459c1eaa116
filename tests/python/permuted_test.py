#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Sums of arrays whose axes lie in memory in every order, long enough for panels of transposed inputs, against NumPy.

Usage: permuted_test.py LIBRARY
"""
import itertools
import sys

import numpy as np

import nexpr

SHAPES = [(37, 70), (300, 19), (20, 17, 33), (1, 40, 18), (3, 18, 5, 20)]
DTYPES = ["uint8", "int16", "float32", "float64", "complex128", ">f8", ">c16"]


def in_order(array, order, backwards):
    """A copy whose axes lie in memory in this order, walked from the other end if backwards."""
    stored = np.empty([array.shape[k] for k in order], array.dtype)
    view = stored.transpose(np.argsort(order))
    view = view[tuple(slice(None, None, -1) for _ in order)] if backwards else view
    view[...] = array
    return view


def cases():
    rng = np.random.default_rng(1)
    for shape, dtype in itertools.product(SHAPES, DTYPES):
        native = np.dtype(dtype).newbyteorder("=")
        a, b = [rng.integers(0, 100, shape).astype(native) for _ in range(2)]
        for k, order in enumerate(itertools.permutations(range(len(shape)))):
            for output in (None, order, tuple(range(len(shape)))):
                given = None if output is None else in_order(np.zeros(shape, native), output, k % 5 == 1)
                yield in_order(a.astype(dtype), order, k % 3 == 1), b, given, a + b


def main():
    library = nexpr.Library(sys.argv[1])
    passed = failed = 0
    for index, (a, b, given, expected) in enumerate(cases()):
        found = library.evaluate("a + b", {"a": a, "b": b}, outputs=[given], threads=index % 3,
                                 block_items=(0, 0, 50)[index % 3])[0]
        if found.shape == expected.shape and found.dtype == expected.dtype and np.array_equal(found, expected):
            passed += 1
        else:
            failed += 1
            print(f"{a.dtype} {a.shape}: strides {a.strides}, output {None if given is None else given.strides}")
    print(f"{passed} passed, {failed} failed")
    return failed > 0


if __name__ == "__main__":
    sys.exit(main())
