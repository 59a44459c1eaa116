#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""The differential test: random programs, evaluated by nexpr and by NumPy, have to agree.

    differential.py --count 5000                 programs 0 to 4999 of seed 1
    differential.py --seed 7 --only 1234         one program, told in full

dtype and shape have to be equal, and values to the bit (but for the sign and payload of NaN); results of transcendental
functions and of complex products may differ by oracle.tolerance. A program that fails is shrunk and printed with the
command that repeats it.
"""

import argparse
import multiprocessing
import os
import sys
import time

import nexpr
import numpy as np
import oracle
import programs
from oracle import Reject


def parts(array):
    """A complex array as one of floats with a last axis of 2."""
    if array.dtype.kind != "c":
        return array
    return np.stack([array.real, array.imag], axis=-1)


def wrong_exact(expected, found):
    """Mask of the elements whose bits differ, NaN being equal to NaN."""
    expected, found = parts(expected), parts(found)
    wrong = expected != found
    if expected.dtype.kind == "f":
        wrong &= ~(np.isnan(expected) & np.isnan(found))
        wrong |= (expected == 0) & (found == 0) & (np.signbit(expected) != np.signbit(found))
    return wrong


def wrong_inexact(expected, found, slack):
    """Mask of the elements that are further off than `slack`. Overflow may come a little sooner or later, and non-finite
    complex numbers only have to be non-finite: there NumPy depends on how it was compiled."""
    with np.errstate(all="ignore"):
        limit = float(np.finfo(expected.dtype).max) * 0.999
        off = np.subtract(*[np.clip(parts(x).astype(np.float64), -limit, limit) for x in (expected, found)])
        if expected.dtype.kind == "c":
            both = ~np.isfinite(expected) & ~np.isfinite(found)
            return ~both & ~(np.hypot(off[..., 0], off[..., 1]) <= slack) & ~np.isinf(slack)
        return ~(np.abs(off) <= slack) & ~(np.isnan(expected) & np.isnan(found)) & ~np.isinf(slack)


def expected_output(node, output):
    """The value and slack of a result after the cast to the output's dtype."""
    value, slack = np.asarray(node.value), node.slack
    if output is not None and output.dtype != value.dtype:
        with np.errstate(all="ignore"):
            value = value.astype(output.dtype.newbyteorder("="))
        if slack is not None:
            slack = slack + (oracle.spacing(value) if value.dtype.kind == "f" else
                             4 * np.finfo(value.dtype).eps * oracle.modulus(value))
    return value, slack


def explain(program, index, expected, found, slack, wrong):
    """One wrong element of a result, in words."""
    wrong = np.asarray(wrong)
    if wrong.ndim > expected.ndim:
        wrong = wrong.any(axis=-1)
    place = tuple(int(i[0]) for i in np.nonzero(np.atleast_1d(wrong)))[:expected.ndim]
    inputs = []
    for name in program.used_arrays():
        try:
            array = programs.native_copy(program.originals[name])
            inputs.append(f"{name}={np.broadcast_to(array, expected.shape)[place]!r}")
        except ValueError:  # an input of another result
            continue
    allowed = "" if slack is None else f" (may differ by {np.broadcast_to(slack, expected.shape)[place]:g})"
    return (f"result {index} at {list(place)}: NumPy {expected[place]!r}, nexpr {found[place]!r}{allowed}; "
            f"{int(wrong.sum())} of {wrong.size} wrong; {', '.join(inputs)}")


def compare(program, index, expected, found, slack):
    if found.dtype.newbyteorder("=") != expected.dtype:
        return f"result {index}: dtype {expected.dtype} in NumPy, {found.dtype} in nexpr"
    if found.shape != expected.shape:
        return f"result {index}: shape {expected.shape} in NumPy, {found.shape} in nexpr"
    found = programs.native_copy(found)
    wrong = wrong_exact(expected, found)
    if slack is not None and np.any(wrong):
        wrong = wrong_inexact(expected, found, slack)
    return explain(program, index, expected, found, slack, wrong) if np.any(wrong) else None


def restore(program):
    """Writes the input values back, which an earlier run of the program may have overwritten."""
    if not hasattr(program, "originals"):
        program.originals = {name: array.copy() for name, array in program.arrays.items()}
    for name, array in program.arrays.items():
        if array.flags.writeable:
            array[...] = program.originals[name]


def failure_of(library, program):
    """What is wrong with nexpr's results, or None."""
    restore(program)
    arrays = program.used_arrays()
    try:
        expr = library.compile(program.text(), {name: array.dtype for name, array in arrays.items()})
        dtypes = [np.asarray(node.value).dtype for node in program.results]
        if expr.result_dtypes != dtypes:
            return f"dtypes {[d.name for d in dtypes]} in NumPy, {[d.name for d in expr.result_dtypes]} in nexpr"
        found = expr.evaluate(list(arrays.values()), program.outputs, program.threads, program.block_items)
    except nexpr.Error as error:
        return f"nexpr: {error}"
    for index, (node, output) in enumerate(zip(program.results, program.outputs)):
        failure = compare(program, index, expected_output(node, output)[0], found[index], expected_output(node, output)[1])
        if failure:
            return failure
    return None


# ------------------------------------------------------------------------------------------------------------ shrinking

def without_statements(node, statements):
    """The node with names of statements replaced by what they stand for."""
    if node.kind == "variable":
        return without_statements(statements[node.detail[0]], statements) if node.detail[0] in statements else node
    copy = object.__new__(programs.Node)
    copy.kind, copy.detail, copy.value, copy.slack = node.kind, node.detail, node.value, node.slack
    copy.args = tuple(without_statements(arg, statements) for arg in node.args)
    return copy


def smaller_nodes(node):
    """Trees that are smaller by one step: a child in place of its parent, anywhere."""
    yield from node.args
    for index, arg in enumerate(node.args):
        for other in smaller_nodes(arg):
            copy = object.__new__(programs.Node)
            copy.kind, copy.detail, copy.value, copy.slack = node.kind, node.detail, None, None
            copy.args = node.args[:index] + (other,) + node.args[index + 1:]
            yield copy


def smaller_arrays(arrays):
    """Arrays with a part of the first axis, or one contiguous copy."""
    longest = max((a.shape[0] for a in arrays.values() if a.ndim), default=0)
    for cut in (slice(0, longest // 2), slice(longest // 2, None), slice(1, None), slice(0, longest - 1)):
        if longest > 1:
            yield {name: a[cut] if a.ndim and a.shape[0] == longest else a for name, a in arrays.items()}
    if any(a.ndim > 1 for a in arrays.values()) and len({a.shape for a in arrays.values()}) == 1:
        yield {name: a.reshape(-1) for name, a in arrays.items()}
    for name, array in arrays.items():
        if not (array.flags.c_contiguous and array.flags.aligned and array.dtype.isnative and array.flags.owndata):
            yield {**arrays, name: programs.native_copy(array)}


def smaller_programs(program, table):
    """Candidates, as functions that make them."""
    none = [None] * len(program.results)
    if any(output is not None for output in program.outputs):
        yield lambda: program.rebuilt(table, outputs=none)
    if len(program.results) > 1:
        for node, output in zip(program.results, program.outputs):
            yield lambda node=node, output=output: program.rebuilt(table, results=[node], outputs=[output])
    if program.statements:
        yield lambda: program.rebuilt(table, statements={}, results=[without_statements(node, program.statements)
                                                                    for node in program.results])
    for index, node in enumerate(program.results):
        for other in smaller_nodes(node):
            results = program.results[:index] + [other] + program.results[index + 1:]
            yield lambda results=results: program.rebuilt(table, results=results, outputs=none)
    if all(output is None for output in program.outputs):
        for arrays in smaller_arrays(program.originals):
            yield lambda arrays=arrays: program.rebuilt(table, arrays=arrays)


def shrink(library, program, table, seconds=10):
    """The smallest program found that still fails, greedily."""
    end = time.monotonic() + seconds
    progress = True
    while progress and time.monotonic() < end:
        progress = False
        for make in smaller_programs(program, table):
            try:
                candidate = make()
            except Reject:
                continue
            if failure_of(library, candidate):
                program, progress = candidate, True
                break
    return program


# ---------------------------------------------------------------------------------------------------------------- main

def describe(library, program):
    lines = [f"    {program.text()}"]
    for name, array in program.originals.items():
        values = np.array2string(array, threshold=8, separator=", ").replace("\n", "")
        lines.append(f"    {name}: {array.dtype.str} {array.shape} strides {program.arrays[name].strides} = {values}")
    for output in program.outputs:
        if output is not None:
            lines.append(f"    output: {output.dtype.str} {output.shape} strides {output.strides}")
    lines.append(f"    threads {program.threads}, block_items {program.block_items}")
    lines.append(f"    {failure_of(library, program)}")
    return "\n".join(lines)


def run_one(library, table, seed, index, loud=False):
    """None, or the report of a failure."""
    program = programs.draw_program(seed, index, table)
    if loud:
        print(program.text())
    failure = failure_of(library, program)
    if failure is None:
        return None
    small = shrink(library, program, table)
    return f"program {index}: {sys.executable} {sys.argv[0]} --seed {seed} --only {index}\n{describe(library, small)}"


def run_many(arguments):
    """Runs programs first, first + step, ... below count; how many were run and how many failed."""
    path, seed, first, count, step, most = arguments
    library = nexpr.Library(path)
    table, done, failed = programs.Table(library.ops()), 0, 0
    for index in range(first, count, step):
        report = run_one(library, table, seed, index)
        done += 1
        if report:
            failed += 1
            print(report, flush=True)
        if failed == most:
            break
    return done, failed


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--library", default=os.environ.get("NEXPR_LIBRARY"))
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--count", type=int, default=5000)
    parser.add_argument("--only", type=int)
    parser.add_argument("--jobs", type=int, default=os.cpu_count())
    parser.add_argument("--most", type=int, default=10, help="stop a job after so many failures")
    options = parser.parse_args()
    if options.only is not None:
        library = nexpr.Library(options.library)
        report = run_one(library, programs.Table(library.ops()), options.seed, options.only, loud=True)
        print(report or "agrees")
        return report is not None
    start = time.monotonic()
    jobs = [(options.library, options.seed, job, options.count, options.jobs, options.most) for job in range(options.jobs)]
    with multiprocessing.Pool(options.jobs) as pool:
        counts = pool.map(run_many, jobs, chunksize=1)
    done, failed = sum(count[0] for count in counts), sum(count[1] for count in counts)
    print(f"seed {options.seed}, {time.monotonic() - start:.1f} s")
    print(f"{done - failed} passed, {failed} failed")
    return failed > 0


if __name__ == "__main__":
    sys.exit(main())
