#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""The fixed tree: reductions and running functions have the same bits for any threads, blocks and layouts, sums stay within
their stated bound of math.fsum, and results may lie upon what they are computed from.

Usage: tree_test.py [--jit] LIBRARY
"""
import itertools
import math
import os
import sys

import numpy as np

import nexpr

SHAPES = [(1,), (7,), (5000,), (300000,), (3, 5), (100, 3), (300, 5), (5, 300), (40, 50, 60), (700, 70), (70, 700), (90000, 2),
          (2, 90000), (300, 3000), (2, 100, 3)]
THREADS = (1, 2, 3, 8)
BLOCKS = (0, 37, 1000)
REDUCTIONS = ("sum(x{})", "var(x{})", "min(x{})", "sum(x*x + 1{})", "argmax(-x{})", "mean(x*x{})")
RUNNING = ("cumsum(x{})", "cummax(x*x{})", "cumprod(1 + x*1e-6{})")


class Tally:
    def __init__(self):
        self.passed = self.failed = 0

    def check(self, holds, *what):
        self.passed += bool(holds)
        self.failed += not holds
        if not holds:
            print("FAILED", *what)


def layouts_of(rng, shape):
    """The same numbers, lying differently."""
    a = rng.standard_normal(shape)
    spread = np.zeros([2 * n for n in shape])[tuple(slice(None, None, 2) for _ in shape)]
    spread[...] = a
    backwards = a[::-1].copy()[::-1]
    return a, np.asfortranarray(a), spread, backwards, a.astype(">f8")


def check_bits(tally, library, contexts):
    rng = np.random.default_rng(5)
    for shape in SHAPES:
        arrays = layouts_of(rng, shape)
        axes = [""] + [f", axis={k}" for k in range(len(shape))]
        axes += [", axis=(0, 1)", f", axis=(0, {len(shape) - 1})"] if len(shape) > 2 else []
        for axis, text in itertools.product(axes, REDUCTIONS + RUNNING):
            if "(" in axis and not text.startswith(("sum", "var", "min", "mean")):
                continue
            text = text.format(axis)
            expected = None
            for index, array in enumerate(arrays):
                threads = THREADS[(index + len(text)) % len(THREADS)]
                block = BLOCKS[(index * 2 + len(shape)) % len(BLOCKS)]
                found = library.evaluate(text, {"x": array}, context=contexts[threads], block_items=block)[0]
                expected = found.tobytes() if expected is None else expected
                tally.check(found.tobytes() == expected, text, shape, "layout", index, "threads", threads, "block", block)
            for threads, block in itertools.product(THREADS, BLOCKS):
                found = library.evaluate(text, {"x": arrays[0]}, context=contexts[threads], block_items=block)[0]
                tally.check(found.tobytes() == expected, text, shape, "threads", threads, "block", block)


def check_running(tally, library, contexts):
    """Integers run to the same numbers however leaves go: alone, side by side, in groups, past the caches."""
    rng = np.random.default_rng(7)
    for shape in ((4096 * 4,), (4096 * 5,), (4096 * 9 + 1,), (300001,), ((1 << 23) + 4099,), (3, 50000), (9, 4096), (70, 33),
                  (6, 7, 100), (2100, 4096)):
        x = rng.integers(-9, 9, shape)
        functions = (("cumsum({}, axis=-1)", np.add), ("cummax({}, axis=-1)", np.maximum))
        for threads, (text, by) in itertools.product(THREADS, functions):
            for operand, y in ("x", x), ("(3*x + 1)", 3 * x + 1):
                found = library.evaluate(text.format(operand), {"x": x}, context=contexts[threads])[0]
                tally.check((found == by.accumulate(y, axis=-1)).all(), text.format(operand), shape, "threads", threads)


def check_sums(tally, library):
    """n * 2**-53 * log2(n) of the summed sizes bounds any such tree; ours has 12 levels above 128 additions in a lane."""
    rng = np.random.default_rng(6)
    for n in (1, 2, 31, 4095, 4097, 100000, 1 << 20):
        for a in (rng.standard_normal(n), rng.random(n) * 10.0 ** rng.integers(-30, 30, n), np.full(n, 0.1)):
            found = library.evaluate("sum(a)", {"a": a})[0][()]
            bound = (128 + 5 + 12) * 2.0 ** -53 * math.fsum(abs(a))
            tally.check(abs(found - math.fsum(a)) <= bound, "sum of", n, found, math.fsum(a))
            columns = library.evaluate("sum(a, axis=0)", {"a": np.repeat(a[:, None], 2, axis=1)})[0]
            bound = (256 + 15) * 2.0 ** -53 * math.fsum(abs(a))
            tally.check(all(abs(columns - math.fsum(a)) <= bound), "sum down", n, columns, math.fsum(a))
    many = np.full(10**7, 0.1, "float32")
    found = library.evaluate("sum(a)", {"a": many})[0][()]
    exact = 10**7 * float(np.float32(0.1))
    tally.check(abs(found - exact) <= 1e-7 * exact, "float32 sum of 1e7 times 0.1", found)


def check_places(tally, library, contexts):
    """The first of equals, and of NaN, whichever leaf it is in."""
    rng = np.random.default_rng(9)
    for n, greatest in itertools.product((4097, 10000, 70000, 300000), (1, 9, 10**9)):
        a = rng.integers(-greatest, greatest + 1, n).astype("float64")
        spoiled = a.copy()
        spoiled[rng.integers(n // 2, n, 3)] = np.nan
        late = a.copy()
        late[-1] = rng.choice([-2, 2])*greatest
        zeros = rng.choice([0.0, -0.0], n)
        for x, threads in itertools.product((a, spoiled, late, zeros, late*1j, late.astype("int32")), THREADS):
            for name, compute in ("argmax", np.argmax), ("argmin", np.argmin):
                found = library.evaluate(f"{name}(x)", {"x": x}, context=contexts[threads])[0]
                tally.check(found == compute(x), name, n, x.dtype, greatest, found, compute(x))


def check_folds(tally, library, contexts):
    """What is reduced as it is computed has the bits of what was computed before."""
    rng = np.random.default_rng(10)
    cases = [("a*b", ""), ("a*3", ""), ("a*a", ""), ("(a - b)**2", ""), ("(a - 0.5)**2", ""), ("sqrt(abs(a)) * b", ""),
             ("a + b", ""), ("a > 2", ""), ("2 > b", ""), ("a <= b", ""), ("a < 0*b", ""), ("isnan(a)", ""),
             ("isfinite(a)", ""), ("a*b", ", axis=-1"), ("b*a[::-1]", ""), ("float32(a)*float32(b)", ""),
             ("int16(a*1000)", ""), ("where(a > 0, a, b)", ""), ("(a + 1j)*b", "")]
    for shape, (text, axis) in itertools.product([(4097,), (12345,), (300000,), (3, 5000), (7, 4096)], cases):
        a, b = rng.standard_normal((2, *shape))
        if rng.random() < .3:
            a.reshape(-1)[rng.integers(0, a.size)] = np.nan
        t = library.evaluate(text, {"a": a, "b": b})[0]
        for name in ("sum", "prod", "min", "max", "any", "all"):
            expected = library.evaluate(f"{name}(t{axis})", {"t": t})[0]
            for x, y in ((a, b), (np.repeat(a, 2, axis=-1)[..., ::2], b.astype(">f8"))):
                threads, block = rng.choice(THREADS), rng.choice(BLOCKS)
                found = library.evaluate(f"{name}({text}{axis})", {"a": x, "b": y}, context=contexts[threads],
                                         block_items=int(block))[0]
                tally.check(found.tobytes() == expected.tobytes(), name, text, axis, shape, threads, block)


def check_few(tally, library, contexts):
    """Few elements are combined where they are read, as those of a row by itself are by the tree."""
    rng = np.random.default_rng(11)
    forms = ("{}(x{})", "{}(x*x - y{})", "{}((x - y)[..., ::-1]{})")
    for n, dtype in itertools.product(range(1, 6), ("float64", "float32", "int16", "complex128", ">f8")):
        x, y = (rng.standard_normal((2, 40, n)) * 100).astype(dtype)
        if dtype == "float64":
            x[rng.random(x.shape) < .1] = np.nan
            x[rng.random(x.shape) < .1] = -0.0
        for form, name in itertools.product(forms, ("sum", "prod", "min", "max", "any", "all", "mean", "argmin")):
            text = form.format(name, ", axis=-1")
            rows = [library.evaluate(text, {"x": x[i:i + 1], "y": y[i:i + 1]})[0] for i in range(len(x))]
            for threads in (1, 3):
                found = library.evaluate(text, {"x": x, "y": y}, context=contexts[threads])[0]
                tally.check(found.tobytes() == np.concatenate(rows).tobytes(), text, n, dtype, threads)
    x = rng.standard_normal((30, 2, 1, 2))
    for text, expected in [("sum(x, axis=(1, 3))", x.sum((1, 3))),
                           ("max(x, axis=(-1, 1), keepdims=True).T", x.max((-1, 1), keepdims=True).T),
                           ("s = sum(x, axis=-1); s + s[:, ::-1]", x.sum(-1) + x.sum(-1)[:, ::-1]),
                           ("x/sum(x, axis=-1, keepdims=True)", x / x.sum(-1, keepdims=True)),
                           ("cumsum(sum(x, axis=-1), axis=0)", x.sum(-1).cumsum(0)),
                           ("sum(max(x, axis=-1), axis=1)", x.max(-1).sum(1)),
                           ("min(x, axis=-1)[max(x, axis=-1) > 0]", x.min(-1)[x.max(-1) > 0])]:
        found = library.evaluate(text, {"x": x})[0]
        tally.check(found.shape == expected.shape and np.allclose(found, expected, rtol=1e-14), text)


def check_zeros(tally, library, contexts):
    """Sums of -0.0 are 0.0 wherever the reduction ends: in rows, columns or groups of leaves, on odd addresses."""
    shapes = [(1,), (7,), (5000,), (300000,), (100, 3), (5, 300), (700, 70), (2, 90000), (90000, 2), (0,), (0, 3), (5, 0)]
    for shape, dtype in itertools.product(shapes, ("float64", "float32", "complex128", ">f8")):
        x = -np.zeros(shape, dtype)
        for axis in (None, *range(len(shape))):
            expected = x.sum(axis).astype(np.dtype(dtype).newbyteorder("="))
            odd = np.zeros(expected.nbytes + 1, np.uint8)[1:].view(expected.dtype).reshape(expected.shape)
            for threads, name in itertools.product((1, 3), ("sum", "mean")):
                if name == "mean" and not x.size:
                    continue
                text = f"{name}(x, axis={axis})"
                found = library.evaluate(text, {"x": x}, context=contexts[threads])[0]
                tally.check(found.tobytes() == expected.tobytes(), text, shape, dtype, threads)
                odd[...] = 1
                library.evaluate(text, {"x": x}, outputs=[odd], context=contexts[threads])
                tally.check(odd.tobytes() == expected.tobytes(), text, shape, dtype, threads, "odd")


def check_overlap(tally, library):
    """Outputs upon inputs: as if the inputs were copied first."""
    rng = np.random.default_rng(7)
    a = rng.standard_normal((50, 80))
    cases = [("sum(x, axis=0)", lambda x: x[3], lambda x: x.sum(0)), ("sum(x, axis=1)", lambda x: x[:, 5], lambda x: x.sum(1)),
             ("cumsum(x, axis=0)", lambda x: x, lambda x: x.cumsum(0)), ("cumsum(x, axis=1)", lambda x: x, lambda x: x.cumsum(1)),
             ("x - mean(x, axis=0)", lambda x: x, lambda x: x - x.mean(0)), ("x[::-1] + sum(x)", lambda x: x, lambda x: x[::-1] + x.sum()),
             ("x[x > 0]", lambda x: x.reshape(-1)[7:7 + np.count_nonzero(x > 0)], lambda x: x[x > 0]),
             ("cumsum(x)[::2]", lambda x: x.reshape(-1)[1::2], lambda x: x.cumsum()[::2]),
             ("sum(x[:, :3], axis=1)", lambda x: x[:, 1], lambda x: x[:, :3].sum(1)),
             ("max(x[::-1, 2:5], axis=1)", lambda x: x[:, 3], lambda x: x[::-1, 2:5].max(1))]
    for text, place, compute in cases:
        x = a.copy()
        expected = compute(a)
        out = place(x)
        library.evaluate(text, {"x": x}, outputs=[out])
        tally.check(np.allclose(out, expected, rtol=1e-12, atol=1e-12), text, "upon its input")


def check_masks(tally, library, contexts):
    rng = np.random.default_rng(8)
    for shape in [(1,), (7,), (5000,), (300000,), (3, 5), (100, 300), (0,), (0, 4), (2, 3, 4)]:
        for dtype in ("bool", "int8", "uint16", "float32", "float64", "complex128", ">f8", ">i2"):
            a = (rng.standard_normal(shape) * 100).astype(dtype)
            for a, share in itertools.product((a, np.asfortranarray(a), a[::-1]), (0, .1, .5, .9, 1)):
                mask = rng.random(shape) < share
                expected = a[mask].astype(a.dtype.newbyteorder("="))
                for threads in (1, 2, 5):
                    found = library.evaluate("a[m]", {"a": a, "m": mask}, context=contexts[threads])[0]
                    tally.check(found.shape == expected.shape and found.tobytes() == expected.tobytes(), "a[m]", shape, dtype)
    a, b, c = rng.standard_normal((3, 200000))
    for threads in THREADS:  # the mask and the elements have inputs of their own
        found = library.evaluate("(a*b)[(c > 1) & (b < 2)]", {"a": a, "b": b, "c": c}, context=contexts[threads])[0]
        tally.check(found.tobytes() == (a * b)[(c > 1) & (b < 2)].tobytes(), "(a*b)[(c > 1) & (b < 2)]", threads)
    a = rng.standard_normal(10000)
    for text, expected in [("a[a > 0]*2 + a[a > 0]", a[a > 0] * 3), ("a[a > mean(a[a > 0])]", a[a > a[a > 0].mean()]),
                           ("a[a > 0][::-1]", a[a > 0][::-1]), ("sum(a[a > 0])", a[a > 0].sum()), ("std(a[a > 0])", a[a > 0].std()),
                           ("max(a[a < 0])", a[a < 0].max()), ("sum(a[a > 0]*a[a > 0])", (a[a > 0] ** 2).sum()),
                           ("cumsum(a[a > 0])", a[a > 0].cumsum()), ("any(a[a > 0] < 0)", False), ("mean(a[a > 9])", np.nan),
                           ("a[a > 0].size*1.0", float((a > 0).sum())), ("reshape(a[a > 0], (1, -1))", a[a > 0][None])]:
        found = library.evaluate(text, {"a": a})[0]
        tally.check(np.allclose(found, expected, rtol=1e-12, equal_nan=True) and found.shape == np.shape(expected), text)


def main():
    if "--jit" in sys.argv:
        os.environ.update(NEXPR_BACKEND="jit", XDG_CACHE_HOME=os.devnull)
    library = nexpr.Library(sys.argv[-1])
    contexts = {threads: library.context(threads=threads) for threads in (*THREADS, 5)}
    tally = Tally()
    check_bits(tally, library, contexts)
    check_running(tally, library, contexts)
    check_sums(tally, library)
    check_places(tally, library, contexts)
    check_folds(tally, library, contexts)
    check_few(tally, library, contexts)
    check_zeros(tally, library, contexts)
    check_overlap(tally, library)
    check_masks(tally, library, contexts)
    print(f"{tally.passed} passed, {tally.failed} failed")
    return tally.failed > 0


if __name__ == "__main__":
    sys.exit(main())
