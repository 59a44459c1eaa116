#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""An output may lie over an input in any way: the result is as if the inputs had been copied first."""

import itertools
import sys

import nexpr
import numpy as np

SIZES = (1, 7, 4000)  # the last one is several blocks


def layouts_in(buffer, n):
    """Views of n elements of one buffer of 4*n + 8 elements, by name."""
    yield from ((f"from {start}", buffer[start:start + n]) for start in (0, 1, 2, 3, n // 2, n - 1, n))
    yield "reversed", buffer[n - 1::-1] if n < buffer.size else buffer
    yield "reversed, shifted", buffer[n + 1:1:-1]
    yield "every second", buffer[:2 * n:2]
    yield "every second, odd", buffer[1:2 * n + 1:2]
    yield "every second, backwards", buffer[2 * n - 2::-2] if n > 1 else buffer[:1]


def square_layouts_in(buffer, n):
    side = int(n ** 0.5)
    square = buffer[:side * side].reshape(side, side)
    yield "square", square
    yield "transposed", square.T
    yield "flipped", square[::-1, ::-1]
    yield "rows flipped", square[::-1]


def check(library, text, function, dtype, source_view, target_view, n, threads):
    """Whether one pair of views of one buffer gives what copies would give."""
    start = (np.arange(4 * n + 8) % 251).astype(dtype)
    expected, found = start.copy(), start.copy()
    source, target = source_view(expected), target_view(expected)
    target[...] = function(source.copy())
    source, target = source_view(found), target_view(found)
    library.evaluate(text, {"a": source}, outputs=[target], threads=threads)
    return np.array_equal(expected, found)


def main():
    library = nexpr.Library(sys.argv[1])
    passed, failed = 0, 0
    for n, dtype, threads in itertools.product(SIZES, ("uint8", "int64", "complex128"), (1, 4)):
        for family in (layouts_in, square_layouts_in):
            names = [name for name, _ in family(np.zeros(4 * n + 8), n)]
            views = [lambda b, name=name, family=family: dict(family(b, n))[name] for name in names]
            for (i, source), (j, target) in itertools.product(enumerate(views), repeat=2):
                if check(library, "a + 1", lambda a: a + 1, dtype, source, target, n, threads):
                    passed += 1
                else:
                    failed += 1
                    print(f"{dtype}, {n} elements, {threads} threads: input {names[i]}, output {names[j]}")
    print(f"{passed} passed, {failed} failed")
    return failed > 0


if __name__ == "__main__":
    sys.exit(main())
