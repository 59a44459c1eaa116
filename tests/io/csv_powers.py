# SPDX-License-Identifier: MIT
"""runtime/io/decimal_powers.def, from Python's integers: csv_powers.py FILE checks it, csv_powers.py alone prints it."""
import sys

FIRST, LAST = -342, 324


def row(k):
    """The 128 leading bits of 10**k, cut off, in two halves."""
    if k >= 0:
        bits = (10**k).bit_length()
        top = 10**k << 128 >> bits
    else:
        bits = (10**-k).bit_length()
        top = (1 << 128 + bits) // 10**-k
        while top >> 128:
            top >>= 1
    return f"P({k}, 0x{top >> 64:016x}, 0x{top & (1 << 64) - 1:016x})"


def table():
    lines = ["/* SPDX-License-Identifier: MIT */",
             "/* P(k, high, low): the 128 leading bits of 10 to the k, cut off. "
             "Made and checked by tests/io/csv_powers.py. */"]
    return "\n".join(lines + [row(k) for k in range(FIRST, LAST + 1)]) + "\n"


if len(sys.argv) == 1:
    sys.stdout.write(table())
else:
    with open(sys.argv[1], encoding="ascii") as file:
        sys.exit(None if file.read() == table() else f"{sys.argv[1]} is not what csv_powers.py makes")
