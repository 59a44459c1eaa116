# SPDX-License-Identifier: MIT
"""What every operation means, said with NumPy: the judge of the differential test and of the dtype table.

MEANING maps a name of the op table to a function of operands, which are NumPy arrays or weak Python literals. Where nexpr
differs on purpose (the manual lists it under "Where nexpr differs"), the function says what nexpr promises instead; these
are marked DIFFERS. `apply` makes the result an array, so that it is strong, and raises Reject for what NumPy refuses.
"""

import math
import operator
import statistics
from fractions import Fraction

import numpy as np

FLOATS = [np.dtype(t) for t in "efd"]
LITERAL_TYPES = (bool, int, float, complex)


class Reject(Exception):
    """NumPy has no answer, or nexpr leaves it out on purpose."""


def is_weak(value):
    return type(value) in LITERAL_TYPES


def strong(value):
    return np.asarray(value)


def one_like(value):
    """Something of the same dtype, or weakness, whose value does no harm."""
    return type(value)(1) if is_weak(value) else np.ones(1, value.dtype)


def kind_rank(value):
    if is_weak(value):
        return LITERAL_TYPES.index(type(value))
    return {"b": 0, "i": 1, "u": 1, "f": 2, "c": 3}[value.dtype.kind]


def strong_dtypes(values):
    """The dtypes that choose the loop. A weak operand takes the dtype that the strong ones promote to, or its own if its
    kind is above theirs."""
    dtypes = [v.dtype for v in values if not is_weak(v)]
    if dtypes and any(is_weak(v) and type(v) is not bool for v in values):
        dtypes.append(np.result_type(*dtypes))
    top = max([kind_rank(v) for v in values if not is_weak(v)], default=-1)
    for value in values:
        if is_weak(value) and kind_rank(value) > top:
            dtypes.append(np.dtype(type(value)))
    return dtypes


def first_loop(values, loops):
    """The first of `loops` to which all operands cast safely, as NumPy finds it."""
    for loop in loops:
        if all(np.can_cast(dtype, loop, "safe") for dtype in strong_dtypes(values)):
            return loop
    raise Reject("no loop")


def check_literals_fit(values):
    """DIFFERS: in where() NumPy wraps a literal that does not fit."""
    dtype = np.result_type(*values)
    if dtype.kind in "iu":
        for value in values:
            if is_weak(value) and not np.iinfo(dtype).min <= int(value) <= np.iinfo(dtype).max:
                raise Reject("a literal does not fit")


# ---------------------------------------------------------------------------------------- functions that NumPy lacks

def by_element(function):
    """A function of a float, for arrays; the dtype is that of NumPy's float-only functions."""
    def apply_to(x):
        loop = first_loop([x], FLOATS)
        values = strong(x).astype(np.float64)
        return np.array([function(v) for v in values.ravel().tolist()], np.float64).reshape(values.shape).astype(loop)
    return apply_to


def ndtri(p):
    if p == 0 or p == 1:
        return math.copysign(math.inf, p - 0.5)
    return statistics.NormalDist().inv_cdf(p) if 0 < p < 1 else math.nan


def gamma(x):
    if x == 0:
        return math.copysign(math.inf, x)
    try:
        return math.gamma(x)
    except ValueError:
        return math.nan
    except OverflowError:
        return math.copysign(math.inf, x) if abs(x) < 1 else math.inf


def lgamma(x):
    try:
        return math.lgamma(x)
    except (ValueError, OverflowError):
        return math.inf


def exp10(x):
    loop = first_loop([x], FLOATS)
    return np.power(10.0, strong(x).astype(np.float64)).astype(loop)


def make_complex(re, im):
    loops = {np.dtype("f"): np.dtype("F"), np.dtype("d"): np.dtype("D")}
    part = first_loop([re, im], list(loops))
    re, im = np.broadcast_arrays(strong(re).astype(part), strong(im).astype(part))
    result = np.empty(re.shape, loops[part])
    result.real, result.imag = re, im
    return result


def round_to(fraction, dtype):
    """The float of this dtype that is nearest to a fraction: via float64 rounded to odd, which does no harm later."""
    try:
        value = float(fraction)
    except OverflowError:
        return math.inf if fraction > 0 else -math.inf
    if dtype != np.float64 and Fraction(value) != fraction and int(np.float64(value).view(np.int64)) % 2 == 0:
        value = math.nextafter(value, math.inf if fraction > Fraction(value) else -math.inf)
    return value


def fma_element(x, y, z, dtype):
    if not all(map(math.isfinite, (x, y, z))):
        return z if math.isfinite(x) and math.isfinite(y) else x * y + z
    exact = Fraction(x) * Fraction(y) + Fraction(z)
    if exact == 0:
        return x * y + z if x == 0 or y == 0 else 0.0
    return round_to(exact, dtype)


def fma(x, y, z):
    loop = first_loop([x, y, z], FLOATS)
    x, y, z = np.broadcast_arrays(*[strong(v).astype(loop).astype(np.float64) for v in (x, y, z)])
    values = [fma_element(*v, loop) for v in zip(x.ravel().tolist(), y.ravel().tolist(), z.ravel().tolist())]
    return np.array(values, np.float64).reshape(x.shape).astype(loop)


# ---------------------------------------------------------------------------------- where NumPy is undefined or differs

def copysign(x, y):
    """DIFFERS: the sign of a NaN is not looked at."""
    if is_weak(y):
        return np.copysign(x, abs(y) if y != y else y)
    return np.copysign(x, np.where(np.isnan(y), y.dtype.type(1), y))


def signbit(x):
    """DIFFERS: the sign of a NaN is not looked at."""
    return np.signbit(x) & ~np.isnan(x)


def reciprocal(x):
    """DIFFERS: 0 for the integer 0, where NumPy divides by zero."""
    if strong(x).dtype.kind not in "biu":
        return np.reciprocal(x)
    result = np.reciprocal(np.where(strong(x) == 0, strong(x).dtype.type(1), x))
    return np.where(strong(x) == 0, result.dtype.type(0), result)


def choose(pick):
    """maximum and its like on floats: of two zeros the second operand wins, which NumPy does on some of its paths."""
    def apply_to(x, y):
        result = strong(pick(x, y))
        if result.dtype.kind == "f":
            x, y = np.broadcast_arrays(strong(x), strong(y))
            result = np.where((x == 0) & (y == 0), y.astype(result.dtype), result)
        return result
    return apply_to


def integer_power(x, y, dtype):
    """DIFFERS: a negative exponent gives 1/x**-y truncated, where NumPy raises."""
    if is_weak(y) and y < 0:
        raise Reject("a literal exponent is negative")
    x, y = np.broadcast_arrays(*[np.add(np.zeros(1, dtype), v).reshape(np.shape(v)) for v in (x, y)])
    negative = y < 0
    result = np.power(x, np.where(negative, dtype.type(0), y))
    inverse = np.where(x == 1, 1, np.where(x == -1, np.where(y % 2 == 0, 1, -1), 0)) if dtype.kind == "i" else result
    return np.where(negative, inverse, result).astype(dtype)


def literal_power(x, y):
    """Python's, of literals that do not grow beyond reason."""
    if isinstance(x, int) and (abs(y) > 60 or abs(x) > 1000):
        raise Reject("too large")
    return x ** y


def by_arrays(function, x, y):
    """function(x, y), with an exponent for each element: from a single one (stride 0) NumPy makes a square root and the
    like, which differ at -inf and -0.0. nexpr does that for operators with literals only."""
    dtype = strong(function(one_like(x), one_like(y))).dtype
    x, y = np.broadcast_arrays(strong(x).astype(dtype), strong(y).astype(dtype))
    return function(np.stack([x, x]), np.stack([y, y]))[0]


def power_by(function):
    def apply_to(x, y):
        if is_weak(x) and is_weak(y):
            return literal_power(x, y) if function is operator.pow else function(strong(x), strong(y))
        if is_weak(y) and (isinstance(y, (float, complex)) or y >= 0) and function is operator.pow:
            return function(x, y)  # an operator has its own ways with some of them
        dtype = strong(function(one_like(x), one_like(y))).dtype
        return integer_power(x, y, dtype) if dtype.kind in "iu" else by_arrays(function, x, y)
    return apply_to


def where(condition, x, y):
    check_literals_fit([x, y])
    return np.where(strong(condition), x, y)


def cast(name):
    """DIFFERS: floats outside an integer dtype saturate, NaN is 0; complex to real is an error."""
    dtype = np.dtype(name)

    def apply_to(x):
        source = strong(x)
        if source.dtype.kind == "c" and dtype.kind not in "cb":
            raise Reject("complex to real")
        if is_weak(x) and dtype.kind in "iu":
            if not np.iinfo(dtype).min <= x <= np.iinfo(dtype).max:
                raise Reject("a literal does not fit")
        if source.dtype.kind == "f" and dtype.kind in "iu":
            return saturate(source.astype(np.float64), dtype)
        return source.astype(dtype)
    return apply_to


def saturate(x, dtype):
    low, high = np.iinfo(dtype).min, np.iinfo(dtype).max
    inside = (x > float(low) - 1) & (x < float(high) + (1 if dtype.itemsize < 8 else 0))
    result = np.where(inside, np.trunc(x), 0).astype(dtype)
    result[...] = np.where(x >= float(high), dtype.type(high), result)
    result[...] = np.where(x <= float(low), dtype.type(low), result)
    return result


def round_to_decimals(x, decimals=0):
    """DIFFERS: an integer that leaves its dtype becomes the end of the range; in NumPy it wraps."""
    if decimals < 0 and strong(x).dtype.kind in "iu":
        return saturate(np.round(strong(x).astype(np.float64), decimals), strong(x).dtype)
    return np.round(x, decimals)


def part(pick):
    """real and imag of a Python bool are ints."""
    return lambda z: pick(strong(z))


def clip(x, low, high):
    """DIFFERS: a literal is weak as the first operand too, where np.clip makes an array of it; and a literal integer beyond
    x's integers is a bound like any other if the result is a float, where np.clip drops it, which shows if low > high."""
    is_float = strong(np.clip(one_like(x), one_like(low), one_like(high))).dtype.kind == "f"
    if is_float and not is_weak(x) and strong(x).dtype.kind in "iu":
        low, high = [float(bound) if is_weak(bound) and isinstance(bound, int) else bound for bound in (low, high)]
    if is_weak(x) and not (is_weak(low) and is_weak(high)):
        return np._core.umath.clip(x, low, high)
    return np.clip(x, low, high)


MEANING = {
    "erf": by_element(math.erf), "ndtri": by_element(ndtri), "erfc": by_element(math.erfc), "gamma": by_element(gamma), "lgamma": by_element(lgamma),
    "exp10": exp10, "complex": make_complex, "fma": fma, "copysign": copysign, "signbit": signbit, "reciprocal": reciprocal,
    "power": power_by(np.power), "where": where, "clip": clip, "round": round_to_decimals,
    "real": part(np.real), "imag": part(np.imag),
    "maximum": choose(np.maximum), "minimum": choose(np.minimum), "fmax": choose(np.fmax), "fmin": choose(np.fmin),
}
CASTS = {name: cast(name) for name in ("bool int8 uint8 int16 uint16 int32 uint32 int64 uint64 float16 float32 float64 "
                                       "complex64 complex128").split()}
OPERATORS = {
    "+": operator.add, "-": operator.sub, "*": operator.mul, "/": operator.truediv, "//": operator.floordiv,
    "%": operator.mod, "**": power_by(operator.pow), "&": operator.and_, "|": operator.or_, "^": operator.xor,
    "<<": operator.lshift, ">>": operator.rshift, "==": operator.eq, "!=": operator.ne, "<": operator.lt,
    "<=": operator.le, ">": operator.gt, ">=": operator.ge,
}
PREFIXES = {"-": operator.neg, "+": operator.pos, "~": operator.invert}


def meaning_of(name):
    """The function for a name of the op table: one of MEANING, or NumPy's of that name."""
    return MEANING.get(name) or getattr(np, name)


REFUSALS = (TypeError, OverflowError, ZeroDivisionError, ValueError, Reject)


def apply(function, args, keywords=None):
    """A function call: the result is strong, even of literals."""
    try:
        with np.errstate(all="ignore"):
            return checked(strong(function(*args, **(keywords or {}))))
    except REFUSALS as refusal:
        raise Reject(str(refusal)) from None


def apply_operator(function, args):
    """An operator: literals alone give a literal."""
    try:
        with np.errstate(all="ignore"):
            result = function(*args)
    except REFUSALS as refusal:
        raise Reject(str(refusal)) from None
    if all(is_weak(a) for a in args):
        if isinstance(result, int) and abs(result) >= 2 ** 63:
            raise Reject("too large")
        return result
    return checked(strong(result))


def checked(result):
    if result.dtype.name not in CASTS:
        raise Reject(f"dtype {result.dtype}")
    return result


# ------------------------------------------------------------------------------------------------------------ tolerance
#
# What is no exact operation is compared with NumPy's result in a wider dtype, which has no error that counts: then the bound
# of the op table is what nexpr is held to. It may be off by that and by half a unit, the rounding of the reference.

WIDER = {"float16": np.float64, "float32": np.float64, "float64": np.longdouble,
         "complex64": np.complex128, "complex128": np.clongdouble}
# NumPy has no wide version of these; Python's libm is off by so many ULP.
ONLY_DOUBLE = {"erf": 2, "erfc": 4, "ndtri": 20, "gamma": 20, "lgamma": 10, "exp10": 5, "sinc": 5}
# Complex operations whose algorithm NumPy and nexpr share; a wider dtype would overflow later.
SHARED_COMPLEX = set("multiply divide square reciprocal round".split())
COMPLEX_EPS = 9      # eps of the modulus: 8 and the rounding of the reference
INEXACT_FUNCTIONS = {"sinc": 4.0, "float_power": 1.0, "angle": 1.0}
# Exact for complex operands too.
EXACT_COMPLEX = set("add subtract negative positive conjugate where complex real imag rint equal not_equal less less_equal "
                    "greater greater_equal logical_and logical_or logical_xor logical_not isnan isinf isfinite".split())
# The error of an operand passes through these; operands of all others have to be exact.
PASSES = set("negative positive fabs where conjugate maximum minimum fmax fmin".split())
PASSES_COMPLEX = set("negative positive where conjugate".split())


def bound_of(name, info, args, result):
    """nexpr's bound: ULP of a real result, eps of the modulus of a complex one; None if it has to be exact."""
    if result.dtype.kind not in "fc":
        return None
    if result.dtype.kind == "c" or any(np.iscomplexobj(a) for a in args):
        return None if name in EXACT_COMPLEX else COMPLEX_EPS
    ulps = max(info.ulp64, info.ulp32) or INEXACT_FUNCTIONS.get(name, 0)
    return None if ulps == 0 or name == "absolute" else ulps + 0.51 + ONLY_DOUBLE.get(name, 0)


def is_recomputed(name, result):
    return name not in ONLY_DOUBLE and not (result.dtype.kind == "c" and name in SHARED_COMPLEX)


def widened(args, result):
    """The operands as the operation sees them, in the wider dtype; literals stay weak."""
    wide = np.dtype(WIDER[result.dtype.name])
    for arg in args:
        if is_weak(arg):
            if isinstance(arg, complex) and result.dtype.kind == "f":
                yield arg
                continue
            rounded = result.dtype.type(arg)
            yield arg if complex(rounded) == arg and not all(map(is_weak, args)) else rounded.astype(wide)
        elif arg.dtype.kind == "c" and result.dtype.kind == "f":
            yield arg.astype(np.result_type(wide, np.complex64))
        else:
            yield arg.astype(result.dtype).astype(wide)


def condition(name, args, result):
    """What the wider complex result itself may be off by, as a part of its modulus; inf: it tells nothing."""
    if result.dtype.kind != "c":
        return 0
    wide_eps = 2.0 ** (-63 if result.dtype == np.complex128 else -52)
    if name == "log1p":  # log(1 + z)
        return 4 * wide_eps / modulus(result)
    if name not in ("power", "float_power", "exp2"):
        return 0
    x, y = [strong(a).astype(np.complex128) for a in ([2] * (len(args) == 1) + list(args))]
    growth = 8 * np.abs(y) * np.abs(np.log(x)) * wide_eps
    known = np.isfinite(x) & np.isfinite(y) & np.isfinite(result)
    return np.where(known, np.nan_to_num(growth, nan=np.inf, posinf=np.inf), np.inf)


def reference(name, info, function, args, result):
    """(value, how far nexpr may be from it per element) of an inexact operation; the second is None if it is exact."""
    bound = bound_of(name, info, args, result)
    if bound is None:
        return result, None
    with np.errstate(all="ignore"):
        if is_recomputed(name, result):  # infinities and NaN are NumPy's own matter
            wide = strong(function(*widened(args, result))).astype(result.dtype)
            ordinary = np.logical_and.reduce(np.broadcast_arrays(*[np.isfinite(arg) for arg in args]))
            result = np.where(ordinary | (result.dtype.kind == "c"), wide, result)
        if result.dtype.kind == "c":
            info = np.finfo(result.dtype)
            slack = (bound * info.eps + condition(name, args, result)) * modulus(result) + 4 * float(info.smallest_subnormal)
            return result, np.nan_to_num(slack, nan=np.inf, posinf=np.inf)
        absolute = info.abs64 if result.dtype == np.float64 else info.abs32
        if any(np.iscomplexobj(a) for a in args):
            return result, bound * np.maximum(float(np.finfo(result.dtype).eps) * modulus(result), spacing(result))
        return result, (1.01 if result.dtype == np.float16 else bound) * spacing(result) + 2 * absolute


def modulus(x):
    """As float64, the largest one if it is larger; 0 for NaN."""
    with np.errstate(all="ignore"):
        return np.nan_to_num(np.abs(x.astype(np.clongdouble)).astype(np.float64), nan=0)


def spacing(x):
    """One ULP, as float64; 0 for inf and NaN."""
    with np.errstate(all="ignore"):
        return np.nan_to_num(np.spacing(np.abs(x)).astype(np.float64), nan=0, posinf=0)
