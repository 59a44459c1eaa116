# SPDX-License-Identifier: MIT
"""Numbers in text against Python: csv_numbers_test.py CSV_NUMBERS [COUNT].

Reading float64 against float(); reading float32 and float16 against exact rounding of the text as a fraction; writing
against repr() for float64, and for float32 and float16 against NumPy's shortest digits. Random and hard cases: halves
between neighbours and just beside them, subnormals, both ends, long digits, exponents.
"""
import random
import struct
import subprocess
import sys
from fractions import Fraction

import numpy as np

PROGRAM, COUNT = sys.argv[1], int(sys.argv[2]) if len(sys.argv) > 2 else 100_000
# name: precision, least exponent, unsigned integer, float
FORMATS = {"float16": (11, -24, np.uint16, np.float16), "float32": (24, -149, np.uint32, np.float32),
           "float64": (53, -1074, np.uint64, np.float64)}
random.seed(20)


def ask(lines):
    text = "".join(line + "\n" for line in lines)
    done = subprocess.run([PROGRAM], input=text, capture_output=True, text=True, check=True)
    return done.stdout.split("\n")[:-1]


def bits_of(x):
    return struct.unpack("<Q", struct.pack("<d", x))[0]


def infinity(precision, least):
    return (5 - 2 * precision - 2 * least) << (precision - 1)


def is_finite(bits, name):
    precision, least = FORMATS[name][:2]
    return bits & (1 << FORMATS[name][2](0).itemsize * 8 - 1) - 1 < infinity(precision, least)


def value(bits, name):
    """The number that non-negative finite bits mean."""
    precision, least = FORMATS[name][:2]
    biased, mantissa = bits >> precision - 1, bits & (1 << precision - 1) - 1
    return (mantissa + ((biased > 0) << precision - 1)) * Fraction(2) ** (least + max(biased - 1, 0))


def round_exactly(text, name):
    """The bits of the nearest number, half to even, of a text without a sign."""
    precision, least = FORMATS[name][:2]
    x, low, high = Fraction(text), 0, infinity(precision, least)
    while high - low > 1:
        middle = (low + high) // 2
        if value(middle, name) <= x:
            low = middle
        else:
            high = middle
    half = (value(low, name) + value(low + 1, name)) / 2
    return low + (x > half or (x == half and low & 1))


def decimal_text(x):
    """All digits of a fraction whose denominator is a power of two."""
    places = max(x.denominator.bit_length() - 1, 0)
    digits = str(x * 10 ** places)
    return f"{digits}e-{places}"


def spell(x):
    """A number in one of the spellings that a file may have."""
    form = random.choice(["r", "%.17g", "%.15g", "%.6f", "%.0f", "%.25e", "%.3e", "%.40g", "%g"])
    return repr(x) if form == "r" else form % x


def random_float():
    while True:
        x = struct.unpack("<d", struct.pack("<Q", random.getrandbits(64)))[0]
        if x == x and abs(x) != float("inf"):
            return x


def random_text():
    kind = random.randrange(8)
    if kind < 3:
        return spell(random_float())
    if kind == 3:
        return spell(random.uniform(-1000, 1000))
    digits = "".join(random.choice("0123456789") for _ in range(random.choice([1, 3, 8, 15, 17, 18, 19, 20, 21, 30, 60])))
    point = random.randrange(len(digits) + 1)
    text = random.choice(["", "-", "+"]) + digits[:point] + random.choice([".", "", "."]) + digits[point:]
    if kind == 4:
        return text
    exponent = random.choice([0, 1, 7, 22, 23, 100, 307, 308, 330, 345])
    return text + random.choice("eE") + random.choice(["", "-", "+"]) + str(exponent)


def hard_texts(name):
    """Halves between neighbours, and numbers that differ from them far behind."""
    precision, least = FORMATS[name][:2]
    bits = [0, 1, 2, 3, (1 << precision - 1) - 1, 1 << precision - 1, infinity(precision, least) - 2]
    bits += [random.randrange(infinity(precision, least) - 1) for _ in range(60)]
    for b in bits:
        half = (value(b, name) + value(b + 1, name)) / 2
        text = decimal_text(half)
        digits, exponent = text.split("e")
        more = f"{digits}{'0' * random.randrange(900)}1e{int(exponent)}"
        zeros = len(more) - len(digits) - len(exponent) - 1
        yield from [text, f"{digits}1e{int(exponent) - 1}", f"{int(digits) - 1}9e{int(exponent) - 1}",
                    f"{digits}{'0' * zeros}1e{int(exponent) - zeros - 1}", decimal_text(value(b, name)),
                    f"0.{'0' * 50}{digits}e{int(exponent) + len(digits) + 50}"]


FIXED = ["0", "-0", "0.0", "-0.0", "+0", "0" * 37 + "1", "9007199254740991", "9007199254740992", "9007199254740993",
         "9007199254740992.5", "9007199254740993.0000000000000000000000001", "9223372036854775807",
         "9223372036854775808", "18446744073709551615", "18446744073709551616", "1e308", "1.7976931348623157e308",
         "1.7976931348623158e308", "1.7976931348623159e308", "1e309", "1e400", "-1e400", "1e-400", "4.9e-324",
         "2.4703282292062327e-324", "2.4703282292062328e-324", "2.2250738585072011e-308", "2.2250738585072014e-308",
         "1e-5000", "1e5000", "1e99999999999999999999", "1e-99999999999999999999", "0e99999999999",
         "." + "0" * 400 + "1e400", "1" + "0" * 400 + "e-400", "1" * 5000, "0." + "3" * 5000, "5.", ".5", "-.5e1", "nan",
         "-nan", "NaN", "inf", "-inf", "Infinity", "+INF", "1e23", "8.5e22", "6.02214076e23",
         "123456789012345678901234567890", str(2**1024 - 2**970), str(2**1024 - 2**970 - 1)]
WRONG = ["", "-", "+", ".", "e5", "1e", "1e+", "--1", "+-1", "1.2.3", "0x10", "1_000", "1,5", "nanx", "in", "infinit",
         "1e5.5", "1 2", " 1", "1 ", "1j", "١", "1f", "infx"]


def check_reading():
    texts = FIXED + WRONG + [random_text() for _ in range(COUNT)] + list(hard_texts("float64"))
    for text, answer in zip(texts, ask(f"float64 {text}" for text in texts), strict=True):
        try:
            wanted = None if "_" in text or text != text.strip() or not text.isascii() else float(text)
        except ValueError:
            wanted = None
        good = answer == "-" if wanted is None else answer == "7ff8000000000000" if wanted != wanted else (
            answer == f"{bits_of(wanted):x}")
        if not good:
            sys.exit(f"float64 {text!r}: {answer} instead of {wanted!r}")
    return len(texts)


def check_reading_narrow(name):
    texts = list(hard_texts(name)) + [t for t in (random_text() for _ in range(3000)) if t[0] not in "+-"]
    texts += [repr(float(x)) for x in np.arange(0, 1, 1 / 999)]
    for text, answer in zip(texts, ask(f"{name} {text}" for text in texts), strict=True):
        wanted = round_exactly(text, name)
        if int(answer, 16) != wanted:
            sys.exit(f"{name} {text!r}: {answer} instead of {wanted:x}")
    return len(texts)


def digits_of(text):
    """(digits, exponent): the same for all spellings of a number."""
    number, _, exponent = text.lstrip("-").partition("e")
    whole, _, fraction = number.partition(".")
    digits = (whole + fraction).lstrip("0")
    if not digits:
        return "0", 0
    return digits.rstrip("0"), int(exponent or 0) - len(fraction) + len(digits) - len(digits.rstrip("0"))


def random_bits(name):
    precision, least, unsigned, _ = FORMATS[name]
    size, top = unsigned(0).itemsize * 8, infinity(precision, least)
    edges = [b << precision - 1 for b in range(top >> precision - 1)]
    near = [b + d for b in edges for d in (-2, -1, 0, 1, 2) if 0 <= b + d < top]
    return near + [random.getrandbits(size) for _ in range(COUNT)]


def check_writing(name):
    _, _, unsigned, floating = FORMATS[name]
    patterns = list(range(0x10000)) if name == "float16" else random_bits(name)
    values = np.array(patterns, dtype=unsigned).view(floating)
    texts = ask(f"{name} ={b:x}" for b in patterns)
    for x, b, text in zip(values, patterns, texts, strict=True):
        if name == "float64":
            good = text == repr(float(x))
        elif is_finite(b, name):
            wanted = np.format_float_scientific(x, unique=True)
            good = digits_of(text) == digits_of(wanted) and text.startswith("-") == np.signbit(x)
        else:
            good = text == repr(float(x))
        if not good:
            sys.exit(f"{name} {b:x}: written as {text} instead of {x!r}")
    again = ask(f"{name} {text}" for text in texts)
    for b, text, answer in zip(patterns, texts, again, strict=True):
        if is_finite(b, name) and int(answer, 16) != b:
            sys.exit(f"{name} {b:x}: {text} is read as {answer}")
    return len(patterns)


checks = check_reading() + sum(check_reading_narrow(name) for name in FORMATS) + sum(check_writing(name) for name in FORMATS)
print(f"{checks} checks")
