#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""How a job ends when MPI makes a call on all ranks but one: the program's function ends it, with the library's message.

Usage: ends_test.py MPIRUN MPI_TEST
"""

import subprocess
import sys
import tempfile
import time

from launch import launch


def main():
    mpirun, program = sys.argv[1:]
    with tempfile.TemporaryFile("w+") as output:
        begin = time.monotonic()
        status = launch(mpirun, 3, program, "only_a_lost_rank_ends_the_job", stdout=subprocess.DEVNULL, stderr=output)
        seconds = time.monotonic() - begin
        output.seek(0)
        text = output.read()
    assert status not in (0, 124), f"exit status {status}: {text}"
    assert "lost: nexpr_mpi_array_redistribute: MPI_A" in text and "failed:" in text, text
    assert seconds < 10, f"it took {seconds:.1f} s"
    print("1 passed, 0 failed")


if __name__ == "__main__":
    main()
