# SPDX-License-Identifier: MIT
"""What was measured on. No host name: results are made to be shown."""

import os
import platform
import re
import subprocess
from pathlib import Path


def _first(path, pattern, default=""):
    try:
        found = re.search(pattern, Path(path).read_text(), re.MULTILINE)
    except OSError:
        return default
    return found[1] if found else default


def _caches():
    """{"L1d": bytes, ...} of the first CPU."""
    caches = {}
    for index in sorted(Path("/sys/devices/system/cpu/cpu0/cache").glob("index*")):
        kind, level = _first(index / "type", "(.+)"), _first(index / "level", "(.+)")
        size = _first(index / "size", r"(\d+)K")
        if size and kind != "Instruction":
            caches[f"L{level}"] = int(size) * 1024
    return caches


def _commit(root):
    done = subprocess.run(["git", "-C", str(root), "rev-parse", "--short", "HEAD"], stdout=subprocess.PIPE,
                          stderr=subprocess.DEVNULL, text=True)
    return done.stdout.strip() or "unknown"


def describe(root, cpus):
    return {"cpu": _first("/proc/cpuinfo", r"^model name\s*: (.+)$", platform.machine()), "cpus": cpus,
            "memory_gib": round(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30),
            "caches": _caches(), "kernel": platform.release().split("-")[0], "python": platform.python_version(),
            "system": _first("/etc/os-release", r'^PRETTY_NAME="(.+)"', platform.system()), "commit": _commit(root)}
