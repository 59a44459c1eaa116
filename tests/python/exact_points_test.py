#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""The exact points that users notice: where a transcendental function has a value without error, nexpr has it too."""

import sys

import nexpr
import numpy as np
from mpmath import mp

FLOATS = ("float32", "float64")


def points(dtype):
    """(text, inputs, exact results)."""
    x = np.array([0.0], dtype)
    one = np.array([1.0], dtype)
    info = np.finfo(dtype)
    powers = np.arange(info.minexp - info.nmant, info.maxexp).astype(dtype)
    tens = np.arange(0, 23 if dtype == "float64" else 11).astype(dtype)
    wide = (np.random.default_rng(1).standard_normal(1000) * 1e3).astype(dtype)
    yield "cos(x)", {"x": x}, one
    yield "exp(x)", {"x": x}, one
    yield "exp2(x)", {"x": x}, one
    yield "exp10(x)", {"x": x}, one
    yield "cosh(x)", {"x": x}, one
    yield "sinc(x)", {"x": x}, one
    yield "erfc(x)", {"x": x}, one
    yield "log(x)", {"x": one}, x
    yield "ndtri(x)", {"x": one / 2}, x
    yield "log2(x)", {"x": one}, x
    yield "log10(x)", {"x": one}, x
    yield "arccosh(x)", {"x": one}, x
    yield "arccos(x)", {"x": one}, x
    yield "lgamma(x)", {"x": np.array([1, 2], dtype)}, np.array([0, 0], dtype)
    yield "gamma(x)", {"x": np.arange(1, 12).astype(dtype)}, np.array([mp.factorial(k) for k in range(11)], dtype)
    yield "exp2(k)", {"k": powers}, np.ldexp(np.ones(1, dtype), powers.astype(int))
    yield "log2(x)", {"x": np.ldexp(np.ones(1, dtype), powers.astype(int))}, powers
    yield "log10(x)", {"x": np.array([float(10 ** int(k)) for k in tens], dtype)}, tens
    yield "exp10(k)", {"k": tens}, np.array([float(10 ** int(k)) for k in tens], dtype)
    yield "power(x, 1.0)", {"x": wide}, wide
    yield "power(x, 0.0)", {"x": wide}, np.ones(1000, dtype)
    yield "power(1.0, x)", {"x": wide}, np.ones(1000, dtype)
    yield "x**2", {"x": wide}, wide * wide
    yield "power(x, 2.0)", {"x": np.rint(wide)}, np.rint(wide) * np.rint(wide)
    yield "hypot(x, y)", {"x": np.array([3, 5, -8], dtype), "y": np.array([4, -12, 15], dtype)}, np.array([5, 13, 17], dtype)
    yield "cbrt(x)", {"x": np.arange(-50, 50).astype(dtype) ** 3}, np.arange(-50, 50).astype(dtype)
    for name in "sin tan arcsin arctan sinh tanh arcsinh arctanh expm1 log1p erf cbrt".split():
        zeros = np.array([0.0, -0.0], dtype)
        yield f"{name}(x)", {"x": zeros}, zeros


def main():
    library = nexpr.Library(sys.argv[1])
    passed, failed = 0, 0
    for dtype in FLOATS:
        for text, inputs, expected in points(dtype):
            [found] = library.evaluate(text, inputs)
            wrong = (found != expected) | (np.signbit(found) != np.signbit(expected))
            passed += not wrong.any()
            failed += bool(wrong.any())
            if wrong.any():
                first = int(np.argmax(wrong))
                values = {name: value[first] for name, value in inputs.items()}
                print(f"{dtype} {text} at {values}: {expected[first]!r} expected, {found[first]!r} found "
                      f"({wrong.sum()} wrong)")
    print(f"{passed} passed, {failed} failed")
    return failed > 0


if __name__ == "__main__":
    sys.exit(main())
