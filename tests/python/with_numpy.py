#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Runs a test script, or says that it is skipped (exit status 77) where the reference, NumPy 2.4, is missing.

Usage: with_numpy.py SCRIPT ARGUMENT...
"""

import os
import sys


def main():
    try:
        import mpmath  # noqa: F401
        import numpy
    except ImportError as error:
        print(f"skipped: {error}; run scripts/setup test")
        return 77
    if not numpy.__version__.startswith("2.4."):
        print(f"skipped: NumPy is {numpy.__version__}, the reference is 2.4; run scripts/setup test")
        return 77
    return os.execv(sys.executable, [sys.executable, *sys.argv[1:]])


if __name__ == "__main__":
    sys.exit(main())
