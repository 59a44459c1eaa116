#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""The program of docs/mpi.md, built as it stands there and run on two ranks.

Usage: manual_test.py MPIRUN CC ROOT BUILD PKG_CONFIG_NAME_OF_MPI
"""

import os
import re
import subprocess
import sys
import tempfile
from pathlib import Path

from launch import launch

# A .npy file of 2 x 3 numbers, 0 to 5.
HEADER = b"{'descr': '<f8', 'fortran_order': False, 'shape': (2, 3), }"
FILE = b"\x93NUMPY\x01\x00\x76\x00" + HEADER.ljust(117) + b"\n" + b"".join(
    bytes.fromhex(word) for word in ("0" * 16, "000000000000f03f", "0000000000000040", "0000000000000840",
                                     "0000000000001040", "0000000000001440"))

RESULT = FILE[:-48] + bytes.fromhex(3 * "000000000000f0bf" + 3 * "000000000000f03f")  # (a - mean)/std of each column


def build(compiler, root, build_folder, package, source, program):
    flags = subprocess.run(["pkg-config", "--cflags", "--libs", package], check=True, capture_output=True, text=True).stdout
    libraries = [build_folder / "runtime" / folder for folder in ("", "io", "mpi")]
    subprocess.run([compiler, "-std=c11", "-Wall", "-Wextra", "-Werror", source, "-o", program, "-I", root / "include",
                    *[f"-L{folder}" for folder in libraries], *[f"-Wl,-rpath,{folder}" for folder in libraries],
                    "-lnexpr-mpi", "-lnexpr-io", "-lnexpr", *flags.split()], check=True)


def main():
    mpirun, compiler, root, build_folder, package = sys.argv[1:]
    root, build_folder = Path(root).resolve(), Path(build_folder).resolve()
    code = re.search(r"^```c\n(.*?)^```$", (root / "docs" / "mpi.md").read_text(encoding="utf-8"), re.M | re.S)[1]
    with tempfile.TemporaryDirectory() as folder:
        os.chdir(folder)
        Path("example.c").write_text(code, encoding="utf-8")
        build(compiler, root, build_folder, package, "example.c", "example")
        assert launch(mpirun, 2, "./example", stderr=subprocess.DEVNULL) != 0, "it did without a file"
        Path("in.npy").write_bytes(FILE)
        assert launch(mpirun, 2, "./example") == 0, "it failed"
        assert Path("out.npy").read_bytes() == RESULT
        assert sorted(os.listdir(".")) == ["example", "example.c", "in.npy", "out.npy"]
    print("1 passed, 0 failed")


if __name__ == "__main__":
    main()
