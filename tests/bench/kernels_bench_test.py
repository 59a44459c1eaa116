#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""kernels_bench times what it is asked for, writes the same as JSON, and refuses what it does not know.

Usage: kernels_bench_test.py KERNELS_BENCH
"""

import json
import subprocess
import sys
import tempfile
from pathlib import Path


def run(program, *arguments):
    return subprocess.run([program, *arguments], capture_output=True, text=True, timeout=60)


def test_rows(program):
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "rows.json"
        result = run(program, "--op", "where", "--dtype", "float64", "--forms", "--json", path)
        rows = json.loads(path.read_text())
    assert result.returncode == 0 and result.stderr == "", result
    assert len(result.stdout.splitlines()) == len(rows) + 1
    assert {row["form"] for row in rows} == {"vvv", "svv", "vsv", "ssv", "vvs", "svs", "vss"}
    assert rows[0]["isa"] == "baseline" and rows[0]["speedup"] == 1
    for row in rows:
        assert (row["kernel"], row["dtype"]) == ("where", "float64")
        assert row["ns"] > 0 and abs(row["ratio"] - row["ns"] / row["memcpy_ns"]) < 0.01 * row["ratio"]


def test_patterns_and_moves(program):
    names = {line.split()[0] for line in run(program, "--op", "*load", "--isa", "baseline").stdout.splitlines()[1:]}
    layouts = ("[::1]", "[::2]", "[::-1]", "[::3]", ".T")
    assert names == {f"{turn}load{layout}" for turn in ("", "swapped_") for layout in layouts}, names
    casts = run(program, "--op", "cast_*", "--dtype", "int8", "--isa", "baseline").stdout.splitlines()[1:]
    assert len(casts) == 12, casts  # all dtypes but the two complex ones


def test_superinstructions(program):
    arguments = [program, "--op", "multiply_add", "--isa", "baseline"]
    fields = [line.split() for line in run(*arguments).stdout.splitlines()[1:]]
    dtypes = {"int8", "uint8", "int16", "uint16", "int32", "uint32", "int64", "uint64"}
    dtypes |= {"float32", "float64", "complex64", "complex128"}
    assert {row[1] for row in fields} == dtypes and {row[2] for row in fields} == {"svv"}, fields
    forms = [line.split()[2] for line in run(*arguments, "--dtype", "int32", "--forms").stdout.splitlines()[1:]]
    assert forms == ["svv", "svs", "vvv", "vvs"], forms
    decoding = run(program, "--op", "decode_multiply_uint8", "--isa", "baseline").stdout.splitlines()[1:]
    assert [line.split()[:3] for line in decoding] == [["decode_multiply_uint8", dtype, "vs"]
                                                       for dtype in ("float32", "float64")], decoding


def test_misuse(program):
    for arguments in (["--op", "nothing"], ["--dtype", "float65"], ["--isa", "mmx"], ["extra"], ["--unknown"], ["--op"]):
        result = run(program, *arguments)
        assert result.returncode == 2 and result.stdout == "" and "kernels_bench" in result.stderr, (arguments, result)
    help_text = run(program, "--help")
    assert help_text.returncode == 0 and "--json FILE" in help_text.stdout


def main(program):
    test_rows(program)
    test_patterns_and_moves(program)
    test_superinstructions(program)
    test_misuse(program)


if __name__ == "__main__":
    main(sys.argv[1])
