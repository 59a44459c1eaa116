# SPDX-License-Identifier: MIT
"""The peers, one small file each. A file has a list PEERS of objects with

    name                     how the peer is called in all reports
    version(tools)           of what was imported; imports are made when the file is, and may fail: then the peer is missing
    prepare(row, data, threads, tools)
                             compiles and binds: a Call, or Unsupported with the reason

and nothing else has to know of it. `data.inputs` are NumPy arrays by name, `data.outputs` those to be written; `tools` has
the two libraries, and a folder for files.
"""

import importlib
import pkgutil
import time
from itertools import repeat


class Call:
    """run() is one call, answers() what it computed, time(count) the nanoseconds of so many calls. was_run: prepare has
    called it, to see whether the peer can do the row."""

    was_run = False

    def __init__(self, run, answers, was_run=False):
        self.run, self.answers, self.was_run = run, answers, was_run

    def time(self, count):
        run = self.run
        start = time.perf_counter_ns()
        for _ in repeat(None, count):
            run()
        return time.perf_counter_ns() - start


def load(wanted=None):
    """({name: peer}, {name of peer or file: why it is missing}) of all files in this folder."""
    found, missing = {}, {}
    for info in sorted(pkgutil.iter_modules(__path__), key=lambda info: info.name):
        try:
            module = importlib.import_module(f"{__name__}.{info.name}")
        except Exception as error:  # whatever a broken installation may throw: it is the reason that is reported
            missing[info.name] = f"{type(error).__name__}: {error}"
            continue
        found.update({peer.name: peer for peer in module.PEERS if not wanted or peer.name in wanted})
    return found, missing
