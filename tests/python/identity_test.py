#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""The same bits, whatever computes them: every instruction set with FMA, 1 to 8 threads, both thread backends, any block
size, any place of an element in its array. Every operation on every dtype, and some random programs, NaN bits included.

The baseline instruction set has no FMA: there only operations without a vector-math function have to agree.
"""

import hashlib
import json
import os
import subprocess
import sys

import layouts
import nexpr
import numpy as np
import programs

COUNT = 40009
POOL, OPENMP = 1, 2


def inputs_of(dtype, arity):
    """Operands: random ones and edge values, always the same."""
    rng = np.random.Generator(np.random.PCG64([11, layouts.DTYPES.index(dtype)]))
    arrays = []
    for _ in range(arity):
        values = np.concatenate([layouts.draw_values(rng, COUNT // 7, dtype) for _ in range(8)])[:COUNT]
        edges = layouts.edge_values(dtype)
        places = rng.choice(COUNT, min(len(edges) * 4, COUNT), replace=False)
        values[places] = rng.choice(edges, len(places))
        arrays.append(values)
    return arrays


def cases(library, table):
    """(name, expression, arrays, whether all machines agree) of what compiles."""
    for name in table.info:
        arity = table.arity(name)
        for dtype in layouts.DTYPES:
            words = "abc"[:arity]
            types = {word: dtype for word in words}
            try:
                expr = library.compile(f"{name}({', '.join(words)})", types)
            except nexpr.Error:
                continue
            yield f"{name} {dtype}", expr, inputs_of(dtype, arity)
    for name in layouts.DTYPES:
        for dtype in layouts.DTYPES:
            if not (np.dtype(dtype).kind == "c" and np.dtype(name).kind not in "cb"):
                yield f"{name} {dtype}", library.compile(f"{name}(a)", {"a": dtype}), inputs_of(dtype, 1)


def digest(arrays):
    return hashlib.sha256(b"".join(np.ascontiguousarray(array).tobytes() for array in arrays)).hexdigest()[:16]


def digests(library, table):
    """The results of all cases, as text: what one instruction set says."""
    return {name: digest(expr.evaluate(arrays, threads=1)) for name, expr, arrays in cases(library, table)}


def digests_on(path, isa):
    """The same in a process of its own, because the instruction set is chosen once."""
    environment = {**os.environ, "NEXPR_ISA": isa}
    return json.loads(subprocess.run([sys.executable, __file__, path, "--digests"], env=environment, check=True,
                                     stdout=subprocess.PIPE, text=True).stdout)


def is_portable(table, name):
    """Whether an operation gives the same bits without FMA: it is exact, and not complex."""
    op, dtype = name.split()
    if op in ("float_power", "sinc", "angle", "isclose", "round", "fmod", "remainder", "floor_divide") or "complex" in dtype:
        return False
    return op not in table.info or table.info[op].ulp64 == 0


def check_instruction_sets(path, table):
    """Names of cases whose bits depend on the instruction set."""
    best, *others = [*nexpr.ISAS, "baseline"]
    expected, wrong = digests_on(path, best), []
    for isa in others:
        wrong += [f"{name}: {isa} and {best} differ" for name, value in digests_on(path, isa).items()
                  if value != expected[name] and (isa != "baseline" or is_portable(table, name))]
    return len(others) * len(expected), wrong


def variations(library, expr, arrays, contexts):
    """(what, results, expected part of the first result) of every way to compute one case."""
    whole = slice(None)
    for context, name in ((contexts[POOL], "pool"), (contexts[OPENMP], "openmp")):
        expr.context = context
        for threads in range(1, 9):
            yield f"{name}, {threads} threads", expr.evaluate(arrays, threads=threads), whole
    expr.context = None
    for items in (1, 16, 100, 1000, 10 ** 6):
        cut = slice(0, 300) if items == 1 else whole
        yield f"blocks of {items}", expr.evaluate([a[cut] for a in arrays], block_items=items), cut
    for start, stop in ((1, COUNT), (3, 4), (5, 40), (17, 20000), (COUNT - 1, COUNT)):
        yield f"elements {start} to {stop}", expr.evaluate([a[start:stop] for a in arrays]), slice(start, stop)


def check_variations(library, table):
    contexts = {POOL: library.context(8, POOL), OPENMP: library.context(8, OPENMP)}
    count, wrong = 0, []
    for name, expr, arrays in cases(library, table):
        expected = expr.evaluate(arrays, threads=1)[0]
        for what, results, part in variations(library, expr, arrays, contexts):
            count += 1
            if expected[part].tobytes() != results[0].tobytes():
                wrong.append(f"{name}: {what}")
    for context in contexts.values():
        library.free_context(context)
    return count, wrong


def ways_of(program, arrays):
    """(threads, items of a block). A polynomial with as many coefficients as elements goes through all of them for each
    block: a minute, for blocks of one."""
    if "polyval" in program.text() and max((array.size for array in arrays.values()), default=0) > 5000:
        return (8, 0), (3, 500), (2, 101)
    return (8, 0), (3, 5), (1, 64), (2, 1)


def check_programs(library, table, count):
    """Random programs of any layout: one thread against several, and odd blocks."""
    tried, wrong = 0, []
    for index in range(count):
        program = programs.draw_program(5, index, table)
        arrays = program.used_arrays()
        expr = library.compile(program.text(), {name: array.dtype for name, array in arrays.items()})
        expected = digest(expr.evaluate(list(arrays.values()), threads=1))
        for threads, items in ways_of(program, arrays):
            tried += 1
            if digest(expr.evaluate(list(arrays.values()), threads=threads, block_items=items)) != expected:
                wrong.append(f"{program.text()}: {threads} threads, blocks of {items}")
    return tried, wrong


def main():
    library = nexpr.Library(sys.argv[1])
    table = programs.Table(library.ops())
    if "--digests" in sys.argv:
        print(json.dumps(digests(library, table)))
        return 0
    count, wrong = 0, []
    for more, problems in (check_instruction_sets(sys.argv[1], table), check_variations(library, table),
                           check_programs(library, table, 1000)):
        count += more
        wrong += problems
    for line in wrong[:100]:
        print(line)
    print(f"{count - len(wrong)} passed, {len(wrong)} failed")
    return bool(wrong)


if __name__ == "__main__":
    sys.exit(main())
