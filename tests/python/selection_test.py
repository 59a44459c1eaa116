# SPDX-License-Identifier: MIT
"""take, indexes that are arrays, searchsorted, interp and polyval beside NumPy: values, dtypes, shapes and errors, of every
dtype and layout, with tables that are inputs, views and computed, and the same bits and errors for any number of threads.

usage: selection_test.py LIBRARY [COUNT] [SEED]
"""
import sys

import numpy as np

import layouts
from nexpr import Error, Library

THREADS = (1, 2, 3, 4)


def same(found, expected):
    """To the bit but for the payload of NaN."""
    expected = expected.astype(expected.dtype.newbyteorder("="))
    if found.dtype != expected.dtype or found.shape != expected.shape:
        return False
    parts = lambda x: (x.real, x.imag) if x.dtype.kind == "c" else (x,)
    return all(np.array_equal(f, e, equal_nan=f.dtype.kind == "f") and
               (f.dtype.kind != "f" or np.array_equal(np.signbit(f[f == f]), np.signbit(e[f == f])))
               for f, e in zip(parts(found), parts(expected)))


class Checker:
    def __init__(self, library):
        self.library, self.passed, self.failed = library, 0, 0
        self.contexts = {n: library.context(n) for n in THREADS}

    def report(self, good, text, arrays, *what):
        self.passed += good
        self.failed += not good
        if not good:
            print(f"FAILED: {text}", *what, *(f"{k} = {v.dtype}{v.shape} {v.tolist() if v.size < 30 else ''}" for k, v in
                                              arrays.items()), sep="\n  ")

    def expect(self, text, arrays, expected, threads=(1,)):
        for n in threads:
            try:
                [found] = self.library.evaluate(text, arrays, self.contexts[n], threads=n, block_items=(0, 7)[n % 2])
            except Error as error:
                self.report(False, text, arrays, f"threads {n}: {error}")
                continue
            self.report(same(found, expected), text, arrays, f"threads {n}: found {found.dtype}{found.shape} {found}",
                        f"expected {expected.dtype}{expected.shape} {expected}")

    def refuse(self, text, arrays, status, place, words, threads=(1,)):
        begin = text.index(place)
        for n in threads:
            try:
                self.library.evaluate(text, arrays, self.contexts[n], threads=n)
            except Error as error:
                good = (error.status, error.begin, error.end) == (status, begin, begin + len(place)) and words in error.message
                self.report(good, text, arrays, f"threads {n}: {error}")
            else:
                self.report(False, text, arrays, f"threads {n}: no error, for {status} {words}")


def draw(rng, dtype, shape, layout="contiguous"):
    return layouts.draw_array(rng, shape, dtype, layout)


# Of an array `a` of any layout and the expression that the text names instead of it.
FORMS = [("a", lambda a: a), ("a.T", lambda a: a.T), ("a[::-1]", lambda a: a[::-1]), ("(a + a)", lambda a: a + a),
         ("a[..., newaxis]", lambda a: a[..., None])]


def check_take(c, rng, count):
    for k in range(count):
        dtype, layout = layouts.DTYPES[k % len(layouts.DTYPES)], layouts.LAYOUTS[k // 3 % len(layouts.LAYOUTS)]
        shape = tuple(rng.integers(1, 7, rng.integers(1, 4)))
        a = draw(rng, dtype, shape, layout)
        form, apply = FORMS[rng.integers(len(FORMS))]
        with np.errstate(all="ignore"):
            table = apply(a)
        axis = int(rng.integers(-table.ndim, table.ndim))
        n = table.shape[axis]
        index_shape = tuple(rng.integers(0, 5, rng.integers(0, 4)))
        i = np.asarray(rng.integers(-n, n, index_shape)).astype(rng.choice(["int64", "int32", "int8"]))
        if rng.random() < 0.3 and i.ndim > 1:
            i = i.T
        arrays, place = {"a": a, "i": i}, axis % table.ndim
        c.expect(f"take({form}, i, {axis})", arrays, np.take(table, i, axis))
        c.expect(f"{form}[{':, ' * place}i]", arrays, table[(slice(None),) * place + (i,)])
        c.expect(f"{form}[..., i{', :' * (table.ndim - 1 - place)}]", arrays,
                 table[(..., i) + (slice(None),) * (table.ndim - 1 - place)])
        flat = np.asarray(rng.integers(-table.size, table.size, index_shape))
        c.expect(f"{form}.take(i)", {"a": a, "i": flat}, np.take(table, flat))
        if table.ndim > 1 and place == 0:
            c.expect(f"{form}[i, ::-1, None]", arrays, table[i, ::-1, None])
            c.expect(f"{form}[i][..., -1]", arrays, table[i][..., -1])


def check_take_more(c, rng):
    a, i = rng.random((300, 400)), rng.integers(-300, 300, 200000)
    j = rng.integers(0, 400, (5, 1, 7))
    for text, arrays, expected in (
            ("a[i % 300][:, 7] + 1", {"a": a, "i": i[:999]}, a[i[:999] % 300][:, 7] + 1),
            ("a[:, j] * 2", {"a": a, "j": j}, a[:, j] * 2),
            ("x[i]", {"x": a[:, 0], "i": i}, a[:, 0][i]), ("a[i]", {"a": a, "i": i[:2000]}, a[i[:2000]]),
            ("x[i] + i", {"x": a[:, 0].astype(">f4"), "i": i}, a[:, 0].astype("f4")[i] + i),
            ("sum(x[i])", {"x": np.arange(300), "i": i}, np.sum(np.arange(300)[i])),
            ("x[x[i]]", {"x": np.arange(300)[::-1].copy(), "i": i % 300}, (i % 300)),
            ("index(x, 0)[i]", {"x": a[:, 0], "i": i}, i % 300), ("(x > 0.5)[i]", {"x": a[:, 0], "i": i}, (a[:, 0] > 0.5)[i]),
            ("cumsum(x)[i]", {"x": np.arange(300), "i": i}, np.cumsum(np.arange(300))[i]),
            ("take(x, 7)", {"x": a}, np.take(a, 7)), ("take(x, -1, axis=1)", {"x": a}, np.take(a, -1, axis=1)),
            ("take(x, i > 0)", {"x": a[:, 0], "i": i[:50]}, np.take(a[:, 0], i[:50] > 0)),
            ("x[i]", {"x": a[:0], "i": i[:0]}, a[:0][i[:0]]), ("x[i]", {"x": a[:0, :0], "i": i[:0]}, a[:0, :0][i[:0]])):
        c.expect(text, arrays, expected, THREADS)
    c.refuse("a[i, 3]", {"a": a, "i": i}, "TYPE", "3", "integers go first")
    c.refuse("a[i, j]", {"a": a, "i": i, "j": j}, "TYPE", "j", "one array")
    c.refuse("a[i + 0.5]", {"a": a, "i": i}, "TYPE", "i + 0.5", "integer")
    c.refuse("take(a, i + 0.5)", {"a": a, "i": i}, "TYPE", "i + 0.5", "integers")
    c.refuse("take(a, i, axis=2)", {"a": a, "i": i}, "SHAPE", "2", "axis 2 is out of range")
    c.refuse("take(a, i)", {"a": a[:0], "i": i}, "VALUE", "i", "length 0")
    c.refuse("2[i]", {"i": i}, "TYPE", "2", "no axes")


def check_bounds(c, rng):
    """The first index that is out of bounds is the one that is told, wherever threads come upon others first."""
    a = rng.random((50, 3000))
    for n in (1, 1000, 300000):
        for k in range(6):
            i = rng.integers(-50, 50, n)
            first = int(rng.integers(0, n))
            i[first] = bad = int(rng.choice([50, -51, 2**62, -2**63]))
            i[first + 1:][rng.random(n - first - 1) < 0.5] = 99
            words = f"index {bad} is out of bounds for axis 0 of length 50"
            c.refuse("x[i] + 1", {"x": a[:, 0], "i": i}, "VALUE", "i", words, THREADS)
            c.refuse("sum(x[i])", {"x": a[:, 0], "i": i}, "VALUE", "i", words, THREADS)
            c.refuse("cumsum(x[i])", {"x": a[:, 0], "i": i}, "VALUE", "i", words, THREADS)
    c.refuse("a[:, j]", {"a": a, "j": np.array([[0, 3000]])}, "VALUE", "j", "index 3000 is out of bounds for axis 1 of length 3000",
             THREADS)
    c.refuse("a[j, :]", {"a": a, "j": np.array(-51)}, "VALUE", "j", "index -51 is out of bounds for axis 0 of length 50")
    c.refuse("take(a, 50, axis=0)", {"a": a}, "VALUE", "50", "index 50 is out of bounds for axis 0 of length 50")


def check_searches(c, rng, count):
    for k in range(count):
        dtype, other = layouts.DTYPES[k % len(layouts.DTYPES)], rng.choice(layouts.DTYPES)
        a = np.sort(draw(rng, dtype, (int(rng.integers(0, 40)),)))
        if k % 3 == 1:
            a = np.repeat(a, 2)[::2]
        if k % 3 == 2:
            a = a.astype(a.dtype.newbyteorder())
        v = draw(rng, str(other), tuple(rng.integers(0, 6, rng.integers(0, 4))), layouts.LAYOUTS[k % len(layouts.LAYOUTS)])
        for side in ("left", "right"):
            c.expect(f"searchsorted(a, v, side='{side}')", {"a": a, "v": v}, np.asarray(np.searchsorted(a, v, side)))
    a, v = np.sort(rng.random(1000)), rng.random(300000)
    a[-3:] = np.nan
    v[:5] = np.nan, np.inf, -np.inf, a[7], a[0]
    for side in ("left", "right"):
        c.expect(f"searchsorted(a, v, side='{side}')", {"a": a, "v": v}, np.searchsorted(a, v, side), THREADS)
    c.expect("searchsorted(sqrt(a), v)", {"a": a, "v": v}, np.searchsorted(np.sqrt(a), v))
    c.expect("a.searchsorted(0.5)", {"a": a}, np.asarray(np.searchsorted(a, 0.5)))
    c.expect("searchsorted(x, 0.1)", {"x": np.array([0.1], "f4")}, np.asarray(np.searchsorted(np.array([0.1], "f4"), 0.1)))
    c.expect("searchsorted(x, 3)", {"x": np.arange(9, dtype="i1")}, np.asarray(3))
    c.refuse("searchsorted(m, v)", {"m": a.reshape(2, -1), "v": v}, "SHAPE", "m", "shape is (2, 500)")
    c.refuse("searchsorted(a, v, side='up')", {"a": a, "v": v}, "VALUE", "'up'", "'left' or 'right'")


def check_interp(c, rng, count):
    for k in range(count):
        n = int(rng.integers(1, 30))
        xp = np.sort(layouts.draw_floats(rng, n, "f8"))
        xp = np.sort(np.where(np.isnan(xp), 0.25, xp))
        fp = draw(rng, rng.choice(["float64", "float32", "int32", "complex128", "bool"]), (n,))
        kind, layout = rng.choice(["float64", "float16", "int64"]), layouts.LAYOUTS[k % len(layouts.LAYOUTS)]
        x = draw(rng, kind, (int(rng.integers(0, 40)),), layout)
        x = np.concatenate([x, xp.astype(x.dtype)]) if x.dtype == "f8" and k % 2 else x
        arrays = {"x": x, "xp": xp if k % 3 else xp.astype(">f8"), "fp": np.repeat(fp, 2)[::2] if k % 4 else fp}
        with np.errstate(all="ignore"):
            c.expect("interp(x, xp, fp)", arrays, np.interp(x, xp, fp))
            c.expect("interp(x, xp, fp, left=-1, right=nan)", arrays, np.interp(x, xp, fp, -1, np.nan))
    xp, x = np.linspace(0, 1, 1000), rng.random(300000) * 1.2 - 0.1
    c.expect("interp(x, xp, xp*xp, 5)", {"x": x, "xp": xp}, np.interp(x, xp, xp * xp, 5), THREADS)
    c.expect("interp(0.3, xp, xp*xp, right=1)", {"xp": xp}, np.asarray(np.interp(0.3, xp, xp * xp)))
    c.refuse("interp(x, xp, xp[1:])", {"x": x, "xp": xp}, "SHAPE", "interp(x, xp, xp[1:])", "different lengths: 1000 and 999")
    c.refuse("interp(x, p, p)", {"x": x, "p": xp[:0]}, "SHAPE", "interp(x, p, p)", "at least one point")
    c.refuse("interp(x, xp*1j, fp)", {"x": x, "xp": xp, "fp": xp}, "TYPE", "xp*1j", "real")


def horner(p, x):
    """np.polyval with products of complex numbers whose parts are rounded one by one; NumPy's may be fused."""
    dtype = np.result_type(p, x)
    if dtype.kind != "c":
        return np.asarray(np.polyval(p, x))
    p, x = p.astype(dtype), x.astype(dtype)
    y = np.zeros_like(x)
    for k in range(len(p)):
        product = np.empty_like(x)
        product.real, product.imag = y.real * x.real - y.imag * x.imag, y.real * x.imag + y.imag * x.real
        y = product + p[k]
    return np.asarray(y)


def check_polynomials(c, rng, count):
    for k in range(count):
        dtype, other = layouts.DTYPES[k % len(layouts.DTYPES)], str(rng.choice(layouts.DTYPES))
        p = draw(rng, dtype, (int(rng.integers(1, 9)),), ("contiguous", "strided", "swapped", "negative")[k % 4])
        x = draw(rng, other, tuple(rng.integers(0, 9, rng.integers(0, 3))), layouts.LAYOUTS[k % len(layouts.LAYOUTS)])
        with np.errstate(all="ignore"):
            c.expect("polyval(p, x)", {"p": p, "x": x}, horner(p, x))
    p, x = rng.random(12), rng.random(300000)
    z = x[:1000] * np.exp(x[1000:2000] * 9j)
    c.report(np.allclose(horner(p, z), np.polyval(p, z), 1e-14, 1e-14), "horner", {"p": p})
    c.expect("polyval(p, x)", {"p": p, "x": x}, np.polyval(p, x), THREADS)
    c.expect("polyval(p[::2], 1.5)", {"p": p}, np.asarray(np.polyval(p[::2], 1.5)))
    c.expect("sum(polyval(p*2, x) > 1)", {"p": p, "x": x}, np.sum(np.polyval(p * 2, x) > 1), THREADS)
    c.refuse("polyval(2.5, x)", {"x": x}, "SHAPE", "2.5", "one axis")


def main():
    count, seed = [int(x) for x in sys.argv[2:4]] + [120, 1][len(sys.argv) - 2:]
    c = Checker(Library(sys.argv[1]))
    check_take(c, np.random.default_rng(seed), count)
    check_take_more(c, np.random.default_rng(seed))
    check_bounds(c, np.random.default_rng(seed))
    check_searches(c, np.random.default_rng(seed), count)
    check_interp(c, np.random.default_rng(seed), count)
    check_polynomials(c, np.random.default_rng(seed), count)
    print(f"{c.passed} passed, {c.failed} failed")
    sys.exit(c.failed > 0)


main()
