#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""The plug-in shows one function and nothing else, of LLVM's neither.

Usage: symbols_test.py PLUGIN
"""

import subprocess
import sys

# What the linker defines in every library.
OF_THE_LINKER = {"__bss_start", "_edata", "_end", "_init", "_fini"}


def main():
    output = subprocess.run(["nm", "-D", "--defined-only", sys.argv[1]], check=True, capture_output=True, text=True).stdout
    shown = {line.split()[-1] for line in output.splitlines()} - OF_THE_LINKER
    if shown != {"nexpr_jit_plugin"}:
        sys.exit(f"the plug-in shows {', '.join(sorted(shown)) or 'nothing'}")


if __name__ == "__main__":
    main()
