# SPDX-License-Identifier: MIT
"""The process that measures, for one number of threads: `run` starts one for each, because most libraries read that number
when they are loaded. Prints nothing but progress; the cells it measured go to a file of JSON.

In a cell, a row at a size, all peers work on the same arrays. Each is prepared and called once, on the clock: that is its
first call. Its answer is compared with NumPy's. Then they are timed in turn, again and again, each turn a batch of calls
that takes at least `least_ns`. Times are per call; ratios are those of nexpr-auto to a peer in the same turn.
"""

import gc
import json
import math
import os
import random
import sys
import time
import warnings
from pathlib import Path
from types import SimpleNamespace

import numpy as np

import nexpr

from bench import peers as peer_files
from bench.harness import table
from bench.harness.spelling import Unsupported
from bench.peers.with_numpy import reference

OURS = "nexpr-auto"
LONG_NS, LARGE = 5e7, 1 << 22  # a first call that is so long for so many elements tells how long one takes
CACHED_NS = 4e6  # what takes longer works on more than a cache holds
REST_S = 5e-4  # before each turn, so that the threads of the other libraries are asleep
# How far answers may be from NumPy's: peers have math functions of their own, and sums in orders of their own.
BOUNDS = {"float64": 1e-9, "complex128": 1e-9, "float32": 3e-4, "complex64": 3e-4}


def make_tools(task):
    library = nexpr.Library(task["library"])
    cached = nexpr.ContextOptions(threads=task["threads"], cached_bytes=1 << 30)
    plain = nexpr.ContextOptions(threads=task["threads"], cached_bytes=2**64 - 1)
    contexts = []
    for options in (plain, cached):
        context, record = nexpr.c_void_p(), nexpr.ErrorRecord()
        library.check(library.c.nexpr_context_new(nexpr.byref(options), nexpr.byref(context), nexpr.byref(record)), record)
        contexts.append(context)
    return SimpleNamespace(library=library, harness=table.Harness(task["harness"]), context=contexts[0],
                           cached_context=contexts[1], folder=Path(task["folder"]), rows=[])


def all_rows(tools):
    """(rows, what was left out and why)."""
    ops, left_out = table.op_rows(tools.library)
    return tools.harness.rows() + ops + table.chain_rows() + table.input_rows(), left_out


# --------------------------------------------------------------------------------------------------------------- one cell

def compare(tools, row, answers, expected):
    """What is wrong with an answer, or None."""
    if len(answers) != len(expected):
        return f"{len(answers)} results instead of {len(expected)}"
    for answer, right in zip(answers, expected):
        answer = np.asarray(answer)
        if answer.shape != right.shape:
            return f"shape {answer.shape} instead of {right.shape}"
        if answer.dtype != right.dtype and right.dtype.kind not in "biu":
            answer, right = answer.astype(np.float64), right.astype(np.float64)
        answer, right = np.ascontiguousarray(answer, right.dtype), np.ascontiguousarray(right)
        bound = max(BOUNDS.get(row.result, 0), row.bound, max(BOUNDS.get(x, 0) for x in row.inputs.values()))
        at = tools.harness.c.bench_find_difference(nexpr.INDEX_OF[right.dtype.name], right.size, answer.ctypes.data,
                                                   right.ctypes.data, bound)
        if at >= 0:
            return f"element {at} is {answer.ravel()[at]!r}, NumPy's is {right.ravel()[at]!r}"
    return None


def clear(outputs):
    for array in outputs or []:
        array[...] = 0


def first_calls(tools, found, row, data, threads, expected):
    """({peer: (call, first call in ns, ns of the second)}, {peer: why not})."""
    ready, reasons = {}, {}
    for name, peer in found.items():
        if table.C_ALONE.search(row.name) and not name.startswith(("c", "nexpr")):
            reasons[name] = "differs from another row in C alone"
            continue
        clear(data.outputs)
        start = time.perf_counter_ns()
        try:
            call = peer.prepare(row, data, threads, tools)
            if not call.was_run:
                call.run()
            first = time.perf_counter_ns() - start
            wrong = compare(tools, row, call.answers(), expected)
        except Unsupported as error:
            reasons[name] = str(error)
            continue
        except Exception as error:  # of a peer, whatever it is: the others go on
            reasons[name] = f"failed: {type(error).__name__}: {error}"[:200]
            continue
        if wrong:
            reasons[name] = f"wrong answer: {wrong}"
            continue
        ready[name] = call, first, first if first > LONG_NS and data.n > LARGE else max(call.time(1), 1)
    return ready, reasons


def warm_up(call, estimate, warm_ns):
    """nexpr's auto looks at how long it has run."""
    until = time.perf_counter_ns() + warm_ns
    while time.perf_counter_ns() < until:
        call.time(max(1, int(1e6 / estimate)))
    return max(call.time(1), 1)


def timed(call, count, estimate, threads):
    """Behind a call that is not timed, if what the peer before has left in the caches would matter."""
    time.sleep(REST_S)
    if threads > 1 or estimate < CACHED_NS:
        call.run()
    return call.time(count) / count


def quartiles(values):
    return [float(x) for x in np.percentile(values, [25, 50, 75])]


def measure_cell(tools, found, row, data, threads, turns, least_ns, warm_ns):
    """One object of `cells`; turns(estimate in ns of one turn) tells how many there may be."""
    expected = reference(row, data)
    data.shape_outputs(expected)
    ready, reasons = first_calls(tools, found, row, data, threads, expected)
    if OURS in ready and warm_ns:
        call, first, estimate = ready[OURS]
        ready[OURS] = call, first, warm_up(call, estimate, warm_ns)
    counts = {name: max(1, math.ceil(least_ns / estimate)) for name, (_, _, estimate) in ready.items()}
    cost = sum((counts[name] + (estimate < CACHED_NS)) * estimate for name, (_, _, estimate) in ready.items())
    times = {name: [] for name in ready}
    for turn in range(turns(cost)):
        for name in random.Random(turn).sample(list(ready), len(ready)):  # nobody always comes behind the same one
            call, _, estimate = ready[name]
            if turn == 0 and counts[name] > 1:  # the first estimate was that of a cold call
                counts[name] = max(1, math.ceil(least_ns / max(call.time(counts[name]) / counts[name], 1)))
            times[name].append(timed(call, counts[name], estimate, threads))
    figures = {}
    for name, (_, first, _) in ready.items():
        figures[name] = {"first_ns": first, "ns": quartiles(times[name]), "turns": len(times[name])}
        if OURS in times:
            figures[name]["ratio"] = quartiles(np.array(times[OURS]) / np.array(times[name]))
    return {"row": row.name, "n": data.n, "threads": threads, "bytes": int(data.bytes), "peers": figures, "not": reasons}


# ------------------------------------------------------------------------------------------------------------- yardsticks

def least_of(call, count, repeats=7):
    return min(call(count) for _ in range(repeats)) / count


def measure_yardsticks(harness, threads, quick):
    """Bytes per ns of copies and triads at footprints from the first cache to memory, operations per ns, ns of a region."""
    c, rows = harness.c, []
    for items in [1 << 9, 1 << 11, 1 << 13, 1 << 15, 1 << 17, 1 << 19, 1 << 21, 1 << 24][:6 if quick else 8]:
        r, a, b = (table.aligned(items, "float64") for _ in range(3))
        a[:], b[:] = 1, 2
        count = max(1, (1 << 22) // items)
        entry = {"bytes": 16 * items}
        for streams, word in ((False, ""), (True, "_streamed")):
            entry[f"copy{word}"] = 16 * items / least_of(
                lambda k: c.bench_copy(streams, threads, items, r.ctypes.data, a.ctypes.data, k), count)
            entry[f"triad{word}"] = 24 * items / least_of(
                lambda k: c.bench_triad(streams, threads, items, r.ctypes.data, a.ctypes.data, b.ctypes.data, k), count)
        rows.append(entry)
    operations = nexpr.c_double()
    best = max(operations.value / ns for ns, in (
        (c.bench_fma(threads, nexpr.byref(operations)),) for _ in range(9)))
    region = least_of(lambda k: c.bench_empty_region(threads, k), 1000)
    return {"threads": threads, "memory": rows, "fma_per_ns": best, "region_ns": region}


# ----------------------------------------------------------------------------------------------------------------- a task

class Clock:
    """Shares out the time that is left: a cell gets turns in proportion to its weight."""

    def __init__(self, task, weight):
        self.deadline, self.left = time.monotonic() + task["seconds"], weight
        self.stop = time.monotonic() + (task["stop_after"] or math.inf)
        self.least, self.most = task["turns"]

    def is_over(self):
        return time.monotonic() > min(self.stop, self.deadline)

    def turns(self, weight):
        allowed = 0.7 * max(self.deadline - time.monotonic(), 0) * 1e9 * weight / max(self.left, weight)
        return lambda cost: min(self.most, max(self.least, int(allowed / cost)))


def weight(row, n):
    """Of a cell in time: small ones cost what a batch takes, large ones what they take."""
    return (1 + n / (1 << 17)) * (1.5 if row.kind == "table" else 1)


def plan(task, rows):
    """[(row, n)] of this process."""
    by_name = {row.name: row for row in rows}
    done = {(name, n) for name, n in map(tuple, task["done"])}
    return [(by_name[name], n) for name, sizes in task["cells"] for n in sizes if (name, n) not in done]


def run_task(task):
    tools = make_tools(task)
    rows, left_out = all_rows(tools)
    tools.rows = [row for row in rows if row.name in {name for name, _ in task["cells"]}]
    found, missing = peer_files.load(task["peers"])
    cells = plan(task, rows)
    result = {"versions": {name: peer.version(tools) for name, peer in found.items()}, "missing": missing,
              "left_out": left_out, "cells": [], "undone": [],
              "rows": {row.name: describe(row) for row in tools.rows},
              "yardsticks": [] if not task["yardsticks"] else
              [measure_yardsticks(tools.harness, task["threads"], task["mode"] == "smoke")]}
    clock, before = Clock(task, sum(weight(*cell) for cell in cells)), None
    gc.disable()
    warnings.simplefilter("ignore")  # of peers, about what they do not know
    for row, n in cells:
        if clock.is_over():
            result["undone"].append([row.name, n, task["threads"]])
            continue
        if row is not before and not task["quiet"]:
            print(f"  {task['threads']} thr  {row.name:20} {row.text[:70]}", file=sys.stderr, flush=True)
        before = row
        cell = measure_one(tools, found, row, n, task, clock)
        cell["asked"] = n
        result["cells"].append(cell)
        gc.collect()
    return result


def measure_one(tools, found, row, n, task, clock):
    share = weight(row, n)
    warm_ns = task["warm_ns"] if row.kind != "op" else task["warm_ns"] / 4
    data = None
    try:
        data = table.Data(tools.harness, row, n)
        with np.errstate(all="ignore"):
            cell = measure_cell(tools, found, row, data, task["threads"], clock.turns(share), task["least_ns"], warm_ns)
    except Unsupported as error:
        cell = {"row": row.name, "n": n, "threads": task["threads"], "bytes": 0, "peers": {}, "not": {"all": str(error)}}
    clock.left -= share
    if data:
        data.free()
    return cell


def describe(row):
    return {"text": row.text, "note": row.note, "kind": row.kind, "layout": row.layout, "inputs": row.inputs,
            "result": row.result, "operations": float(row.operations)}


def main():
    task = json.loads(Path(sys.argv[1]).read_text())
    if task["list"]:
        rows, left_out = all_rows(make_tools(task))
        answer = {"rows": {row.name: describe(row) for row in rows}, "left_out": left_out}
    else:
        answer = run_task(task)
    Path(sys.argv[2]).write_text(json.dumps(answer))
    os._exit(0)  # threads of the peers may still spin; nothing is left to do


if __name__ == "__main__":
    main()
