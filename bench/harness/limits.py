# SPDX-License-Identifier: MIT
"""Rows on the roofline, and why nexpr loses where it does.

The limit of a cell is the longer one of two times: that of moving its bytes, each once, at the speed of copies and triads
(with ordinary stores or around the caches, whichever is fastest) of as many bytes in the same run; and that of its
operations at the peak rate of fused multiplications, of which each counts as one operation. Operations are counted in
additions: see spelling.py.
Function calls, reductions and what waits for itself do not reach such a limit; it says what there is to gain at most.
"""

import math
import re

OURS, VM, JIT = "nexpr-auto", "nexpr-vm", "nexpr-jit"
NOISE = 1.03  # a ratio within it is a draw, whatever the quartiles say
FEW = 10
LICENCES = ("c-fast", "numba-fastmath")


def is_ours(peer):
    return peer.startswith("nexpr-")


def bandwidth(yardstick, size):
    """Bytes per ns of the fastest copy or triad of about `size` bytes."""
    memory = yardstick["memory"]
    speeds = [max(v for k, v in entry.items() if k != "bytes") for entry in memory]
    # The speed of small footprints is that of calls; from a footprint on, larger ones are not faster.
    speeds = [max(speeds[k:]) for k in range(len(speeds))]
    sizes = [entry["bytes"] for entry in memory]
    above = next((k for k, x in enumerate(sizes) if x >= size), len(sizes) - 1)
    if above == 0 or sizes[above] <= size:
        return speeds[above]
    share = math.log(size / sizes[above - 1]) / math.log(sizes[above] / sizes[above - 1])
    return speeds[above - 1] + share * (speeds[above] - speeds[above - 1])


def lanes_of(dtypes):
    """Elements per vector in terms of those of float64."""
    bits = [int(re.search(r"\d*$", x)[0] or 8) // (2 if x.startswith("complex") else 1) for x in dtypes]
    return 64 / max(bits)


class Limits:
    """Of a result."""

    def __init__(self, result):
        self.rows = result["rows"]
        self.yardsticks = {y["threads"]: y for y in result["yardsticks"]}
        self.calls = {}  # ns of nexpr's call: that for the fewest elements of a row, if they are few
        for cell in sorted(result["cells"], key=lambda cell: -cell["n"]):
            if OURS in cell["peers"] and cell["asked"] <= FEW:
                self.calls[cell["row"], cell["threads"]] = cell["peers"][OURS]["ns"][1]

    def of(self, cell):
        """(ns, "memory" or "arithmetic"), or None without yardsticks."""
        yardstick = self.yardsticks.get(cell["threads"])
        if not yardstick or not cell["bytes"]:
            return None
        row = self.rows[cell["row"]]
        moving = cell["bytes"] / bandwidth(yardstick, cell["bytes"])
        lanes = lanes_of([row["result"], *row["inputs"].values()])
        computing = row["operations"] * cell["n"] / (yardstick["fma_per_ns"] * lanes)
        return (moving, "memory") if moving >= computing else (computing, "arithmetic")

    def share(self, cell, peer):
        """Of the limit that a peer reaches, in percent; None without yardsticks."""
        limit = self.of(cell)
        return 100 * limit[0] / cell["peers"][peer]["ns"][1] if limit and peer in cell["peers"] else None

    def reason(self, cell, peer):
        """Why `peer` is faster than nexpr in a cell, as far as the figures tell."""
        figures, row = cell["peers"], self.rows[cell["row"]]
        ours, best = figures[OURS]["ns"][1], figures[peer]["ns"][1]
        call = self.calls.get((cell["row"], cell["threads"]), 0)
        if ours - best <= 1.3 * call and call > 0.25 * ours:
            return f"call: {spell_ns(call)} of {spell_ns(ours)} are what a call takes"
        quicker = min((figures[p]["ns"][1], p) for p in (VM, JIT, OURS) if p in figures)
        if quicker[1] != OURS and quicker[0] < 0.9 * ours and quicker[0] <= NOISE * best:
            return f"choice of tiers: {quicker[1]} takes {spell_ns(quicker[0])}"
        strict = [f["ns"][1] for p, f in figures.items() if not is_ours(p) and p not in LICENCES]
        if peer in LICENCES and (not strict or min(strict) * NOISE >= ours):
            return "fast-math: fused, reassociated or less accurate functions; none without that licence is faster"
        share = self.share(cell, OURS)
        if share and 75 < share and ours < 1.34 * best and self.of(cell)[1] == "memory":
            return f"memory: both near the limit, nexpr at {share:.0f} % of it"
        if row["layout"] not in ("flat", "pair", "total") and peer.startswith("c"):
            return "layout: a loop written for this one shape"
        if quicker[1] != OURS and quicker[0] < 0.9 * ours:
            return f"slower code, and the choice of tiers: {quicker[1]} takes {spell_ns(quicker[0])}"
        return "slower code"


def losses(result):
    """[(ratio, cell, peer)] where a peer is faster than nexpr beyond noise, the worst first."""
    found = []
    for cell in result["cells"]:
        others = [(f["ratio"][1], name) for name, f in cell["peers"].items() if "ratio" in f and not is_ours(name)]
        if not others:
            continue
        ratio, name = max(others)
        if cell["peers"][name]["ratio"][0] > NOISE:
            found.append((ratio, cell, name))
    return sorted(found, key=lambda item: -item[0])


def spell_ns(ns):
    """Three figures and a unit."""
    for unit, scale in (("s", 1e9), ("ms", 1e6), ("us", 1e3)):
        if ns >= scale:
            return f"{ns / scale:.3g} {unit}"
    return f"{ns:.3g} ns"
