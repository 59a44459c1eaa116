#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Executes README.md: each `$ command` of its console blocks has to print what stands below it.

Usage: readme_test.py ROOT FOLDER_OF_NEXPR
"""

import os
import re
import subprocess
import sys
import tempfile
from pathlib import Path


def blocks_of(text, language):
    return re.findall(rf"^```{language}\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)


def commands_of(block):
    """(command, expected output) pairs."""
    for part in re.split(r"^\$ ", block, flags=re.MULTILINE)[1:]:
        command, _, output = part.partition("\n")
        yield command, output


def main():
    root, tools = Path(sys.argv[1]).resolve(), Path(sys.argv[2]).resolve()
    text = (root / "README.md").read_text(encoding="utf-8")
    environment = {**os.environ, "PATH": f"{tools}:{os.environ['PATH']}"}
    passed, failed = 0, 0
    with tempfile.TemporaryDirectory() as folder:
        (Path(folder) / "examples").symlink_to(root / "examples")
        for command, expected in [pair for block in blocks_of(text, "console") for pair in commands_of(block)]:
            found = subprocess.run(["sh", "-c", command], cwd=folder, env=environment, stdin=subprocess.DEVNULL, text=True,
                                   stdout=subprocess.PIPE, stderr=subprocess.STDOUT).stdout
            passed += found == expected
            failed += found != expected
            if found != expected:
                print(f"$ {command}\n{found}--- expected:\n{expected}")
    print(f"{passed} passed, {failed} failed")
    return failed > 0 or passed == 0


if __name__ == "__main__":
    sys.exit(main())
