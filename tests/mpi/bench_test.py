#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""mpi_bench on 1 to 16 ranks, without times: answers are those of the hand-written versions, and what is sent is what the
formulas of bench/mpi_rows.def say.

Usage: bench_test.py MPIRUN MPI_BENCH [LIBRARY]

LIBRARY is loaded before those of MPI: yield.c, where it is wanted.
"""

import subprocess
import sys
import tempfile

from launch import launch

RANKS = (1, 2, 4, 16)
ROWS = 12  # at least, of the table, with two sizes each


def run(mpirun, program, library, ranks):
    """The exit status, and lines of standard output and of standard error."""
    preload = ["env", f"LD_PRELOAD={library}"] if library else []
    with tempfile.TemporaryFile("w+") as output, tempfile.TemporaryFile("w+") as errors:
        status = launch(mpirun, ranks, *preload, program, "--counts", "--quick", stdout=output, stderr=errors)
        output.seek(0)
        errors.seek(0)
        return status, output.read().splitlines(), errors.read()


def main():
    mpirun, program, *library = sys.argv[1:]
    failed = 0
    for ranks in RANKS:
        status, lines, errors = run(mpirun, program, library[0] if library else None, ranks)
        measured = [line.split() for line in lines[1:]]
        is_good = status == 0 and len(measured) >= 2 * ROWS and all(int(line[2]) == ranks for line in measured)
        if not is_good:
            print(f"on {ranks} ranks: exit status {status}, {len(measured)} lines\n{errors}")
        failed += not is_good
    print(f"{len(RANKS) - failed} passed, {failed} failed")
    sys.exit(failed > 0)


if __name__ == "__main__":
    main()
