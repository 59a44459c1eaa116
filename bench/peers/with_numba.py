# SPDX-License-Identifier: MIT
"""Numba, parallel, with fastmath off and on. Elementwise rows are loops over prange, made from the rows' texts; other rows
are array expressions, which Numba makes loops of, or the loops below where Numba has no words for them."""

import ast
import functools
import math
import os
import warnings

import numba
import numpy as np
from numba import prange

from bench.harness.spelling import Unsupported, parse, renamed, with_literals
from bench.peers import Call

MATH = {name: getattr(math, name) for name in "erf erfc gamma lgamma".split()}
NAMES = {**{name: getattr(np, name) for name in dir(np) if not name.startswith("_")}, **MATH, "prange": prange,
         "norm": np.linalg.norm, "where": None}
LOOPS = {
    "normal_rows": """
    for j in prange(a.shape[0]):
        row = a[j]
        middle, spread = row.mean(), row.std()
        for i in range(a.shape[1]):
            out0[j, i] = (row[i] - middle) / spread
""",
    "distances": """
    for j in prange(a.shape[0]):
        for i in range(a.shape[0]):
            total = 0.0
            for k in range(a.shape[1]):
                total += (a[j, k] - a[i, k])**2
            out0[j, i] = math.sqrt(total)
""",
    "columns": """
    out0[:] = 0
    for j in range(a.shape[0]):
        for i in range(a.shape[1]):
            out0[i] += a[j, i]
""",
    "rows": """
    for j in prange(a.shape[0]):
        out0[j] = a[j].sum()
""",
}


class Conditions(ast.NodeTransformer):
    """where(c, x, y) of elements is x if c else y."""

    def visit_Call(self, node):
        self.generic_visit(node)
        return ast.IfExp(*node.args) if node.func.id == "where" else node


def loop(row):
    """A loop over the elements."""
    assignments, results = parse(row.text)
    dtype = row.result if row.kind != "op" else next(iter(row.inputs.values()))

    def element(tree):
        tree = Conditions().visit(renamed(tree, lambda name: f"{name}[i]" if name in row.inputs else name))
        return ast.unparse(with_literals(ast.fix_missing_locations(tree), dtype))
    lines = [f"{name} = {element(tree)}" for name, tree in assignments]
    lines += [f"out{k}[i] = {element(tree)}" for k, tree in enumerate(results)]
    return "    for i in prange(out0.shape[0]):\n" + "".join(f"        {line}\n" for line in lines)


def whole(row):
    """Array expressions."""
    assignments, results = parse(row.text)
    is_number = row.layout == "total"
    lines = [f"{name} = {ast.unparse(tree)}" for name, tree in assignments]
    lines += [f"out{k}[{'()' if is_number else '...'}] = {ast.unparse(tree)}" for k, tree in enumerate(results)]
    return "".join(f"    {line}\n" for line in lines)


@functools.cache
def compile_source(source, fastmath):
    namespace = {**NAMES, "math": math}
    if "where" not in source:
        del namespace["where"]
    else:
        namespace["where"] = np.where
    exec(source, namespace)
    return numba.njit(parallel=True, fastmath=fastmath)(namespace["run"])


class Numba:
    def __init__(self, name, fastmath):
        self.name, self.fastmath = name, fastmath

    def version(self, tools):
        return numba.__version__

    def prepare(self, row, data, threads, tools):
        if row.layout == "swapped":
            raise Unsupported("Numba has no arrays of the other byte order")
        numba.set_num_threads(min(threads, numba.config.NUMBA_NUM_THREADS))
        inputs = list(data.inputs.values())
        fresh = row.is_fresh
        body = LOOPS.get(row.name) or (loop(row) if row.is_elementwise else whole(row))
        if row.layout in ("few", "most"):
            body = f"    return {row.text}\n"
        elif fresh:
            body = f"    out0 = empty_like(a)\n{body}    return out0\n"
        outputs = [] if fresh else [f"out{k}" for k in range(len(data.outputs))]
        function = compile_source(f"def run({', '.join([*data.inputs, *outputs])}):\n{body}", self.fastmath)
        arguments = inputs + ([] if fresh else data.outputs)
        kept = data.outputs if not fresh else [None]
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                kept[0:1] = [function(*arguments)] if fresh else kept[0:1]
                if not fresh:
                    function(*arguments)
        except numba.core.errors.NumbaError as error:
            lines = [line.strip() for line in str(error).splitlines() if line.strip()]
            raise Unsupported(f"Numba: {lines[1] if len(lines) > 1 else lines[0]}"[:200]) from None
        if fresh:
            def call():
                kept[0] = function(*arguments)
            return Call(call, lambda: kept, was_run=True)
        return Call(lambda: function(*arguments), lambda: kept, was_run=True)


os.environ.setdefault("NUMBA_DISABLE_PERFORMANCE_WARNINGS", "1")
PEERS = [Numba("numba", False), Numba("numba-fastmath", True)]
