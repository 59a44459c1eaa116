#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""nexpr beside numexpr: the same expressions on the same arrays, in turn, in one process, with as many threads each.

nexpr runs a prepared plan through ctypes. numexpr runs as its users call it, numexpr.evaluate(text, local_dict, out=out)
with its cache warm, and with the text's look-up left out, by calling the compiled NumExpr object. Neither is given anything
to allocate. The answers are compared before anything is timed.

    scripts/setup bench
    .venv/bin/python bench/compare_numexpr.py --library build/runtime/libnexpr.so

A speed-up is numexpr's time over nexpr's in the same turn, the median of all turns: above 1 nexpr is faster.
"""

import argparse
import ctypes
import gc
import json
import math
import os
import re
import statistics
import sys
import time
from ctypes import byref, c_int, c_void_p
from dataclasses import dataclass
from pathlib import Path

CPUS = len(os.sched_getaffinity(0))
os.environ["NUMEXPR_MAX_THREADS"] = str(CPUS)  # read when it is imported

import numexpr  # noqa: E402
import numpy as np  # noqa: E402

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT / "tests" / "python"))
import nexpr  # noqa: E402

SIZES = [1, 1000, 4096, 10000, 65536, 1 << 24]
REST_S = 3e-4  # before each timing, so that the threads of the other library are asleep
RTOL = {"float32": 1e-5, "float64": 1e-13, "complex128": 1e-13}  # both call math functions of their own; else equal

# numexpr's literals are float64, so float32 rows have variables in their place.
SPELLINGS = {
    "wave32": ("(c0*a-c1*b)+c2*(sin(a)+cos(b))", {"c0": 2.0, "c1": 4.5, "c2": 1.1}),
    "scaling": ("(a-c0)/c1", {"c0": 16.0, "c1": 219.0}),
}


@dataclass
class Row:
    name: str
    text: str
    inputs: dict[str, str]  # name: dtype
    output: str


def read_rows():
    """Those of expr_bench that are about an expression: flat arrays, and at most a word as their note."""
    dtypes = dict(re.findall(r'X\(\w+, (\w+), "(\w+)"', (ROOT / "include" / "nexpr.h").read_text()))
    table = (ROOT / "bench" / "expr_rows.def").read_text()
    pattern = r'^ROW\((\w+), "(.*?)", "\w*", FLAT, 0,\s+\w+, (\w+), (\w+), (\w+), (\w+),'
    rows = []
    for name, text, output, *inputs in re.findall(pattern, table, re.MULTILINE):
        given = {letter: dtypes[suffix] for letter, suffix in zip("abc", inputs) if suffix != "none"}
        rows.append(Row(name, text, given, dtypes[output]))
    return rows


def make_array(dtype, size, seed):
    rng = np.random.default_rng(seed)
    kind = np.dtype(dtype).kind
    if kind in "iu":
        info = np.iinfo(dtype)
        return rng.integers(info.min // 4, info.max // 4, size, dtype=dtype)
    array = np.empty(size, dtype)
    parts = [array.real, array.imag] if kind == "c" else [array]
    for part in parts:
        part[:] = rng.uniform(0.05, 0.95, size)
    return array


class Ours:
    """A prepared plan with its argument arrays."""

    def __init__(self, library, context, row, arrays, out):
        self.library, self.arrays, self.out = library, arrays, out
        expr = library.compile(row.text, row.inputs, context, result_dtype=row.output)
        inputs, outputs = [nexpr.describe_array(a) for a in arrays.values()], [nexpr.describe_array(out)]
        record, self.plan = nexpr.ErrorRecord(), c_void_p()
        library.check(library.c.nexpr_plan_new(expr.handle, context, nexpr.pointers(nexpr.Array, inputs),
                                               nexpr.pointers(nexpr.Array, outputs), None, byref(self.plan),
                                               byref(record)), record)
        run, plan, error = library.c.nexpr_plan_run, self.plan, None
        sources = (c_void_p * len(inputs))(*[record.data for record in inputs])
        targets = (c_void_p * 1)(outputs[0].data)
        self.run = lambda: run(plan, sources, targets, error)

    def free(self):
        self.library.c.nexpr_plan_free(byref(self.plan))


def their_calls(row, arrays, out):
    """The two ways to call numexpr."""
    text, constants = SPELLINGS.get(row.name, (row.text, {}))
    operands = {**arrays, **{name: np.float32(value) for name, value in constants.items()}}
    casting = "unsafe" if row.output == "int8" else "same_kind"  # numexpr computes int8 in int32
    signature = [(name, numexpr.necompiler.getType(value)) for name, value in operands.items()]
    compiled = numexpr.NumExpr(text, signature)
    values = [np.asarray(value) for value in operands.values()]
    return (lambda: numexpr.evaluate(text, local_dict=operands, out=out, casting=casting),
            lambda: compiled(*values, out=out, order="K", casting=casting, ex_uses_vml=False))


def check_answers(row, ours, theirs):
    for start in range(0, len(ours), 1 << 20):
        x, y = ours[start:start + (1 << 20)], theirs[start:start + (1 << 20)]
        good = np.abs(x - y) <= RTOL[row.output] * (1 + np.abs(y)) if row.output in RTOL else x == y
        if not good.all():
            at = int(np.argmin(good))
            sys.exit(f"compare_numexpr: {row.text}: element {start + at} is {x[at]!r}, but numexpr gives {y[at]!r}")


def time_call(call, least_s):
    """Seconds per call, over as many as take least_s; the first one wakes the threads and is not counted."""
    time.sleep(REST_S)
    call()
    batch, done, start = 1, 0, time.perf_counter()
    while True:
        for _ in range(batch):
            call()
        done += batch
        elapsed = time.perf_counter() - start
        if elapsed >= least_s:
            return elapsed / done
        batch *= 2


def measure(library, context, row, size, threads, pairs, least_s):
    arrays = {name: make_array(dtype, size, seed) for seed, (name, dtype) in enumerate(row.inputs.items())}
    out, their_out = np.zeros(size, row.output), np.ones(size, row.output)
    ours = Ours(library, context, row, arrays, out)
    evaluate, direct = their_calls(row, arrays, their_out)
    if ours.run():
        sys.exit(f"compare_numexpr: {row.text}: nexpr_plan_run failed")
    for call in (evaluate, direct):
        their_out[:] = 1
        call()
        check_answers(row, out, their_out)
    turns = [[time_call(call, least_s) for call in (ours.run, evaluate, direct)] for _ in range(pairs)]
    ours.free()
    ns = [1e9 * statistics.median(column) for column in zip(*turns)]
    return {"row": row.name, "text": row.text, "n": size, "threads": threads, "nexpr_ns": ns[0], "evaluate_ns": ns[1],
            "direct_ns": ns[2], "speedup": statistics.median(turn[1] / turn[0] for turn in turns),
            "direct_speedup": statistics.median(turn[2] / turn[0] for turn in turns)}


def ctypes_ns(library):
    """What one call through ctypes costs by itself: nexpr_version does nothing with its arguments."""
    call, array = library.c.nexpr_version, (c_void_p * 2)()
    return 1e9 * min(time_call(lambda: call(None, array, array, None), 1e-3) for _ in range(9))


def report(result):
    small = max(result["n"], 1)
    print(f"{result['row']:10} {result['threads']:7} {result['n']:9} {result['nexpr_ns'] / small:11.3f} "
          f"{result['evaluate_ns'] / small:11.3f} {result['direct_ns'] / small:11.3f} {result['speedup']:8.2f} "
          f"{result['direct_speedup']:8.2f}", flush=True)


def geometric_mean(values):
    return math.exp(statistics.fmean(map(math.log, values))) if values else math.nan


def summarise(results):
    means = {}
    for threads in sorted({r["threads"] for r in results}):
        chosen = [r for r in results if r["threads"] == threads and r["n"] == SIZES[-1]]
        if chosen:
            means[threads] = geometric_mean([r["speedup"] for r in chosen])
            print(f"\ngeometric mean at n = {SIZES[-1]}, threads {threads}: {means[threads]:.2f} (evaluate), "
                  f"{geometric_mean([r['direct_speedup'] for r in chosen]):.2f} (compiled object)", end="")
    slower = [r for r in results if min(r["speedup"], r["direct_speedup"]) < 1]
    print("\n\nrows where nexpr is slower:", "" if slower else "none")
    for r in slower:
        report(r)
    return {"geometric_mean": means, "slower": [[r["row"], r["n"], r["threads"]] for r in slower]}


def parse_arguments(rows):
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--library", default=os.environ.get("NEXPR_LIBRARY", "build/runtime/libnexpr.so"))
    parser.add_argument("--rows", nargs="*", default=[r.name for r in rows], help="names of rows: all")
    parser.add_argument("--sizes", nargs="*", type=int, default=SIZES, help="elements")
    parser.add_argument("--threads", nargs="*", type=int, default=sorted({1, CPUS}), help="1 and all")
    parser.add_argument("--pairs", type=int, default=9, help="turns of each row")
    parser.add_argument("--least-ms", type=float, default=2.0, help="of each timing")
    parser.add_argument("--json", metavar="FILE", help="write all figures to FILE")
    return parser.parse_args()


def main():
    rows = read_rows()
    arguments = parse_arguments(rows)
    library = nexpr.Library(arguments.library)
    unknown = set(arguments.rows) - {r.name for r in rows}
    if unknown:
        sys.exit(f"compare_numexpr: no row is called {', '.join(sorted(unknown))}")
    print(f"nexpr {library.c.nexpr_version()}, numexpr {numexpr.__version__}{' with VML' if numexpr.use_vml else ''}, NumPy "
          f"{np.__version__}; {CPUS} CPUs; a call through ctypes takes {ctypes_ns(library):.0f} ns")
    print(f"{'row':10} {'threads':>7} {'n':>9} {'nexpr ns':>11} {'evaluate ns':>11} {'direct ns':>11} {'speed-up':>8} "
          f"{'direct':>8}   per element")
    results = []
    gc.disable()
    for threads in arguments.threads:
        numexpr.set_num_threads(threads)
        context = library.context(threads=threads)
        for row in [r for r in rows if r.name in arguments.rows]:
            for size in arguments.sizes:
                results.append(measure(library, context, row, size, threads, arguments.pairs, arguments.least_ms / 1e3))
                report(results[-1])
        library.free_context(context)
    summary = summarise(results)
    if arguments.json:
        versions = {"nexpr": library.c.nexpr_version(), "numexpr": numexpr.__version__, "numpy": np.__version__}
        Path(arguments.json).write_text(json.dumps({"versions": versions, "cpus": CPUS, "rows": results, **summary}, indent=1))


if __name__ == "__main__":
    main()
