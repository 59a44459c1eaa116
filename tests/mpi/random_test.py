#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Random programs over distributed arrays: whatever the number of ranks and the layouts, the bits of one process. (That these
are right is what the differential test shows, with the same programs.)

    random_test.py MPIRUN MPI_TEST LIBRARY [--count 120] [--first 0] [--seed 1] [--ranks 2 3 5]
    random_test.py MPIRUN MPI_TEST LIBRARY --runs 500 [--seed 1]

The second runs as many jobs of four programs, each on a random number of ranks up to 8, none of which may take 20 seconds.
"""

import argparse
import os
import random
import subprocess
import sys
import tempfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "python"))

import nexpr  # noqa: E402
import numpy as np  # noqa: E402
import programs  # noqa: E402
from launch import launch  # noqa: E402


def draw(folder, library, options):
    table = programs.Table(library.ops())
    for number in range(options.count):
        program = programs.draw_program(options.seed, options.first + number, table)
        (folder / f"{number}.nx").write_text(program.text(), encoding="utf-8")
        arrays = {name: np.ascontiguousarray(array) if array.ndim else array for name, array in program.used_arrays().items()}
        np.savez(folder / f"{number}.npz", **arrays)


def run_jobs(folder, library, options):
    """Returns how many have failed; a job that hangs is one of them."""
    generator = random.Random(options.seed)
    failed = 0
    options.count = 4
    for number in range(options.runs):
        options.seed, ranks = generator.randrange(1 << 30), generator.choice((2, 3, 5, 7, 8))
        draw(folder, library, options)
        status = launch(options.mpirun, ranks, options.program, "only_random_programs", limit=20, stdout=subprocess.DEVNULL)
        if status:
            print(f"run {number} failed: --ranks {ranks} --seed {options.seed} --count 4", file=sys.stderr)
        failed += status != 0
    return failed


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("mpirun")
    parser.add_argument("program")
    parser.add_argument("library")
    parser.add_argument("--count", type=int, default=120)
    parser.add_argument("--first", type=int, default=0)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--ranks", type=int, nargs="*", default=[2, 3, 5])
    parser.add_argument("--runs", type=int)
    options = parser.parse_args()
    library = nexpr.Library(options.library)
    failed = 0
    with tempfile.TemporaryDirectory() as folder:
        os.environ["NEXPR_TEST_FOLDER"] = folder
        if options.runs:
            failed = run_jobs(Path(folder), library, options)
        else:
            draw(Path(folder), library, options)
            for ranks in options.ranks:
                failed += launch(options.mpirun, ranks, options.program, "only_random_programs", limit=60 + options.count) != 0
    print(f"{(options.runs or len(options.ranks)) - failed} passed, {failed} failed")
    return failed


if __name__ == "__main__":
    sys.exit(main())
