#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Machine code has the bits of the VM: every operation, cast and reduction on every dtype, in every layout, and random
programs, on each instruction set that the JIT knows. NaN bits are compared too. What is compiled has to have run as machine
code.

Usage: backends_test.py LIBRARY [--count PROGRAMS] [--seed SEED] [--isa ISA]
"""

import argparse
import itertools
import os
import re
import subprocess
import sys

import identity_test
import layouts
import nexpr
import numpy as np
import programs

SHORT = 300  # elements of an array: more than a tail and less than a second

# What stands for each row of engine/reducers.def, and what reduces some at once. The operand has to be computed.
REDUCTIONS = ["{}({{}}{{}})".format(name) for name in "sum prod min max nanmin nanmax any all argmin argmax var".split()]
TOGETHER = ["min({}{}), argmax({}{})", "mean({}{}), std({}{})"]
OPERAND = "maximum(a, b)"
LONG = "minimum(" * 25 + "a" + " + 1.5*b, maximum(a, -b) + 2.5*a)" * 25  # more than leaves of rows are made of


def arrangements(arrays):
    """(name, arrays) of the same elements in other layouts."""
    yield "plain", [a[:SHORT] for a in arrays]
    yield "one element", [a[:1] for a in arrays]
    yield "tail", [a[3:40] for a in arrays]
    yield "strided", [np.repeat(a[:SHORT], 3)[::3] for a in arrays]
    yield "backwards", [a[:SHORT][::-1] for a in arrays]
    yield "swapped", [a[:SHORT].astype(a.dtype.newbyteorder()) for a in arrays]
    yield "rows", [np.ascontiguousarray(a[:SHORT].reshape(-1, 4).repeat(2, axis=1))[:, ::2] for a in arrays]
    yield "row and column", [(a[:SHORT].reshape(3, 100), a[:100], a[:3, None])[i % 3] for i, a in enumerate(arrays)]
    yield "strided row and column", [(a[:SHORT].reshape(4, 75), a[:75].repeat(3)[::3], a[:4, None])[i % 3]
                                     for i, a in enumerate(arrays[::-1])][::-1]
    yield "transposed", [np.array(a[:SHORT].reshape(4, 75), order="CF"[i % 2]) for i, a in enumerate(arrays)]
    yield "first is scalar", [a[:1] if i == 0 else a[:SHORT] for i, a in enumerate(arrays)]
    yield "last is scalar", [a[:1] if i == len(arrays) - 1 else a[:SHORT] for i, a in enumerate(arrays)]


class Backends:
    """Evaluates on both, and counts who ran what."""

    def __init__(self, library):
        self.vm = library.context(2, run_backend=nexpr.VM)
        self.jit = library.context(2, run_backend=nexpr.JIT, report=self.note)
        self.tasks = [0, 0]
        self.reduces = False  # whether machine code did it since this was cleared
        self.refused = set()

    def note(self, text):
        for vm, compiled in re.findall(r"ran: (\d+) tasks? on the VM, (\d+) as machine code", text):
            self.tasks[0] += int(vm)
            self.tasks[1] += int(compiled)
        self.reduces |= ", reduced; " in text
        self.refused.update(re.findall(r"refused: (.*)", text))

    def differ(self, expr, arrays, **how):
        """Whether the results differ in a bit."""
        expr.context = self.vm
        expected = [a.tobytes() for a in expr.evaluate(arrays, **how)]
        expr.context = self.jit
        return expected != [a.tobytes() for a in expr.evaluate(arrays, **how)]


def check_operations(library, table, backends):
    count, wrong = 0, []
    for name, expr, arrays in identity_test.cases(library, table):
        for layout, arranged in arrangements(arrays):
            count += 1
            if backends.differ(expr, arranged):
                wrong.append(f"{name}, {layout}")
    return count, wrong


def matrices(arrays):
    """(name, arrays, axes that are reduced) of matrices that lie differently."""
    a, b = ([x.reshape(300, 130) for x in arrays] if len(arrays) > 1 else arrays * 2)
    for axis in 0, 1, None:
        yield "plain", [a, b], axis
    yield "small", [a[:5, :9], b[:5, :9]], 0
    yield "few columns", [x.reshape(-1, 3) for x in (a, b)], 0
    yield "strided", [x.repeat(2, axis=1)[:, ::2] for x in (a, b)], 0
    yield "backwards", [a[::-1], b[:, ::-1]], 0
    yield "swapped", [x.astype(x.dtype.newbyteorder()) for x in (a, b)], 0
    yield "transposed", [np.asfortranarray(a), b], 0
    yield "row and column", [a[:1], b[:, :1]], 0
    yield "strided row", [a.repeat(3, axis=1)[0, ::3], b], 0
    yield "strided row", [a.repeat(3, axis=1)[0, ::3], b], 1
    yield "two axes", [x.reshape(3, 100, 130)[:, ::-1] for x in (a, b)], (0, 1)
    yield "long rows", [x.reshape(3, 13000) for x in (a, b)], 1
    yield "few behind a leaf", [x.reshape(-1)[:2 * 4096 + 5] for x in (a, b)], 0
    yield "strided rows", [x.repeat(2, axis=1)[:, ::2] for x in (a, b)], 1
    yield "middle axis", [x.reshape(3, 100, 130) for x in (a, b)], 1


def reduced_by_itself(layout, dtype):
    """Whether machine code can do it without the VM's reducer: down rows that are no shorter than a vector, those of what is
    transposed being 32 elements long; and along rows of as many elements as there are lanes."""
    return layout not in ("small", "few columns") and (layout != "transposed" or np.dtype(dtype).itemsize > 1)


def reductions(dtype):
    """(text, layout, arrays) of what is reduced, of one dtype."""
    arrays = [np.ascontiguousarray(a[:300 * 130]) for a in identity_test.inputs_of(dtype, 2)]
    for layout, pair, axis in matrices(arrays):
        suffix = "" if axis is None else f", axis={axis}"
        for text in REDUCTIONS + TOGETHER:
            yield text.format(*[OPERAND, suffix] * 2), layout, pair
        if dtype == "float64":
            yield f"sum({LONG}{suffix})", layout, pair


def check_reductions(library, backends):
    count, wrong = 0, []
    for dtype in layouts.DTYPES:
        for text, layout, pair in reductions(dtype):
            try:
                expr = library.compile(text, {"a": dtype, "b": dtype})
                backends.reduces = False
                differs = backends.differ(expr, pair)
            except nexpr.Error as error:  # places of two axes, variances of complex numbers
                if not re.search("axis|argm|complex", str(error)):
                    raise
                continue
            count += 1
            if differs:
                wrong.append(f"{text} of {dtype}, {layout}")
            if reduced_by_itself(layout, dtype) and LONG not in text and not backends.reduces:
                wrong.append(f"{text} of {dtype}, {layout}: not reduced by machine code")
    return count, wrong


def check_programs(library, table, backends, seed, programs_wanted):
    wrong = []
    for index in range(programs_wanted):
        program = programs.draw_program(seed, index, table)
        arrays = program.used_arrays()
        expr = library.compile(program.text(), {name: array.dtype for name, array in arrays.items()})
        if backends.differ(expr, list(arrays.values()), block_items=(0, 0, 7, 64)[index % 4]):
            wrong.append(f"program {index} of seed {seed}: {program.text()}")
    return programs_wanted, wrong


def check(path, arguments):
    """On one instruction set, in this process. (checks, what was wrong)"""
    os.environ["XDG_CACHE_HOME"] = os.devnull  # compiled code is not kept, nor found
    library = nexpr.Library(path)
    table = programs.Table(library.ops())
    backends = Backends(library)
    count, wrong = check_operations(library, table, backends)
    more, problems = check_reductions(library, backends)
    count, wrong = count + more, wrong + problems
    more, problems = check_programs(library, table, backends, arguments.seed, arguments.count // len(nexpr.ISAS))
    count, wrong = count + more, wrong + problems
    wrong += [f"refused: {reason}" for reason in sorted(backends.refused)]
    if backends.tasks[1] < backends.tasks[0]:
        wrong.append(f"only {backends.tasks[1]} tasks ran as machine code, and {backends.tasks[0]} on the VM")
    return count, wrong


def check_elsewhere(isa):
    """The same in a process of its own, because the instruction set is chosen once. (checks, what was wrong)"""
    done = subprocess.run([sys.executable, *sys.argv, "--isa", isa], env={**os.environ, "NEXPR_ISA": isa},
                          stdout=subprocess.PIPE, text=True)
    *lines, last = done.stdout.splitlines() or [f"{isa}: no output, exit {done.returncode}"]
    passed = re.fullmatch(r"(\d+) passed, (\d+) failed", last)
    if not passed:
        return 1, [*lines, last, f"{isa}: exit {done.returncode}"]
    return int(passed[1]) + int(passed[2]), [f"{isa}: {line}" for line in lines]


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("library")
    parser.add_argument("--count", type=int, default=3000, help="of programs, on all instruction sets together")
    parser.add_argument("--seed", type=int, default=21)
    parser.add_argument("--isa")
    arguments = parser.parse_args()
    if not nexpr.ISAS:
        print("skipped: machine code needs AVX2")
        return 77
    count, wrong = 0, []
    for isa in nexpr.ISAS if not arguments.isa else ():
        more, problems = check_elsewhere(isa)
        count += more
        wrong += problems
    if arguments.isa:
        count, wrong = check(arguments.library, arguments)
    for line in wrong[:100]:
        print(line)
    print(f"{count - len(wrong)} passed, {len(wrong)} failed")
    return bool(wrong)


if __name__ == "__main__":
    sys.exit(main())
