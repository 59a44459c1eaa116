# SPDX-License-Identifier: MIT
"""Charts as SVG, written by hand: two logarithmic axes, a line per peer with its name at its end, light and dark by the
viewer's preference. No text is smaller than 12 pixels."""

import math
from html import escape

from .report import ORDER, peers_of, spell_n

WIDTH, HEIGHT = 760, 460
LEFT, RIGHT, TOP, BOTTOM = 70, 150, 56, 56
LINE_HEIGHT = 15
COLOURS = {  # light, dark
    "nexpr-auto": ("#c2185b", "#ff6f9f"), "nexpr-vm": ("#e07a9b", "#c4748f"), "nexpr-jit": ("#8e1245", "#ffa3c0"),
    "c": ("#444444", "#d0d0d0"), "c-fast": ("#888888", "#a0a0a0"), "c-nexpr-math": ("#111111", "#f5f5f5"),
    "numpy": ("#1565c0", "#64a8f5"), "numexpr": ("#00838f", "#4dc7d2"), "numba": ("#2e7d32", "#74c578"),
    "numba-fastmath": ("#7a9a1f", "#bcd45e"), "blosc2": ("#b26a00", "#ffb74d"), "jax": ("#6a3fb5", "#b39ddb"),
}
OTHER = ("#795548", "#bcaaa4")
STYLE = """
svg { font: 13px system-ui, sans-serif; fill: #222222; } .paper { fill: #ffffff; }
.grid { stroke: #e3e3e3; stroke-width: 1; } .axis { stroke: #777777; } .title { font-size: 16px; font-weight: 600; }
.line { fill: none; stroke-width: 1.8; } .ours { stroke-width: 3.2; } .leader { stroke-width: 1; opacity: 0.5; fill: none; }
@media (prefers-color-scheme: dark) { svg { fill: #e6e6e6; } .paper { fill: #17191c; } .grid { stroke: #33373d; }
.axis { stroke: #999999; } }
"""


def style():
    """Colours of the peers as classes, in both schemes."""
    def rules(which):
        return " ".join(f".{name} {{ stroke: {colour[which]}; }} .{name}-text {{ fill: {colour[which]}; }}"
                        for name, colour in [*COLOURS.items(), ("other", OTHER)])
    return f"{STYLE}{rules(0)}\n@media (prefers-color-scheme: dark) {{ {rules(1)} }}\n"


class Axis:
    """A logarithmic axis from pixels `begin` to `end`."""

    def __init__(self, values, begin, end):
        self.low, self.high = min(values), max(values)
        if self.high < self.low * 1.5:
            self.low, self.high = self.low / 1.3, self.high * 1.3
        self.begin, self.end = begin, end

    def at(self, value):
        share = math.log(value / self.low) / math.log(self.high / self.low)
        return self.begin + share * (self.end - self.begin)

    def ticks(self):
        """Powers of ten; with few of them, twos and fives too."""
        steps = (1,) if self.high > 3000 * self.low else (1, 2, 5)
        first, last = math.floor(math.log10(self.low)), math.ceil(math.log10(self.high))
        values = [step * 10.0 ** k for k in range(first, last + 1) for step in steps]
        return [v for v in values if self.low * 0.999 <= v <= self.high * 1.001]


def spell_tick(value):
    if value >= 1:
        for unit, scale in (("G", 1e9), ("M", 1e6), ("k", 1e3)):
            if value >= scale:
                return f"{value / scale:g}{unit}"
    return f"{value:g}"


def spread(places):
    """Heights of labels near `places`, at least a line apart and within the chart."""
    order = sorted(range(len(places)), key=lambda k: places[k])
    heights = [places[k] for k in order]
    for k in range(1, len(heights)):
        heights[k] = max(heights[k], heights[k - 1] + LINE_HEIGHT)
    excess = heights[-1] - (HEIGHT - BOTTOM + 6) if heights else 0
    if excess > 0:
        heights[-1] -= excess
        for k in range(len(heights) - 2, -1, -1):
            heights[k] = min(heights[k], heights[k + 1] - LINE_HEIGHT)
    result = [0.0] * len(places)
    for k, height in zip(order, heights):
        result[k] = height
    return result


def draw_axes(x, y, x_ticks, x_label, y_label):
    parts = []
    for value in y.ticks():
        at = y.at(value)
        parts.append(f'<line class="grid" x1="{LEFT}" x2="{WIDTH - RIGHT}" y1="{at:.1f}" y2="{at:.1f}"/>'
                     f'<text x="{LEFT - 8}" y="{at + 4:.1f}" text-anchor="end">{spell_tick(value)}</text>')
    for value, label in x_ticks:
        at = x.at(value)
        parts.append(f'<line class="grid" x1="{at:.1f}" x2="{at:.1f}" y1="{TOP}" y2="{HEIGHT - BOTTOM}"/>'
                     f'<text x="{at:.1f}" y="{HEIGHT - BOTTOM + 18}" text-anchor="middle">{escape(label)}</text>')
    middle = (LEFT + WIDTH - RIGHT) / 2
    parts.append(f'<line class="axis" x1="{LEFT}" x2="{WIDTH - RIGHT}" y1="{HEIGHT - BOTTOM}" y2="{HEIGHT - BOTTOM}"/>'
                 f'<text x="{middle}" y="{HEIGHT - 14}" text-anchor="middle">{escape(x_label)}</text>'
                 f'<text x="{LEFT}" y="{TOP - 12}" text-anchor="start">{escape(y_label)}</text>')
    return parts


def draw_line(peer, points, x, y, height):
    """A peer's line, and its name at the height that is left for it."""
    name = peer if peer in COLOURS else "other"
    places = [(x.at(a), y.at(b)) for a, b in points]
    path = " ".join(f"{a:.1f},{b:.1f}" for a, b in places)
    end_x, end_y = places[-1]
    ours = " ours" if peer.startswith("nexpr-auto") else ""
    return [f'<polyline class="line {name}{ours}" points="{path}"/>',
            f'<polyline class="leader {name}" points="{end_x + 3:.1f},{end_y:.1f} {WIDTH - RIGHT + 12},{height:.1f} '
            f'{WIDTH - RIGHT + 18},{height:.1f}"/>',
            *[f'<circle class="{name} {name}-text" cx="{a:.1f}" cy="{b:.1f}" r="2"/>' for a, b in places],
            f'<text class="{name}-text" x="{WIDTH - RIGHT + 22}" y="{height + 4:.1f}"'
            f'{" font-weight=" + chr(34) + "600" + chr(34) if ours else ""}>{escape(peer)}</text>']


def draw(title, x_label, y_label, lines, x_ticks=None):
    """lines: {peer: [(x, y)]}; the SVG as text."""
    values = [point for points in lines.values() for point in points]
    x = Axis([a for a, _ in values], LEFT, WIDTH - RIGHT)
    y = Axis([b for _, b in values], HEIGHT - BOTTOM, TOP)
    ticks = x_ticks or [(value, spell_tick(value)) for value in x.ticks()]
    parts = draw_axes(x, y, ticks, x_label, y_label)
    heights = spread([y.at(points[-1][1]) for points in lines.values()])
    for (peer, points), height in zip(lines.items(), heights):
        parts += draw_line(peer, points, x, y, height)
    return (f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" width="{WIDTH}" height="{HEIGHT}" '
            f'role="img" aria-label="{escape(title)}"><style>{style()}</style>'
            f'<rect class="paper" width="{WIDTH}" height="{HEIGHT}"/>'
            f'<text class="title" x="{LEFT}" y="26">{escape(title)}</text>{"".join(parts)}</svg>\n')


# -------------------------------------------------------------------------------------------------------- what is drawn

SIZE_ROWS = "linear wave options point ndvi sum normal_rows distances steps sin_64".split()
THREAD_ROWS = "linear wave options sum".split()


def lines_of(result, cells, x_of, y_of):
    """{peer: points} in the order of x; a peer with one point has no line."""
    lines = {}
    for peer in peers_of(result):
        points = sorted((x_of(c), y_of(c, c["peers"][peer]["ns"][1])) for c in cells if peer in c["peers"])
        if len(points) > 1:
            lines[peer] = points
    return lines


def shorten(text, most=52):
    return text if len(text) <= most else f"{text[:most - 3]}..."


def title_of(row):
    """What a reader knows the row by."""
    if row["note"] in ("", "function"):
        return shorten(row["text"])
    return row["note"].capitalize() if len(row["text"]) > 30 else f"{row['text']}, {row['note']}"


def against_size(result):
    for name in SIZE_ROWS:
        cells = [c for c in result["cells"] if c["row"] == name and c["threads"] == 1]
        lines = lines_of(result, cells, lambda c: c["n"], lambda c, ns: ns / c["n"])
        if lines:
            title = f"{title_of(result['rows'][name])}, one thread"
            yield f"size-{name}.svg", title, "elements", "ns per element", lines, None


def against_count(result, kind, file, title, x_label):
    """Chains and numbers of inputs: the count is in the row's name."""
    cells = [c for c in result["cells"] if result["rows"][c["row"]]["kind"] == kind and c["threads"] == 1]
    lines = lines_of(result, cells, lambda c: int(c["row"].split("_")[1]), lambda c, ns: ns / c["n"])
    if lines:
        counts = sorted({int(c["row"].split("_")[1]) for c in cells})
        n = spell_n(max(c["n"] for c in cells))
        yield file, f"{title}, {n} elements, one thread", x_label, "ns per element", lines, [(k, str(k)) for k in counts]


def against_threads(result):
    for name in THREAD_ROWS:
        cells = [c for c in result["cells"] if c["row"] == name]
        sizes = [n for n in {c["asked"] for c in cells} if len({c["threads"] for c in cells if c["asked"] == n}) > 1]
        if not sizes:
            continue
        cells = [c for c in cells if c["asked"] == max(sizes)]
        lines = lines_of(result, cells, lambda c: c["threads"], lambda c, ns: ns / c["n"])
        counts = sorted({c["threads"] for c in cells})
        if lines:
            yield (f"threads-{name}.svg", f"{title_of(result['rows'][name])}, {spell_n(max(sizes))} elements", "threads",
                   "ns per element", lines, [(k, str(k)) for k in counts])


def write(result, folder):
    """Writes all charts that there are figures for: [(file, title)]."""
    written = []
    for file, title, x_label, y_label, lines, ticks in (
            *against_size(result),
            *against_count(result, "chain", "operations.svg", "Operations per element", "operations"),
            *against_count(result, "inputs", "inputs.svg", "Sum of arrays", "inputs"),
            *against_threads(result)):
        ordered = {peer: lines[peer] for peer in [*ORDER, *sorted(set(lines) - set(ORDER))] if peer in lines}
        (folder / file).write_text(draw(title, x_label, y_label, ordered, ticks))
        written.append((file, title))
    return written
