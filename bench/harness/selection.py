# SPDX-License-Identifier: MIT
"""Which rows a mode measures, and at which sizes."""

QUICK_ROWS = ("linear wave polynomial steps point distances options haversine ndvi normal_rows masks sum "
              "sin_64 exp_64 add_64 sqrt_32 chain_1 chain_5 chain_20 chain_200 inputs_1 inputs_4 inputs_16 "
              "inputs_64").split()
SMOKE_ROWS = "linear wave options sum few distances sin_64 cumsum_32 chain_2 inputs_2".split()
THREAD_ROWS = "linear wave options sum".split()
THREADS_ITEMS = {"full": 1 << 24, "quick": 1 << 22}
KINDS = ["chain", "inputs", "table", "op"]  # in the order in which they are measured: the last ones may run out of time
# Of the full mode, for the hundreds of single functions: a size in a core's caches and one beyond, where threads are worth
# while.
OP_SIZES, OP_THREADS_FROM = (1 << 16, 1 << 20), 1 << 20
FIXED = {"chain": 1 << 20, "inputs": 1 << 18}  # charts against something else than n


def is_wanted(name, row, mode, patterns, matches):
    if patterns:
        return any(matches(name, pattern) or pattern in row["text"] or pattern in row["note"] for pattern in patterns)
    return mode == "full" or name in (QUICK_ROWS if mode == "quick" else SMOKE_ROWS)


def sizes_of(row, sizes, options, threads):
    """The sizes of a row for so many threads."""
    if row["kind"] in FIXED and not options.sizes:
        fixed = [1000] if options.mode == "smoke" else [FIXED[row["kind"]]]
        return fixed if threads == 1 else []
    if options.sizes:
        return sizes
    if row["kind"] == "op" and options.mode == "full":
        return [n for n in OP_SIZES if threads == 1 or n >= OP_THREADS_FROM]
    return sizes


def between(cpus):
    """Numbers of threads of the chart: powers of two, and all."""
    counts = {cpus}
    count = 1
    while count < cpus:
        counts.add(count)
        count *= 2
    return sorted(counts)
