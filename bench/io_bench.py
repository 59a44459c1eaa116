#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""The command from files to files beside NumPy, as whole processes, in turn, cache warm: load, compute and save.

    scripts/setup test
    .venv/bin/python bench/io_bench.py --command build/cli/nexpr

`2*a - 4.5*b` of two float64 arrays of 200 MB each, from and to each kind of file; nexpr with --no-fsync, because NumPy
does not wait for the disk either. Both outputs are removed before each turn, so that nobody writes over old pages; the
answers are compared. Medians; the ratio is nexpr's time to NumPy's in the same turn: below 1 nexpr is faster. Besides, the
time to start.
"""
import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time

import numpy as np

EXPRESSION = '2*a - 4.5*b'
# Row: how the inputs are stored, their order of axes, the ending of the output, the limit of the ratio (None: none).
ROWS = {
    'npy': ('npy', 'C', 'npy', 0.7),
    'npy, 2-D Fortran order': ('npy', 'F', 'npy', None),
    'npy, one of each order': ('npy', 'CF', 'npy', None),
    'npz, stored': ('npz', 'C', 'npz', None),
    'npz, deflated': ('deflated', 'C', 'npy', None),
    'pipe': ('pipe', 'C', 'npy', None),
}
NUMPY = """
import io
import sys
import numpy as np
a, b = {load}
{save}
"""


def make(folder, kind, orders, size):
    """Writes the inputs; returns nexpr's arguments and NumPy's expression that loads them."""
    rng = np.random.default_rng(3)
    side = int(size ** 0.5)
    arrays = []
    for i in range(2):
        values = rng.integers(0, 1000, size) / 8 if kind == 'deflated' else rng.standard_normal(size)
        order = orders[min(i, len(orders) - 1)]
        arrays.append(values if orders == 'C' else np.asarray(values[:side * side].reshape(side, side), order=order))
    path = os.path.join(folder, f'{kind}-{orders}')
    if kind in ('npz', 'deflated'):
        (np.savez if kind == 'npz' else np.savez_compressed)(path + '.npz', a=arrays[0], b=arrays[1])
        return ['-i', f'{path}.npz'], f'(lambda z: (z["a"], z["b"]))(np.load("{path}.npz"))'
    for name, array in zip('ab', arrays):
        np.save(f'{path}-{name}.npy', array)
    loaded = f'np.load("{path}-a.npy"), np.load("{path}-b.npy")'
    if kind == 'pipe':
        loaded = f'np.load(io.BytesIO(sys.stdin.buffer.read())), np.load("{path}-b.npy")'
        return ['-i', 'a=-', '-i', f'b={path}-b.npy', f'{path}-a.npy'], loaded
    return ['-i', f'a={path}-a.npy', '-i', f'b={path}-b.npy'], loaded


def timed(command, stdin):
    source = subprocess.Popen(['cat', stdin], stdout=subprocess.PIPE) if stdin else None
    begin = time.perf_counter()
    process = subprocess.Popen(command, stdin=source.stdout if source else None)
    if source:
        source.stdout.close()
    process.wait()
    seconds = time.perf_counter() - begin
    if source:
        source.wait()
    if process.returncode:
        sys.exit(f'io_bench: {command} ended with {process.returncode}')
    return seconds


def answers_differ(one, two):
    a, b = np.load(one), np.load(two)
    if one.endswith('npz'):
        a, b = a[a.files[0]], b[b.files[0]]
    return not np.array_equal(a, b)


def measure(options, folder, name):
    kind, orders, ending, limit = ROWS[name]
    arguments, load = make(folder, kind, orders, options.size)
    stdin = arguments.pop() if kind == 'pipe' else None
    ours, theirs = os.path.join(folder, 'ours.' + ending), os.path.join(folder, 'theirs.' + ending)
    save = f'np.save("{theirs}", {EXPRESSION})' if ending == 'npy' else f'np.savez("{theirs}", r0={EXPRESSION})'
    nexpr = [options.command, EXPRESSION, *arguments, '-o', ours, '--no-fsync', '-q']
    numpy = [sys.executable, '-c', NUMPY.format(load=load, save=save)]
    times = []
    os.sync()  # or the disk is still busy with the inputs
    for turn in range(options.turns + 1):  # the first one warms the cache and compares the answers
        for path in (ours, theirs):
            if os.path.exists(path):
                os.remove(path)
        theirs_s = timed(numpy, stdin)
        ours_s = timed(nexpr, stdin)
        if turn:
            times.append((ours_s, theirs_s))
        elif answers_differ(ours, theirs):
            sys.exit(f'io_bench: {name}: the answers differ')
    ratio = statistics.median(o / t for o, t in times)
    row = {'row': name, 'nexpr_s': statistics.median(o for o, _ in times), 'numpy_s': statistics.median(t for _, t in times),
           'ratio': ratio, 'limit': limit}
    print(f'{name:24} {row["nexpr_s"]:8.3f} {row["numpy_s"]:8.3f} {ratio:8.2f}   {limit or ""}', flush=True)
    for entry in os.listdir(folder):
        os.remove(os.path.join(folder, entry))
    return row


def start(options):
    times = []
    for _ in range(20):
        begin = time.perf_counter()
        subprocess.run([options.command, '1+1'], stdout=subprocess.DEVNULL, check=True)
        times.append((time.perf_counter() - begin) * 1000)
    row = {'row': 'nexpr 1+1', 'ms': statistics.median(times), 'limit_ms': 5}
    print(f'nexpr 1+1: {row["ms"]:.1f} ms (at most {row["limit_ms"]})')
    return row


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('--command', default='build/cli/nexpr', help='the command (build/cli/nexpr)')
    parser.add_argument('--folder', help='where the files are (a temporary folder)')
    parser.add_argument('--rows', default='', help='only rows with this in their name')
    parser.add_argument('--size', type=int, default=25_000_000, help='elements of an input (25,000,000)')
    parser.add_argument('--turns', type=int, default=5, help='turns that count (5)')
    parser.add_argument('--json', help='also write all down here')
    options = parser.parse_args()
    options.command = os.path.abspath(options.command)
    print(f'{"":24} {"nexpr s":>8} {"NumPy s":>8} {"ratio":>8}   limit')
    with tempfile.TemporaryDirectory(dir=options.folder) as folder:
        rows = [measure(options, folder, name) for name in ROWS if options.rows in name]
    rows.append(start(options))
    if options.json:
        with open(options.json, 'w', encoding='utf-8') as out:
            json.dump(rows, out, indent=1)


main()
