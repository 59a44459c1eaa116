#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""nexpr beside NumPy on whole computations: reductions, views, selection and running sums, as their users would write them.

Both get the same arrays, and preallocated outputs where NumPy has out= for the last step; nexpr runs a prepared plan, or,
where the result's length depends on the data, an evaluation with a result of its own each time. NumPy has one thread. The
answers are compared before anything is timed.

    .venv/bin/python bench/compare_numpy.py --library build/runtime/libnexpr.so

A speed-up is NumPy's time over nexpr's in the same turn, the median of all turns: above 1 nexpr is faster.
"""

import argparse
import gc
import json
import math
import os
import statistics
import sys
import time
from ctypes import byref, c_void_p
from pathlib import Path

os.environ["OPENBLAS_NUM_THREADS"] = "1"  # read when it is imported

import numpy as np  # noqa: E402

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT / "tests" / "python"))
import nexpr  # noqa: E402

CPUS = len(os.sched_getaffinity(0))


def normalise(a, out):
    np.subtract(a, a.mean(axis=1, keepdims=True), out=out)
    np.divide(out, a.std(axis=1, keepdims=True), out=out)


def distances(a, out):
    np.sqrt(np.sum((a[:, np.newaxis, :] - a) ** 2, axis=-1), out=out)


def apply_stencil(a, out):
    np.add(a[:-2, 1:-1], a[2:, 1:-1], out=out)
    np.add(out, a[1:-1, :-2], out=out)
    np.add(out, a[1:-1, 2:], out=out)
    np.subtract(out, 4 * a[1:-1, 1:-1], out=out)


def moments(a, out, out2):
    np.mean(a, out=out)
    np.std(a, out=out2)


# Name: text, arrays, NumPy's way into the outputs (None: the result is NumPy's own, of unknown length).
ROWS = {
    "sum": ("sum(a)", "a", lambda a, out: np.sum(a, out=out)),
    "dot": ("sum(a*b)", "ab", lambda a, b, out: out.__setitem__((), np.dot(a, b))),
    "min": ("min(a)", "a", lambda a, out: np.min(a, out=out)),
    "moments": ("mean(a), std(a)", "a", moments),
    "columns": ("sum(a, axis=0)", "A", lambda a, out: np.sum(a, axis=0, out=out)),
    "rows": ("sum(a, axis=1)", "A", lambda a, out: np.sum(a, axis=1, out=out)),
    "place": ("argmax(a)", "a", lambda a, out: np.argmax(a, out=out)),
    "none": ("any(a>2)", "a", lambda a, out: np.any(a > 2, out=out)),
    "early": ("any(a>0.5)", "a", lambda a, out: np.any(a > 0.5, out=out)),
    "distances": ("sqrt(sum((a[:, newaxis, :] - a)**2, axis=-1))", "P", distances),
    "normal_rows": ("(a - mean(a, axis=1, keepdims=True)) / std(a, axis=1, keepdims=True)", "A", normalise),
    "steps": ("a[1:] - a[:-1]", "a", lambda a, out: np.subtract(a[1:], a[:-1], out=out)),
    "stencil": ("a[:-2, 1:-1] + a[2:, 1:-1] + a[1:-1, :-2] + a[1:-1, 2:] - 4*a[1:-1, 1:-1]", "A", apply_stencil),
    "symmetric": ("a + a.T", "B", lambda a, out: np.add(a, a.T, out=out)),
    "few": ("a[b]", "a1", None),
    "most": ("a[b]", "a9", None),
    "gathered": ("a[b]", "ai", lambda a, b, out: np.take(a, b, out=out, mode="clip")),
    "running": ("cumsum(a)", "a", lambda a, out: np.cumsum(a, out=out)),
}


def make_arrays(kinds, size):
    """a, b: flat; A: a square; B: one of four times as many elements; P: points; 1, 9: masks, true in tenths; i: indices."""
    rng, side = np.random.default_rng(5), math.isqrt(size)
    make = {
        "a": lambda: rng.random(size), "b": lambda: rng.random(size), "A": lambda: rng.random((side, side)),
        "B": lambda: rng.random((2 * side, 2 * side)), "P": lambda: rng.random((min(side, 2000), 3)),
        "1": lambda: rng.random(size) < 0.1, "9": lambda: rng.random(size) < 0.9,
        "i": lambda: rng.integers(0, size, size),
    }
    return dict(zip("ab", (make[kind]() for kind in kinds)))


class Ours:
    """A prepared plan with its argument arrays; without outputs, an evaluation whose result the library allocates."""

    def __init__(self, library, context, expr, arrays, outputs):
        self.library, self.keep, self.plan = library, (expr, arrays, outputs), c_void_p()
        inputs = [nexpr.describe_array(array) for array in arrays]
        results = [nexpr.describe_array(out) for out in outputs] if outputs else [nexpr.Array()]
        record, run = nexpr.ErrorRecord(), nexpr.RunOptions()
        given, targets = nexpr.pointers(nexpr.Array, inputs), nexpr.pointers(nexpr.Array, results)
        if outputs:
            library.check(library.c.nexpr_plan_new(expr.handle, context, given, targets, None, byref(self.plan),
                                                   byref(record)), record)
            sources = (c_void_p * len(inputs))(*[x.data for x in inputs])
            places = (c_void_p * len(results))(*[x.data for x in results])
            self.run = lambda: library.check(library.c.nexpr_plan_run(self.plan, sources, places, byref(record)), record)
            return

        def evaluate():
            fresh = nexpr.Array()
            library.check(library.c.nexpr_evaluate(expr.handle, context, given, nexpr.pointers(nexpr.Array, [fresh]),
                                                   byref(run), byref(record)), record)
            library.c.nexpr_array_free(byref(fresh))

        self.run = evaluate

    def free(self):
        if self.plan:
            self.library.c.nexpr_plan_free(byref(self.plan))


def time_call(call, least_s):
    """Seconds per call, over as many as take least_s."""
    done, start = 0, time.perf_counter()
    while True:
        call()
        done += 1
        elapsed = time.perf_counter() - start
        if elapsed >= least_s:
            return elapsed / done


def measure(library, context, name, size, threads, pairs, least_s):
    text, kinds, way = ROWS[name]
    given = make_arrays(kinds, size)
    arrays = list(given.values())
    expr = library.compile(text, {key: array.dtype for key, array in given.items()}, context)
    answers = expr.evaluate(arrays)
    outputs = [np.empty_like(answer) for answer in answers] if way else None
    theirs = [np.empty_like(answer) for answer in answers] if way else []
    call = (lambda: way(*arrays, *theirs)) if way else (lambda: arrays[0][arrays[1]])
    ours = Ours(library, context, expr, arrays, outputs)
    ours.run()
    expected = [call()] if not way else theirs
    call()
    for x, y in zip(outputs or answers, expected):
        if x.shape != y.shape or not np.allclose(x, y, rtol=1e-11, atol=1e-11):
            sys.exit(f"compare_numpy: {text}: NumPy gives another answer")
    turns = [[time_call(f, least_s) for f in (ours.run, call)] for _ in range(pairs)]
    ours.free()
    ns = [1e9 * statistics.median(column) for column in zip(*turns)]
    n = max(arrays[0].size, *(answer.size for answer in answers))
    return {"row": name, "text": text, "n": n, "threads": threads, "nexpr_ns": ns[0] / n, "numpy_ns": ns[1] / n,
            "speedup": statistics.median(turn[1] / turn[0] for turn in turns)}


def parse_arguments():
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--library", default=os.environ.get("NEXPR_LIBRARY", "build/runtime/libnexpr.so"))
    parser.add_argument("--rows", nargs="*", default=list(ROWS), choices=list(ROWS), metavar="ROW",
                        help="names of rows: all")
    parser.add_argument("--size", type=int, default=1 << 24, help="elements")
    parser.add_argument("--threads", nargs="*", type=int, default=sorted({1, CPUS}), help="of nexpr: 1 and all")
    parser.add_argument("--pairs", type=int, default=9, help="turns of each row")
    parser.add_argument("--least-ms", type=float, default=2.0, help="of each timing")
    parser.add_argument("--json", metavar="FILE", help="write all figures to FILE")
    return parser.parse_args()


def main():
    arguments = parse_arguments()
    library = nexpr.Library(arguments.library)
    print(f"nexpr {library.c.nexpr_version()}, NumPy {np.__version__}; {CPUS} CPUs\n{'row':12} {'threads':>7} {'n':>9} "
          f"{'nexpr ns':>9} {'NumPy ns':>9} {'speed-up':>8}   per element")
    results, means = [], {}
    gc.disable()
    for threads in arguments.threads:
        context = library.context(threads=threads)
        for name in arguments.rows:
            r = measure(library, context, name, arguments.size, threads, arguments.pairs, arguments.least_ms / 1e3)
            results.append(r)
            print(f"{name:12} {threads:7} {r['n']:9} {r['nexpr_ns']:9.3f} {r['numpy_ns']:9.3f} {r['speedup']:8.2f}",
                  flush=True)
        library.free_context(context)
        means[threads] = statistics.geometric_mean(r["speedup"] for r in results if r["threads"] == threads)
        print(f"geometric mean, threads {threads}: {means[threads]:.2f}")
    if arguments.json:
        versions = {"nexpr": library.c.nexpr_version(), "numpy": np.__version__}
        Path(arguments.json).write_text(json.dumps({"versions": versions, "cpus": CPUS, "rows": results,
                                                    "geometric_mean": means}, indent=1))


if __name__ == "__main__":
    main()
