#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""No kernel is scalar but those of bench/unvectorised.txt, and those are. The verdict comes from machine_code.py, which
reads the kernels in kernels_bench, for all instruction sets, whether this machine has them or not.

Usage: vectorised_test.py KERNELS_BENCH LIST
       vectorised_test.py --test-itself     (see that a wrong list is found out)
"""

import subprocess
import sys
from pathlib import Path

import machine_code

# Bytes that a kernel has to handle at once.
LEAST_WIDTH = {"baseline": 16, "avx2": 32, "avx512": 64}


def read_list(text):
    """(name, dtype, isa) of every kernel in the list, with the number of its line."""
    listed = {}
    for number, line in enumerate(text.splitlines(), 1):
        if not line.strip() or line.startswith("#"):
            continue
        fields = line.split(maxsplit=3)
        if len(fields) < 4:
            raise ValueError(f"line {number}: names, dtypes, instruction sets and a reason are needed")
        names, dtypes, isas = (field.split(",") for field in fields[:3])
        for isa in LEAST_WIDTH if isas == ["all"] else isas:
            listed.update({(name, dtype, isa): number for name in names for dtype in dtypes})
    return listed


def disagreements(found, listed):
    """What is wrong. found: faults by (name, dtype, isa), for every kernel there is."""
    wrong = [f"{' '.join(kernel)} is not vectorised: {', '.join(faults)}"
             for kernel, faults in found.items() if faults and kernel not in listed]
    for kernel, number in listed.items():
        if kernel not in found:
            wrong.append(f"line {number} of the list: there is no kernel {' '.join(kernel)}")
        elif not found[kernel]:
            wrong.append(f"line {number} of the list: {' '.join(kernel)} is vectorised")
    return wrong


def examine(program):
    """Faults by (name, dtype, isa), those of all forms together."""
    listing = subprocess.run([program, "--list", "--forms"], check=True, capture_output=True, text=True).stdout
    rows = [line.split() for line in listing.splitlines()]
    functions = machine_code.disassemble(program)
    addresses = frozenset(int(row[4], 16) for row in rows)
    found = {}
    for name, dtype, _, isa, address in rows:
        faults = machine_code.faults(functions, int(address, 16), LEAST_WIDTH[isa], addresses)
        known = found.setdefault((name, dtype, isa), [])
        known += [fault for fault in faults if fault not in known]
    return found


def test_itself():
    found = {("add", "int8", "avx2"): [], ("gcd", "int8", "avx2"): ["no vector body"]}
    cases = [
        ("gcd int8 avx2 loops", 0),
        ("# nothing", 1),
        ("gcd int8 avx2 loops\nadd int8 avx2 stale", 1),
        ("gcd int8 avx2 loops\ngcd int16 avx2 unknown", 1),
        ("gcd int8 all loops", 2),
        ("add,gcd int8 avx2 stale", 1),
    ]
    for text, count in cases:
        wrong = disagreements(found, read_list(text))
        assert len(wrong) == count, (text, wrong)
    try:
        read_list("gcd int8 avx2")
    except ValueError:
        return
    raise AssertionError("a line without a reason was taken")


def main(arguments):
    if arguments == ["--test-itself"]:
        return test_itself()
    program, path = arguments
    found = examine(program)
    wrong = disagreements(found, read_list(Path(path).read_text()))
    print(f"{len(found)} kernels, {sum(map(bool, found.values()))} not vectorised")
    return "\n".join(wrong) or None


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
