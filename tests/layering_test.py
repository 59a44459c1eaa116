#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""The layers of ARCHITECTURE.md: who may include whom. Every #include of the sources is checked against MAY_INCLUDE.

Usage: layering_test.py ROOT
"""

import re
import sys
from pathlib import Path

# A folder may include itself and these. The key with the longest match counts; 'public' is include/.
MAY_INCLUDE = {
    "include": {"public"},
    "engine": {"public"},
    "math": {"public", "engine"},
    "parser": {"public", "engine"},
    "vm": {"public", "engine", "math"},
    "jit": {"public", "engine", "math"},
    "runtime": {"public", "engine", "math", "parser", "vm", "jit"},
    "runtime/io": {"public", "engine"},
    "runtime/mpi": {"public", "runtime"},
    "cli": {"public"},
    "bench": {"public", "engine", "math", "vm"},
    "tests": {"public", "engine", "math", "parser", "vm", "jit", "runtime", "runtime/io"},
}
# System headers that only these folders may include.
ONLY_IN = {
    "mpi.h": {"include", "runtime/mpi", "tests", "bench"},
    "llvm-c/": {"jit/llvm", "tests"},
    "omp.h": {"runtime", "bench", "tests"},
    "sleef.h": {"math", "tests"},
}
PUBLIC = {"nexpr.h", "nexpr_parts.h", "nexpr_io.h", "nexpr_mpi.h", "nexpr_mpi_host.h"}
SOURCE_SUFFIXES = {".c", ".h", ".def", ".cpp", ".inc"}
INCLUDE = re.compile(r'^\s*#\s*include\s*([<"])([^>"]+)[>"]', re.MULTILINE)


def layer_of(path):
    """The key of MAY_INCLUDE that the file at `path` (relative to the root) belongs to, or None."""
    for depth in range(len(path.parts) - 1, 0, -1):
        key = "/".join(path.parts[:depth])
        if key in MAY_INCLUDE:
            return key
    return None


def target_of(root, source, name):
    """The layer that `name`, included by `source`, is in: 'public', a key of MAY_INCLUDE, or None if it does not exist."""
    if name in PUBLIC:
        return "public"
    for candidate in (root / name, (root / source).parent / name):
        if candidate.is_file():
            return layer_of(candidate.resolve().relative_to(root))
    return None


def check_include(root, source, bracket, name):
    """What is wrong with one #include, or None."""
    layer = layer_of(source)
    for header, folders in ONLY_IN.items():
        if name.startswith(header) and not any(str(source).startswith(folder + "/") for folder in folders):
            return f"only {', '.join(sorted(folders))} may include <{name}>"
    if bracket == "<" and name not in PUBLIC:
        return None
    target = target_of(root, source, name)
    if target is None:
        return f'"{name}" is not in the project'
    if target != layer and target not in MAY_INCLUDE[layer]:
        return f'{layer}/ may not include "{name}" of {target}'
    return None


def sources(root):
    for folder in sorted({key.split("/")[0] for key in MAY_INCLUDE}):
        for path in sorted((root / folder).rglob("*")):
            if path.suffix in SOURCE_SUFFIXES and path.is_file():
                yield path.relative_to(root)


def main():
    root = Path(sys.argv[1]).resolve()
    count, wrong = 0, 0
    for source in sources(root):
        text = (root / source).read_text(encoding="utf-8")
        for match in INCLUDE.finditer(text):
            count += 1
            problem = check_include(root, source, *match.groups())
            if problem:
                wrong += 1
                print(f"{source}:{text.count(chr(10), 0, match.start()) + 1}: {problem}")
    assert count > 50, "the sources were not found"
    print(f"{count - wrong} passed, {wrong} failed")
    return wrong > 0


if __name__ == "__main__":
    sys.exit(main())
