#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""The numerical guard beside definitions in NumPy: operations on the edges of their dtypes, casts, sums, and random programs
whose sub-expressions are evaluated one by one. Results have to be the same with it and without."""

import random
import sys
from fractions import Fraction

import nexpr
import numpy as np

NAN, DOMAIN, DIVISION, OVERFLOW, WRAP, INEXACT = KINDS = range(6)
FLOATS = ("float16", "float32", "float64")
INTEGERS = "int8 uint8 int16 uint16 int32 uint32 int64 uint64".split()
BINARY = ("+", "-", "*", "/", "//", "%", "**")
UNARY = "sqrt log log2 log10 log1p exp expm1 arcsin arccosh arctanh tan".split()
POLES = {"log": (0,), "log2": (0,), "log10": (0,), "log1p": (-1,), "arctanh": (1, -1), "reciprocal": (0,)}


def edges(dtype, count, seed):
    """Values of all sorts, in any order."""
    rng, kind = np.random.default_rng(seed), np.dtype(dtype)
    if kind.kind == "f":
        info = np.finfo(kind)
        special = [0.0, -0.0, 1, -1, 2, 0.5, np.inf, -np.inf, np.nan, info.max, -info.max, info.tiny, info.max / 2, 700]
        common = rng.normal(0, 3, count).astype(kind)
        return np.where(rng.random(count) < 0.5, rng.choice(np.array(special, kind), count), common)
    info = np.iinfo(kind)
    special = np.array([0, 1, 2, 3, info.max, info.min, info.max - 1, info.min + 1, info.max // 2], kind)
    small = rng.integers(max(-9, info.min), 9, count).astype(kind)
    return np.where(rng.random(count) < 0.5, rng.choice(special, count), small)


# ----------------------------------------------------------------------------------------------------- definitions

def is_odd_float(r, operands, kind, at_pole):
    """Events of an operation that gave floats."""
    spoiled = np.zeros(r.shape, bool)
    endless = np.zeros(r.shape, bool)
    for x in operands:
        spoiled = spoiled | np.isnan(x)
        endless = endless | ~np.isfinite(x)
    infinite = np.isinf(r) & ~endless
    return {kind: np.isnan(r) & ~spoiled, DIVISION: infinite & at_pole, OVERFLOW: infinite & ~at_pole}


def exact(op, x, y):
    """The result without bounds; None: there is none."""
    if op == "+":
        return x + y
    if op == "-":
        return x - y
    if op == "*":
        return x * y
    if op in ("//", "%"):
        return None if y == 0 else x // y if op == "//" else x % y
    return None if y < 0 else x ** min(y, 70) if abs(x) > 1 else x ** (y % 2 if x < 0 else min(y, 1))


def events_of_integers(op, x, y, r):
    info = np.iinfo(r.dtype)
    pairs = list(zip(x.ravel().tolist(), np.broadcast_to(y, x.shape).ravel().tolist()))
    wanted = [exact(op, a, b) for a, b in pairs]
    wraps = [w is not None and not info.min <= w <= info.max for w in wanted]
    divided = [b == 0 if op in ("//", "%") else op == "**" and a == 0 and b < 0 for a, b in pairs]
    return {WRAP: np.array(wraps, bool).reshape(x.shape), DIVISION: np.array(divided, bool).reshape(x.shape)}


def events_of(op, operands, r):
    """{kind: mask} of one operation, by its operands and its result."""
    if len(operands) == 1:
        at_pole = np.isin(operands[0], POLES.get(op, ()))
        return is_odd_float(r, operands, DOMAIN, at_pole)
    x, y = operands
    if r.dtype.kind in "iu":
        return events_of_integers(op, x, y, r)
    at_pole = y == 0 if op in ("/", "//") else x == 0 if op == "**" else np.zeros(r.shape, bool)
    return is_odd_float(r, operands, NAN, at_pole)


def events_of_cast(x, r):
    with np.errstate(all="ignore"):
        if r.dtype.kind == "f" and x.dtype.kind == "f":
            return {OVERFLOW: np.isinf(r) & np.isfinite(x), INEXACT: np.isfinite(r) & (r.astype(x.dtype) != x)}
        if r.dtype.kind == "f":
            same = [np.isfinite(b) and Fraction(float(b)) == a for a, b in zip(x.tolist(), r.tolist())]
            return {OVERFLOW: np.isinf(r), INEXACT: np.isfinite(r) & ~np.array(same, bool)}
        info = np.iinfo(r.dtype)
        if x.dtype.kind in "iu":
            return {WRAP: np.array([not info.min <= a <= info.max for a in x.tolist()], bool)}
        inside = np.array([np.isfinite(a) and info.min <= int(a) <= info.max for a in x.tolist()], bool)
        return {DOMAIN: ~inside, INEXACT: inside & (np.trunc(x) != x)}


# ------------------------------------------------------------------------------------------------------------ running

def run(library, text, arrays, threads=0):
    """([results], {(begin, end, kind): (count, first)}), the counts of equal keys added."""
    expr = library.compile(text, {name: a.dtype for name, a in arrays.items()}, check=True)
    results = expr.evaluate(list(arrays.values()), threads=threads)
    found = {}
    for check in expr.checks():
        count, first = int(results[check.count]), int(results[check.first])
        if count:
            found.setdefault((check.begin, check.end, check.kind), []).append((count, first))
    plain = library.evaluate(text, arrays, threads=threads)
    for with_checks, without in zip(results, plain):
        assert with_checks.tobytes() == without.tobytes(), f"{text}: the guard changes the result"
    return plain, found


def summary(masks):
    """As run() tells it, without a place."""
    return {kind: [(int(mask.sum()), int(mask.ravel().argmax()))] for kind, mask in masks.items() if mask.any()}


def compare(library, text, arrays, masks, place=None):
    """None, or what is wrong."""
    begin, end = place or (0, len(text))
    _, found = run(library, text, arrays)
    own = {kind: values for (b, e, kind), values in found.items() if (b, e) == (begin, end)}
    wanted = summary(masks)
    return None if own == wanted else f"{text} of {[str(a.dtype) for a in arrays.values()]}: {own}, not {wanted}"


def operations(library):
    for dtype in (*INTEGERS, *FLOATS):
        for index, op in enumerate(BINARY):
            if op == "/" and dtype in INTEGERS:
                continue
            x, y = edges(dtype, 3001, index), edges(dtype, 3001, index + 50)
            text = f"a {op} b"
            [r] = library.evaluate(text, {"a": x, "b": y})
            yield compare(library, text, {"a": x, "b": y}, events_of(op, [x, y], r))
        for op in UNARY if dtype in FLOATS[1:] else ():
            x = edges(dtype, 3001, 7)
            [r] = library.evaluate(f"{op}(a)", {"a": x})
            yield compare(library, f"{op}(a)", {"a": x}, events_of(op, [x], r))
        if dtype in INTEGERS:
            x, info = edges(dtype, 999, 3), np.iinfo(dtype)
            least = {WRAP: x == info.min if info.min else x != 0}
            yield compare(library, "-a", {"a": x}, least)
            yield compare(library, "abs(a)", {"a": x}, {WRAP: x == info.min} if info.min else {})
            squares = {WRAP: np.array([not info.min <= v * v <= info.max for v in x.tolist()])}
            yield compare(library, "a**2", {"a": x}, squares)


def casts(library):
    for source in (*INTEGERS, *FLOATS):
        for target in (*INTEGERS, *FLOATS):
            x = edges(source, 2001, 11)
            [r] = library.evaluate(f"{target}(a)", {"a": x})
            masks = {} if source == target else events_of_cast(x, r)
            yield compare(library, f"{target}(a)", {"a": x}, masks)


def reductions(library):
    big = np.array([2**62, 2**62, 5, -7, 2**61], np.int64)
    for x in (big, big[::-1].copy(), -big, big[2:4], np.tile(big, 900), np.array([2**63], np.uint64).repeat(3)):
        total = sum(x.tolist())
        info = np.iinfo(x.dtype)
        wrapped = {WRAP: np.array(not info.min <= total <= info.max)}
        yield compare(library, "sum(a)", {"a": x}, wrapped)
        running = np.cumsum(x.astype(object))
        yield compare(library, "cumsum(a)", {"a": x}, {WRAP: np.array([not info.min <= v <= info.max for v in running])})
    x = np.array([1e308, 1e308, -1e308])
    yield compare(library, "cumsum(a)", {"a": x}, {OVERFLOW: np.array([False, True, True])})
    x = np.array([np.inf, 1, -np.inf, np.nan])
    yield compare(library, "cumsum(a)", {"a": x}, {NAN: np.array([False, False, True, False])})
    x = np.array([[3, 2**40], [2**30, 2**40]], np.int64)
    yield compare(library, "prod(a, axis=0)", {"a": x}, {WRAP: np.array([False, True])})


# ---------------------------------------------------------------------------------------------------- random programs

class Node:
    """A sub-expression: its text, and where its operands begin in it."""

    def __init__(self, text, op=None, operands=(), offsets=()):
        self.text, self.op, self.operands, self.offsets = text, op, operands, offsets


def make(rng, depth, is_float):
    if not depth or rng.random() < 0.15:
        return Node(rng.choice(["a", "b", "c"] if is_float else ["i", "j", "k"]))
    if is_float and rng.random() < 0.35:
        op, x = rng.choice(UNARY), make(rng, depth - 1, True)
        return Node(f"{op}({x.text})", op, (x,), (len(op) + 1,))
    op = rng.choice(BINARY if is_float else [op for op in BINARY if op != "/"])
    x, y = make(rng, depth - 1, is_float), make(rng, depth - 1, is_float)
    if x.text == y.text:
        y = Node(rng.choice(["c", "b"] if is_float else ["k", "j"]))
    if x.text == y.text:
        return x
    left, right = f"({x.text})" if x.op else x.text, f"({y.text})" if y.op else y.text
    skip = 1 if y.op else 0
    return Node(f"{left} {op} {right}", op, (x, y), (1 if x.op else 0, len(left) + len(op) + 2 + skip))


def walk(node, begin=0):
    yield node, begin
    for operand, offset in zip(node.operands, node.offsets):
        yield from walk(operand, begin + offset)


def random_programs(library, count, seed=20261123):
    arrays = {name: edges("float64", 257, n) for n, name in enumerate("abc")}
    arrays.update({name: edges(("int16", "int64", "int16")[n], 257, n + 9) for n, name in enumerate("ijk")})
    arrays.update({name: arrays[name].astype("int64") for name in "ik"})
    for index in range(count):
        rng = random.Random(seed * 100003 + index)
        root = make(rng, rng.randint(1, 4), rng.random() < 0.6)
        used = {name: a for name, a in arrays.items() if name in root.text}
        wanted, values = {}, {}
        for node, begin in walk(root):
            if node.text in values:
                continue
            own = {name: a for name, a in used.items() if name in node.text}
            [values[node.text]] = library.evaluate(node.text, own)
            wanted[node.text] = begin
        expected = {}
        for node, begin in walk(root):
            if not node.op or node.text not in wanted:
                continue
            wanted.pop(node.text)
            masks = events_of(node.op, [values[x.text] for x in node.operands], values[node.text])
            for kind, value in summary(masks).items():
                expected[node.text, kind] = value
        _, found = run(library, root.text, used, threads=1 + index % 3)
        found = {(root.text[begin:end], kind): value for (begin, end, kind), value in found.items()}
        yield None if found == expected else f"{root.text}: {found}, not {expected}"


def shapes(library):
    """Empty arrays, scalars, broadcasting, and the same findings for any number of threads."""
    yield compare(library, "a/b", {"a": np.ones(0), "b": np.zeros(0)}, {})
    yield compare(library, "a/b", {"a": np.array(1.0), "b": np.array(0.0)}, {DIVISION: np.array(True)})
    column, row = np.array([[1], [2], [3]]), np.array([0, 5, 0])
    yield compare(library, "a//b", {"a": column, "b": row}, {DIVISION: np.broadcast_to(row == 0, (3, 3))})
    large = edges("float64", 300001, 5)
    first = run(library, "log(a) + sum(a)", {"a": large}, threads=1)[1]
    for threads in (2, 3, 8):
        found = run(library, "log(a) + sum(a)", {"a": large}, threads=threads)[1]
        yield None if found == first else f"{threads} threads differ"
    expr = library.compile("a/b", {"a": np.dtype("float64"), "b": np.dtype("float64")})
    yield None if not expr.checks() and len(expr.result_dtypes) == 1 else "checks without the option"
    x = np.array([0.0, np.inf, np.nan, 1e300])
    for text in ("sinc(a)", "isclose(a, a)", "round(a, 2)", "where(a > 0, a, 1)", "maximum(a, 2)"):
        found = run(library, text, {"a": x})[1]
        yield None if not found else f"{text}: {found}"
    expr = library.compile("maximum(a, b) < 3", {"a": np.dtype("float64"), "b": np.dtype("float64")}, check=True)
    yield None if all(check.kind in KINDS for check in expr.checks()) else "an unknown kind"


def main():
    library = nexpr.Library(sys.argv[1])
    count = int(sys.argv[2]) if len(sys.argv) > 2 else 400
    passed, failed = 0, 0
    with np.errstate(all="ignore"):
        for part in (operations, casts, reductions, shapes, lambda lib: random_programs(lib, count)):
            for wrong in part(library):
                passed, failed = passed + (wrong is None), failed + (wrong is not None)
                if wrong:
                    print(wrong[:2000])
    print(f"{passed} passed, {failed} failed")
    return failed > 0


if __name__ == "__main__":
    sys.exit(main())
