#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Installs nexpr into an empty folder and uses it as a stranger would: the README's program, built with pkg-config as C11
and as C++17, and the command. Nothing but nexpr_* may be visible in the libraries.

Usage: install_test.py ROOT BUILD
"""

import os
import re
import subprocess
import sys
import tempfile
from pathlib import Path

HEADERS = ["nexpr.h", "nexpr_parts.h"]  # of libnexpr
EXPECTED = [*HEADERS, "libnexpr.so", "nexpr.pc", "nexpr", "nexpr.1", "_nexpr", "nexpr.fish"]


def capture(*command, **environment):
    return subprocess.run([str(word) for word in command], check=True, stdout=subprocess.PIPE, text=True,
                          env={**os.environ, **environment}).stdout


class Installed:
    """The tree that `meson install` made."""

    def __init__(self, build, folder):
        capture("meson", "install", "-C", build, "--no-rebuild", "--destdir", folder)
        self.folder = folder
        paths = sorted(folder.rglob("*"), key=lambda path: path.parent.name == "bin")  # bash's completion is "nexpr" too
        self.files = {path.name: path for path in paths if not path.is_dir()}
        self.libraries = sorted({path.parent for name, path in self.files.items() if ".so" in name})
        self.environment = {
            "PKG_CONFIG_SYSROOT_DIR": str(folder),
            "PKG_CONFIG_LIBDIR": ":".join(str(path.parent) for name, path in self.files.items() if name.endswith(".pc")),
            "LD_LIBRARY_PATH": ":".join(map(str, self.libraries)),
        }

    def flags(self, package):
        return capture("pkg-config", "--cflags", "--libs", package, **self.environment).split()


def program_of(readme):
    """The README's C program and what it prints."""
    code = re.search(r"^```c\n(.*?)^```$", readme, re.MULTILINE | re.DOTALL)[1]
    output = re.search(r"^```text\n(.*?)^```$", readme, re.MULTILINE | re.DOTALL)[1]
    return code, output


def check_program(installed, folder, readme, compiler, standard, suffix):
    code, expected = program_of(readme)
    source, program = folder / f"example{suffix}", folder / f"example{suffix}.out"
    source.write_text(code, encoding="utf-8")
    capture(compiler, f"-std={standard}", "-Wall", "-Wextra", "-Wpedantic", "-Werror", source, "-o", program,
            *installed.flags("nexpr"))
    found = capture(program, **installed.environment)
    assert found == expected, f"{standard}: printed {found!r}"


def check_files(installed):
    missing = [name for name in EXPECTED if name not in installed.files]
    assert not missing, f"not installed: {missing}"


def exported_by(library):
    return [line.split()[-1] for line in capture("nm", "-D", "--defined-only", library).splitlines()]


def check_symbols(installed):
    for name, path in installed.files.items():
        if ".so" in name and not path.is_symlink():
            symbols = exported_by(path)
            foreign = [symbol for symbol in symbols if not symbol.startswith("nexpr_")]
            assert symbols and not foreign, f"{name} exports {foreign}"


def check_header(installed):
    """Every function of the headers is in the library, and the library has no others."""
    text = "\n".join(installed.files[name].read_text(encoding="utf-8") for name in HEADERS)
    declared = set(re.findall(r"^NEXPR_API\s[^;(]*?\b(nexpr_\w+)\s*\(", text, re.MULTILINE))
    exported = set(exported_by(installed.files["libnexpr.so"]))
    assert declared == exported, f"differ: {sorted(declared ^ exported)}"


def check_command(installed):
    command = installed.files["nexpr"]
    assert capture(command, "1 + 1", **installed.environment).strip() == "2"


def main():
    root, build = Path(sys.argv[1]).resolve(), Path(sys.argv[2]).resolve()
    readme = (root / "README.md").read_text(encoding="utf-8")
    passed, failed = 0, 0
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        installed = Installed(build, folder / "root")
        checks = {
            "files": lambda: check_files(installed),
            "symbols": lambda: check_symbols(installed),
            "header": lambda: check_header(installed),
            "command": lambda: check_command(installed),
            "C11": lambda: check_program(installed, folder, readme, "cc", "c11", ".c"),
            "C++17": lambda: check_program(installed, folder, readme, "c++", "c++17", ".cpp"),
        }
        for what, check in checks.items():
            try:
                check()
                passed += 1
            except (AssertionError, subprocess.CalledProcessError, KeyError) as error:
                failed += 1
                print(f"{what}: {error!r}")
    print(f"{passed} passed, {failed} failed")
    return failed > 0


if __name__ == "__main__":
    sys.exit(main())
