# SPDX-License-Identifier: MIT
"""The report in Markdown: where nexpr loses and why, then everything; and the tables of README.md."""

import re

from .limits import Limits, OURS, is_ours, losses, spell_ns

ORDER = ["nexpr-auto", "nexpr-vm", "nexpr-jit", "c", "c-fast", "c-nexpr-math", "numpy", "numexpr", "numba", "numba-fastmath",
         "blosc2", "jax"]
KINDS = [("table", "Expressions"), ("op", "Functions alone"), ("chain", "Operations per element"),
         ("inputs", "Number of inputs")]
MOST_LOSSES = 400


def spell_n(n):
    power = n.bit_length() - 1
    return f"2^{power}" if n == 1 << power and power >= 17 else f"{n:,}"


def quote(text, most=60):
    text = text if len(text) <= most else f"{text[:most - 3]}..."
    return "`" + text.replace("|", "\\|") + "`"


def per_item(ns, n):
    return f"{ns / n:.3g}"


def peers_of(result):
    present = set(result["versions"])
    return [p for p in ORDER if p in present] + sorted(present - set(ORDER))


def table(head, rows):
    lines = ["| " + " | ".join(head) + " |", "|" + "---|" * len(head)]
    return "\n".join(lines + ["| " + " | ".join(map(str, row)) + " |" for row in rows])


# ------------------------------------------------------------------------------------------------------------- parts

def write_losses(result, limits):
    found = losses(result)
    cells = [c for c in result["cells"] if OURS in c["peers"]]
    lines = ["## Where nexpr loses", ""]
    if not cells:
        return lines + ["nexpr was not measured.", ""]
    lines += [f"In {len(found)} of {len(cells)} cells (a row at a size with so many threads) some peer is faster than nexpr "
              "as its users get it (nexpr-auto, warm), beyond noise: the lower quartile of the ratios of a turn is above "
              f"1.03. {summarise(found, limits)}", ""]
    rows = []
    for ratio, cell, peer in found[:MOST_LOSSES]:
        row = result["rows"][cell["row"]]
        rows.append([quote(row["text"], 44), row["note"], ",".join(sorted(set(row["inputs"].values()))), spell_n(cell["n"]),
                     cell["threads"], spell_ns(cell["peers"][OURS]["ns"][1]), peer, spell_ns(cell["peers"][peer]["ns"][1]),
                     f"{ratio:.2f}", limits.reason(cell, peer)])
    if rows:
        head = ["expression", "", "dtype", "n", "threads", "nexpr", "fastest", "takes", "ratio", "reason"]
        lines += [table(head, rows), ""]
    if len(found) > MOST_LOSSES:
        more, ratio = len(found) - MOST_LOSSES, found[MOST_LOSSES][0]
        lines += [f"{more} more are in result.json, with ratios of {ratio:.2f} and less.", ""]
    return lines


def summarise(found, limits):
    counts = {}
    for _, cell, peer in found:
        word = limits.reason(cell, peer).partition(":")[0].partition(",")[0]
        counts[word] = counts.get(word, 0) + 1
    return "; ".join(f"{word}: {count}" for word, count in sorted(counts.items(), key=lambda x: -x[1])) + "."


def first_calls(result):
    """{(row, peer): the first call of all, for the fewest elements}: that in which a peer compiled."""
    firsts = {}
    for cell in sorted(result["cells"], key=lambda cell: (cell["threads"], cell["n"])):
        for peer, figures in cell["peers"].items():
            firsts.setdefault((cell["row"], peer), figures["first_ns"])
    return firsts


def cell_line(result, limits, cell, peers):
    row, figures = result["rows"][cell["row"]], cell["peers"]
    limit = limits.of(cell)
    others = [(f["ns"][1], p) for p, f in figures.items() if not is_ours(p)]
    best = min(others)[1] if others else None

    def share(peer):
        value = limits.share(cell, peer) if peer else None
        return "" if value is None else f"{value:.0f} %"
    return [quote(row["text"], 40), row["note"], ",".join(sorted(set(row["inputs"].values()))), spell_n(cell["n"]),
            cell["threads"], *[per_item(figures[p]["ns"][1], cell["n"]) if p in figures else "" for p in peers],
            f"{per_item(limit[0], cell['n'])} ({limit[1]})" if limit else "", share(OURS), f"{best or ''} {share(best)}"]


def write_rows(result, limits, kind, title):
    cells = [c for c in result["cells"] if c["peers"] and result["rows"][c["row"]]["kind"] == kind]
    if not cells:
        return []
    peers = [p for p in peers_of(result) if any(p in c["peers"] for c in cells)]
    names = list(dict.fromkeys(c["row"] for c in cells))
    cells.sort(key=lambda c: (names.index(c["row"]), c["threads"], c["n"]))
    head = ["expression", "", "dtype", "n", "threads", *peers, "limit", "nexpr", "best peer"]
    firsts = first_calls(result)
    lines = [f"## {title}", "", "Nanoseconds per element of the larger of input and result, medians. *limit*: see below; "
             "behind it the share of it that nexpr and the fastest peer reach.", "",
             table(head, [cell_line(result, limits, c, peers) for c in cells]), "",
             "First calls, with the fewest elements: from the text to the result, with compilation.", "",
             table(["expression", "", *peers], [
                 [quote(result["rows"][name]["text"], 40), result["rows"][name]["note"],
                  *[spell_ns(firsts[name, p]) if (name, p) in firsts else "" for p in peers]] for name in names]), ""]
    return lines


def write_machine(result):
    machine = result["machine"]
    caches = ", ".join(f"{name} {size // 1024} KiB" for name, size in machine["caches"].items())
    lines = [f"{result['date']}, {machine['cpu']}, {machine['cpus']} CPUs, {caches}, {machine['memory_gib']} GiB; "
             f"{machine['system']}, Linux {machine['kernel']}, Python {machine['python']}; commit {machine['commit']}; mode "
             f"{result['mode']}, measured in {sum(result['seconds']) / 60:.1f} minutes.", "",
             table(["peer", "version"], [[p, result["versions"][p]] for p in peers_of(result)] +
                   [[p, f"missing: {why}"] for p, why in result["missing"].items()]), ""]
    return lines


def write_yardsticks(result):
    rows = []
    for y in sorted(result["yardsticks"], key=lambda y: y["threads"]):
        for entry in y["memory"]:
            rows.append([y["threads"], f"{entry['bytes'] / 1024:,.0f} KiB",
                         *[f"{entry[k]:.1f}" for k in ("copy", "copy_streamed", "triad", "triad_streamed")]])
    lines = ["## Yardsticks", "", "Of the same run, in C: GB/s of `r = a` and `r = a + s*b`, with ordinary stores and with "
             "those around the caches.", "",
             table(["threads", "bytes", "copy", "copy, streamed", "triad", "triad, streamed"], rows), ""]
    for y in result["yardsticks"]:
        lines.append(f"- {y['threads']} threads: {y['fma_per_ns']:.1f} fused multiplications and additions of float64 per "
                     f"ns; an empty OpenMP region takes {spell_ns(y['region_ns'])}.")
    return lines + ["", "The limit of a row is the longer of two times: its bytes, each once, at the fastest of these for "
                    "about as many bytes; and its operations, counted in additions (a quotient or a root 8, a function of a "
                    "polynomial 20 to 40), at the rate of fused multiplications. Above 100 % the count is too high: a "
                    "result that does not need all of it, or stores that the cache took.", ""]


def write_reasons(result):
    """What could not be measured."""
    grouped = {}
    for cell in result["cells"]:
        for peer, why in cell["not"].items():
            grouped.setdefault((peer, why), {})[cell["row"]] = True
    lines = ["## Not measured", ""]
    for (peer, why), rows in sorted(grouped.items()):
        names = list(rows)
        some = ", ".join(names[:8]) + (f" and {len(names) - 8} more" if len(names) > 8 else "")
        lines.append(f"- {peer}: {why.replace('|', '/')} ({some})")
    functions = {}
    for what, why in result["left_out"].items():
        functions.setdefault(what.split()[0], re.sub(r"^[A-Z]+ \[\d+:\d+\] ", "", why))
    lines += [f"- no row: {name}: {why}" for name, why in functions.items()]
    if result["undone"]:
        lines.append(f"- time was up before {len(result['undone'])} cells")
    return lines + [""]


def write(result, charts):
    limits = Limits(result)
    lines = ["# Speed of nexpr and its peers", "", *write_machine(result), *write_losses(result, limits)]
    if charts:
        lines += ["## Charts", ""] + [f"![{title}]({name})" for name, title in charts] + [""]
    for kind, title in KINDS:
        lines += write_rows(result, limits, kind, title)
    return "\n".join(lines + write_yardsticks(result) + write_reasons(result))


# -------------------------------------------------------------------------------------------------------------- README.md

README_ROWS = ("linear wave polynomial choice gauss angles wave32 bits masks horner rational options point haversine ndvi "
               "bytes product scaling").split()
README_WHOLE = ("sum dot min moments columns rows place none distances normal_rows steps stencil symmetric few most "
                "gathered running").split()
README_PEERS = ["c-nexpr-math", "c-fast", "numpy", "numexpr", "numba", "jax", "blosc2"]


def find(result, row, n, threads):
    cells = [c for c in result["cells"] if c["row"] == row and c.get("asked", c["n"]) == n and c["threads"] == threads]
    return cells[0] if cells else None


def readme_line(result, name, peers, columns, largest):
    row = result["rows"][name]
    label = quote(row["text"], 70) if len(row["text"]) <= 45 or not row["note"] else ""
    label += (", " if label and row["note"] else "") + row["note"]
    label += "" if set(row["inputs"].values()) == {"float64"} else f" {'/'.join(dict.fromkeys(row['inputs'].values()))}"
    line = [label]
    for n, threads in columns:
        cell = find(result, name, n, threads)
        line.append(f"{cell['peers'][OURS]['ns'][1] / cell['n']:.3g}" if cell and OURS in cell["peers"] else "")
    cell = find(result, name, largest, 1)
    for peer in peers:
        figures = cell["peers"].get(peer) if cell else None
        line.append(spell_times(1 / figures["ratio"][1]) if figures and "ratio" in figures else "")
    return line


def spell_times(ratio):
    return f"{ratio:.0f}" if ratio >= 10 else f"{ratio:.2g}" if ratio < 1 else f"{ratio:.1f}"


def readme_table(result):
    """Nanoseconds per element of nexpr, and how many times as long the peers take."""
    largest = max(c["asked"] for c in result["cells"] if result["rows"][c["row"]]["kind"] == "table")
    cpus = result["machine"]["cpus"]
    peers = [p for p in README_PEERS if p in result["versions"]]
    columns = [(n, threads) for n, threads in dict.fromkeys([(65_536, 1), (largest, 1), (largest, cpus)])
               if any(c["asked"] == n and c["threads"] == threads for c in result["cells"])]
    sizes = [f"{spell_n(n)}, {threads} threads" if threads > 1 else spell_n(n) for n, threads in columns]
    head = ["expression", *sizes, *peers]
    lines = []
    for names in (README_ROWS, README_WHOLE):
        chosen = [name for name in names if find(result, name, largest, 1)]
        lines += [readme_line(result, name, peers, columns, largest) for name in chosen]
    versions = ", ".join(f"{p} {result['versions'][p].split()[0]}" for p in peers if not p.startswith("c"))
    machine = result["machine"]
    return "\n".join([table(head, lines), "", f"{result['date'][:10]}, {machine['cpus']} CPUs of an {machine['cpu']}, "
                      f"{machine['system']}; {versions}; medians, by `bench/run`."])
