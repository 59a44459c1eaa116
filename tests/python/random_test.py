# SPDX-License-Identifier: MIT
"""random(like, key) beside numpy.random.Generator(numpy.random.Philox(key)), normal and integers beside what they are said to
make of the same bits; the same for any shape, view, layout, block and number of threads.

usage: random_test.py LIBRARY [SEED]
"""
import statistics
import sys

import numpy as np

from nexpr import Error, Library

KEYS = [0, 1, 12345, 2**64 - 1, 2**64, 2**127 + 2**63 + 99, 2**128 - 1]
NORMAL = statistics.NormalDist()


def bits(key, count):
    return np.random.Philox(key=key).random_raw(count)


def uniform(key, shape):
    return np.random.Generator(np.random.Philox(key=key)).random(shape)


def scaled(key, count, low, high):
    return np.array([low + (int(u) * (high - low) >> 64) for u in bits(key, count)], np.int64)


class Checker:
    def __init__(self, library):
        self.library, self.passed, self.failed = library, 0, 0
        self.contexts = {n: library.context(n) for n in (1, 2, 3, 4)}

    def report(self, good, *what):
        self.passed += bool(good)
        self.failed += not good
        if not good:
            print("FAILED:", *what)

    def evaluate(self, text, arrays):
        """The result, which must not depend on threads and blocks."""
        found = [self.library.evaluate(text, arrays, self.contexts[n], threads=n, block_items=block)[0]
                 for n, block in ((1, 0), (2, 0), (3, 5), (4, 64))]
        self.report(all(np.array_equal(found[0], f) for f in found), text, "depends on threads or blocks")
        return found[0]

    def expect(self, text, arrays, expected):
        found = self.evaluate(text, arrays)
        self.report(found.dtype == expected.dtype and found.shape == expected.shape and np.array_equal(found, expected),
                    text, {k: v.shape for k, v in arrays.items()}, found, expected)

    def refuse(self, text, arrays, status, place, words):
        try:
            self.library.evaluate(text, arrays)
        except Error as error:
            begin = text.index(place)
            self.report((error.status, error.begin, error.end) == (status, begin, begin + len(place)) and words in error.message,
                        text, error)
        else:
            self.report(False, text, "no error")


def check_uniform(c, rng):
    shapes = [(), (1,), (2, 0), (5,), (4099,), (3, 5), (130, 7), (200, 300), (2, 3, 4, 5), (300000,)]
    for key in KEYS:
        for shape in shapes:
            c.expect(f"random(a, key={key})", {"a": np.zeros(shape, rng.choice(["f4", "c16", "?", "i1"]))}, uniform(key, shape))
    a = np.zeros((40, 50, 3))
    u = uniform(7, a.shape)
    for view in ("", ".T", "[::2]", "[:, ::-3]", "[5]", "[:, 1]", ".reshape(-1)", ".swapaxes(0, 1)[3:, ::2]"):
        c.expect(f"random(a, 7){view}", {"a": a}, eval("u" + view))
    c.expect("random(a, 7)", {"a": np.asfortranarray(a)}, u)
    c.expect("random(a[::2].T, 7)", {"a": a}, uniform(7, a[::2].T.shape))
    c.expect("random(a, 7) + random(a, 7) - random(a, 8)", {"a": a}, u + u - uniform(8, a.shape))
    c.expect("random(a, 7)[i]", {"a": a, "i": np.array([3, -1, 0])}, u[[3, -1, 0]])
    c.expect("max(random(a, 7), axis=0)", {"a": a}, u.max(axis=0))
    c.expect("random(a[0, 0, 0] + 1, 7)", {"a": a}, np.asarray(uniform(7, 1)[0]))
    c.expect("random(2.5, 0x10000000000000003)", {}, np.asarray(uniform(2**64 + 3, 1)[0]))


def check_normal(c, rng):
    for key in KEYS:
        for shape in [(), (3,), (70, 30)]:
            found = c.evaluate(f"normal(a, key={key})", {"a": np.zeros(shape)})
            p = ((bits(key, found.size) >> np.uint64(12)).astype(float) + 0.5) * 2.0**-52
            ought = np.array([NORMAL.inv_cdf(x) for x in p]).reshape(shape)
            c.report(found.dtype == float and np.allclose(found, ought, 4e-15, 0), f"normal of {key} {shape}")
    z = np.sort(c.evaluate("normal(a, key=1)", {"a": np.zeros(1000000)}))
    c.report(np.all(np.isfinite(z)), "normal is finite")
    # Kolmogorov and Smirnov: a sample of this size is further off once in a million times.
    distance = np.max(np.abs(np.arange(len(z)) / len(z) - np.array([NORMAL.cdf(x) for x in z[::1000]]).repeat(1000)))
    c.report(distance < 2.7 / 1000 + 1e-3, f"normal: distance {distance}")


def check_integers(c, rng):
    for low, high in [(0, 1), (0, 6), (-3, 4), (5, 2**40), (-2**63, 2**63 - 1), (2**62, 2**63 - 1), (-2**63, -2**63 + 1)]:
        for shape in [(), (5,), (33, 70)]:
            ought = scaled(9, int(np.prod(shape)), low, high).reshape(shape)
            c.expect(f"integers(a, {low}, {high}, key=9)", {"a": np.zeros(shape)}, ought)
    c.expect("integers(a, 6, key=3)", {"a": np.zeros(5000)}, scaled(3, 5000, 0, 6))
    counts = np.bincount(c.evaluate("integers(a, 2, 8, key=4)", {"a": np.zeros(600000)}))
    c.report(counts[:2].sum() == 0 and np.all(np.abs(counts[2:] - 100000) < 1500), f"integers are uneven: {counts}")


def check_errors(c):
    a = {"a": np.zeros(3)}
    c.refuse("random(a, key=-1)", a, "VALUE", "-1", "2**128")
    c.refuse("random(a, key=2**128)", a, "VALUE", "2**128", "2**128")
    c.refuse("random(a, key=1.5)", a, "VALUE", "1.5", "integer literal")
    c.refuse("random(a)", a, "TYPE", "random(a)", "argument")
    c.refuse("integers(a, 4, 3, key=1)", a, "VALUE", "3", "has to be greater than")
    c.refuse("integers(a, 0, key=1)", a, "VALUE", "0", "at least 1")
    c.refuse("integers(a, 1.5, key=1)", a, "TYPE", "1.5", "integer")
    c.refuse("integers(a, 3, 5)", a, "TYPE", "integers(a, 3, 5)", "key")


def main():
    c = Checker(Library(sys.argv[1]))
    rng = np.random.default_rng(int((sys.argv[2:] or [1])[0]))
    check_uniform(c, rng)
    check_normal(c, rng)
    check_integers(c, rng)
    check_errors(c)
    print(f"{c.passed} passed, {c.failed} failed")
    sys.exit(c.failed > 0)


main()
