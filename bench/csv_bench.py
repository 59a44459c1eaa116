#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""The command on a table of 1,000,000 x 6 floats beside NumPy and pandas, as whole processes, in turn, cache warm.

    scripts/setup test
    .venv/bin/python bench/csv_bench.py --command build/cli/nexpr

One expression, one result, written as .npy: of two columns and of all six. numpy.loadtxt reads the columns that are used,
then NumPy computes and saves; pandas.read_csv (the C reader, `usecols`) likewise. `read` is the time that these spend in the
call alone, by their own clock, without the start of Python: a limit that no process can beat. The answers are compared. Also
writing: the result as .csv beside numpy.savetxt. Medians; a ratio is nexpr's time to the other's in the same turn: below 1
nexpr is faster.
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

NAMES = "abcdef"
ROWS = {
    "2 columns": ("2*a - 4.5*b", "ab"),
    "6 columns": ("a + b*c - d*e + f", NAMES),
}
LOADTXT = """
import numpy as np
{columns} = np.loadtxt("{table}", delimiter=",", skiprows=1, usecols={indices}, unpack=True)
"""
PANDAS = """
import pandas
frame = pandas.read_csv("{table}", engine="c", usecols={names})
import numpy as np
{columns} = (frame[name].to_numpy() for name in {names})
"""
REST = """
print(time.perf_counter() - start)
np.save("{result}", {text})
"""


def make_table(path, rows):
    data = np.random.default_rng(1).standard_normal((rows, len(NAMES)))
    with open(path, "w", encoding="ascii") as file:
        file.write(",".join(NAMES) + "\n")
        file.writelines(",".join(map(repr, row)) + "\n" for row in data.tolist())


def timed(command):
    """(seconds, output) of a process."""
    start = time.perf_counter()
    done = subprocess.run(command, capture_output=True, text=True)
    seconds = time.perf_counter() - start
    if done.returncode:
        sys.exit(f"csv_bench: {' '.join(map(str, command))[:200]}: {done.stderr}")
    return seconds, done.stdout


def other(source, text, columns, table, result):
    """The command line of a Python process that reads, computes and saves, and prints how long reading took."""
    code = (source + REST).format(table=table, result=result, text=text, columns=", ".join(columns), names=list(columns),
                                  indices=[NAMES.index(name) for name in columns])
    first, _, rest = code.strip().partition("\n")
    return [sys.executable, "-c", f"import time\n{first}\nstart = time.perf_counter()\n{rest}"]


def ours(command, text, table, result):
    return [command, "-q", "--force", "--no-fsync", text, "-i", table, "-o", result]


def bench_reading(command, folder, name, turns):
    text, columns = ROWS[name]
    table, mine, theirs = folder / "table.csv", folder / "nexpr.npy", folder / "other.npy"
    others = {"numpy.loadtxt": LOADTXT, "pandas": PANDAS}
    seconds = {"nexpr": [], **{key: [] for key in others}, **{f"{key} read": [] for key in others}}
    for turn in range(turns + 1):
        taken = {"nexpr": timed(ours(command, text, table, mine))[0]}
        for key, source in others.items():
            taken[key], output = timed(other(source, text, columns, table, theirs))
            taken[f"{key} read"] = float(output)
            if not np.array_equal(np.load(mine), np.load(theirs)):
                sys.exit(f"csv_bench: {text}: the answers of nexpr and {key} differ")
        for key, value in taken.items():
            if turn:  # the first one warms the cache
                seconds[key].append(value)
    return report(name, text, seconds)


def bench_writing(command, folder, turns):
    text, table, mine, theirs = "2*a - 4.5*b", folder / "table.npz", folder / "nexpr.csv", folder / "other.csv"
    data = np.random.default_rng(2).standard_normal((2, 1_000_000))
    np.savez(table, a=data[0], b=data[1])
    code = (f'import numpy as np\nz = np.load("{table}")\na, b = z["a"], z["b"]\n'
            f'np.savetxt("{theirs}", {text}, header="r0", comments="")')
    seconds = {"nexpr": [], "numpy.savetxt": []}
    for turn in range(turns + 1):
        taken = {"nexpr": timed(ours(command, text, table, mine))[0],
                 "numpy.savetxt": timed([sys.executable, "-c", code])[0]}
        for key, value in taken.items():
            if turn:
                seconds[key].append(value)
    for path in (mine, theirs):
        if not np.array_equal(np.loadtxt(path, skiprows=1), 2 * data[0] - 4.5 * data[1]):
            sys.exit(f"csv_bench: {path} does not read back")
    return report("writing", text, seconds)


def report(name, text, seconds):
    result = {"case": name, "text": text}
    for key, values in seconds.items():
        ratio = statistics.median(mine / value for mine, value in zip(seconds["nexpr"], values))
        result[key] = {"seconds": statistics.median(values), "ratio": ratio}
        print(f"{name:10} {text:20} {key:20} {statistics.median(values):8.3f} s {ratio:8.2f}", flush=True)
    return result


def main():
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--command", default="build/cli/nexpr", help="the nexpr to measure (%(default)s)")
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--turns", type=int, default=5)
    parser.add_argument("--json", type=Path, help="write all down")
    options = parser.parse_args()
    shared = "/dev/shm" if os.access("/dev/shm", os.W_OK) else None  # no disk to wait for
    with tempfile.TemporaryDirectory(dir=shared) as name:
        folder = Path(name)
        make_table(folder / "table.csv", options.rows)
        print(f"{'case':10} {'expression':20} {'':20} {'median':>10} {'ratio':>8}")
        results = [bench_reading(options.command, folder, case, options.turns) for case in ROWS]
        results.append(bench_writing(options.command, folder, options.turns))
    if options.json:
        options.json.write_text(json.dumps(results, indent=1) + "\n", encoding="ascii")


if __name__ == "__main__":
    main()
