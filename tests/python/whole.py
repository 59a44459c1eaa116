# SPDX-License-Identifier: MIT
"""What whole arrays are computed from, for random programs: reductions, running functions, views, selection, generators,
each with NumPy's value and how far nexpr may be from it.

Sums of small integers are exact in any order, so that everything may be computed from them; the arrays of such programs hold
little else. Of other floats a reference of long doubles is taken, and the slack is the tree's bound (tree_test.py): a float
is added 272 times at most, or as often as there are others, so count * 2**-53 of the summed sizes; then it is rounded to the
result's dtype. Such a result passes through what moves elements and nothing else, as that of any inexact function does.
"""

import re
import warnings

import numpy as np
import oracle
from oracle import Reject, is_weak

MOST_ADDED = 272
LONG = {"f": np.longdouble, "c": np.clongdouble}
SUMS = "sum nansum mean nanmean".split()
PRODUCTS = "prod nanprod".split()
SPREADS = "var std nanvar nanstd".split()
EXTREMA = "min max nanmin nanmax".split()
PLACES = "argmin argmax".split()
COUNTS = "any all count_nonzero".split()
OTHERS = "ptp norm average dot logsumexp".split()
REDUCTIONS = SUMS + PRODUCTS + SPREADS + EXTREMA + PLACES + COUNTS + OTHERS
RUNNING = "cumsum cumprod cummin cummax diff".split()
METHODS = set("sum prod min max mean var std any all argmin argmax cumsum cumprod".split())
TAKES_WHERE = set(SUMS + PRODUCTS + SPREADS + EXTREMA) | {"any", "all"}
TAKES_INITIAL = set("sum prod nansum nanprod".split() + EXTREMA)
TAKES_DTYPE = set("sum prod nansum nanprod cumsum cumprod mean var std".split())
SEARCHES = "searchsorted interp polyval".split()
GENERATORS = "arange linspace zeros ones full zeros_like ones_like full_like index".split()
VIEWS = "transpose swapaxes reshape broadcast_to flip squeeze expand_dims".split()
# Every function of the groups that are drawn here; programs.py sees to it that none is forgotten.
DRAWN = set(REDUCTIONS + RUNNING + SEARCHES + GENERATORS + VIEWS + ["take"])
MOST_ITEMS = 40000


def numpys(function, *args, **keywords):
    """A value of NumPy's, of a dtype that nexpr has, never weak; Reject where it refuses."""
    return oracle.checked(widely(function, *args, **keywords))


def widely(function, *args, **keywords):
    """The same, of long doubles too."""
    try:
        with np.errstate(all="ignore"), warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return np.asarray(function(*args, **keywords))
    except (*oracle.REFUSALS, IndexError, MemoryError) as refusal:
        raise Reject(str(refusal)) from None


def strong_value(node):
    if is_weak(node.value):
        raise Reject("a literal")
    return node.value


def exact_value(node):
    if node.slack is not None:
        raise Reject("inexact")
    return strong_value(node)


def spacing(value):
    """One unit of each element, the largest part's of a complex one; at least the least number."""
    least = float(np.finfo(value.dtype).smallest_subnormal)
    if value.dtype.kind != "c":
        return oracle.spacing(value) + least
    return np.finfo(value.dtype).eps * oracle.modulus(value) + least


def either_of_equals(value):
    """Of two zeros, and of complex numbers with NaN in one part, the one that wins depends on the path that NumPy takes."""
    is_float = value.dtype.kind in "fc"
    is_open = is_float and np.any((value.real == 0) | (value.imag == 0) | (np.isnan(value) & np.iscomplexobj(value)))
    return np.zeros(value.shape) if is_open else None


# ----------------------------------------------------------------------------------------------------------- reductions

def sizes(x):
    """|x| as long doubles, the sum of both parts' of complex numbers; what is not finite is 0."""
    parts = [x.real, x.imag] if x.dtype.kind == "c" else [x]
    with np.errstate(all="ignore"):
        return sum(np.where(np.isfinite(p), np.abs(p.astype(np.longdouble)), 0) for p in parts)


def are_small(x, most):
    """Whether all finite elements are multiples of 2**-10 of size `most` at most."""
    if x.dtype.kind in "biu":
        return float(most) < 2.0 ** 53
    parts = [x.real, x.imag] if x.dtype.kind == "c" else [x]
    with np.errstate(all="ignore"):
        scaled = [np.where(np.isfinite(p), p, 0).astype(np.float64) * 1024 for p in parts]
    return all(np.array_equal(s, np.rint(s)) for s in scaled) and float(most) < 2.0 ** 42


class Reduced:
    """The operand of a reduction and its options; axes are those of any reduction."""

    def __init__(self, node):
        self.name, _, options = node.detail
        self.x = exact_value(node.args[0])
        self.axes = {key: value for key, value in options if key in ("axis", "keepdims")}
        self.options = {key: value for key, value in options}
        if "dtype" in self.options:
            self.options["dtype"] = np.dtype(self.options["dtype"])
        self.where = {}
        if len(node.args) > 1:
            self.where = {"where": exact_value(node.args[1])}

    def call(self, function, x, *but):
        """The function of NumPy with all options but some."""
        options = {key: value for key, value in self.options.items() if key not in but}
        return widely(function, x, **options, **self.where)

    def total(self, x):
        """Sums of x, in x's dtype."""
        return widely(np.sum, x, **self.axes, **self.where)


def cast_operand(r):
    """The operand as it is added up: after the cast that dtype= asks for; for nan-functions with 0 or 1 for NaN."""
    x = r.x.astype(r.options["dtype"]) if "dtype" in r.options else r.x
    if x.dtype.kind in "fc" and r.name.startswith("nan"):
        neutral = 1 if "prod" in r.name else 0
        x = np.where(np.isnan(x), x.dtype.type(neutral), x)
    return x


def refuse_overflow(size, dtype):
    if np.any(size > float(np.finfo(dtype).max) / 4):
        raise Reject("it may overflow underway")


def compute_sum(r, want):
    """Sums and means. What is counted for a mean of nan-functions are the numbers."""
    x, initial = cast_operand(r), abs(r.options.get("initial", 0))
    size = np.asarray(r.total(sizes(x)) + initial)
    refuse_overflow(size, np.float32 if want.dtype == np.complex64 else want.dtype)
    wide = x.astype(LONG["c" if x.dtype.kind == "c" else "f"])
    total = np.asarray(r.total(wide) + r.options.get("initial", 0))
    count = np.ones(total.shape)
    if "mean" in r.name:
        is_counted = ~np.isnan(r.x) if r.name == "nanmean" and r.x.dtype.kind in "fc" else np.ones(r.x.shape, bool)
        count = r.total(is_counted.astype(np.float64))
        with np.errstate(all="ignore"):
            total = total / count
    value = total.astype(want.dtype)
    if are_small(x, np.max(size, initial=0)):
        return value, None if "mean" not in r.name or want.dtype == np.float64 else 1.01 * spacing(value)
    many = min(x.size, MOST_ADDED) + 2
    with np.errstate(all="ignore"):
        return value, many * 2.0 ** -53 * (size / np.maximum(count, 1)).astype(np.float64) + 1.01 * spacing(value)


def compute_product(r, want):
    """Exact as long as all partial products are integers of 53 bits at most."""
    x = cast_operand(r)
    big = np.maximum(sizes(x), 1)
    options = {**r.axes, **r.where}
    growth = widely(np.prod, big, **options) * max(abs(r.options.get("initial", 1)), 1)
    if x.dtype.kind in "fc" and not np.all(np.isfinite(x)) and x.dtype.kind == "c":
        raise Reject("infinite parts")
    value = widely(np.prod, x.astype(LONG["c" if x.dtype.kind == "c" else "f"]), **options)
    value = np.asarray(value * r.options.get("initial", 1)).astype(want.dtype)
    integers = np.array_equal(np.where(np.isfinite(x), x, 0), np.rint(np.where(np.isfinite(x), x, 0)))
    if integers and np.all(growth < 2.0 ** 53):
        return value, either_of_equals(value) if x.dtype.kind == "c" else None
    small = widely(np.prod, np.where(sizes(x) == 0, 1, np.minimum(sizes(x), 1)), **options)
    if x.dtype.kind == "c" or np.any(growth > 1e300) or np.any(small < 1e-300):
        raise Reject("it may overflow underway")
    return value, (x.size + 3) * 2.0 ** -52 * np.abs(value.astype(np.float64)) + 1.01 * spacing(value)


def compute_spread(r, want):
    """The mean is rounded, and the distances from it by as much."""
    is_nan = r.name.startswith("nan")
    finite = sizes(r.x)
    most, count = float(np.max(finite, initial=0)), r.total(np.ones(r.x.shape))
    if is_nan and r.x.dtype.kind in "fc":
        count = r.total((~np.isnan(r.x)).astype(np.float64))
    if most > 1e150 or np.any((count - r.options.get("ddof", 0) <= 0) & (count > 1)):
        raise Reject("0/0, or too large")
    wide = r.x.astype(LONG["c" if r.x.dtype.kind == "c" else "f"])
    if "dtype" in r.options and r.options["dtype"].kind == "c":
        raise Reject("a complex variance")
    value = r.call(getattr(np, r.name), wide, "dtype").astype(want.dtype)
    off = 2.0 ** -51 * most * max(r.x.size, 1) ** 0.5
    size = np.nan_to_num(np.abs(value.astype(np.float64)), posinf=0, nan=0)
    least = off ** 2 if "var" in r.name else off
    return value, r.x.size * 2.0 ** -52 * size + least + 1.01 * spacing(value)


def compute_norm(r, want):
    size = widely(np.sum, sizes(r.x) ** 2, **r.axes)
    refuse_overflow(size, np.float64)
    parts = sizes(r.x)
    if np.any((parts < 1e-140) & (parts > 0)):
        raise Reject("its square is too small")
    value = widely(np.linalg.norm, r.x.astype(LONG["c" if r.x.dtype.kind == "c" else "f"]), **r.axes).astype(want.dtype)
    size = np.nan_to_num(np.abs(value.astype(np.float64)), posinf=0)
    return value, (min(r.x.size, MOST_ADDED) + 4) * 2.0 ** -53 * size + 1.01 * spacing(value)


def compute_logsumexp(r, want):
    """Of what is near 0 the logarithm is as far off as the sum's own rounding."""
    if r.x.dtype.kind == "c":
        raise Reject("complex")
    wide = r.x.astype(np.longdouble)
    kept = {"axis": r.axes.get("axis"), "keepdims": True}
    top = widely(np.max, wide, **kept, initial=-np.inf)
    with np.errstate(all="ignore"):
        top = np.where(np.isfinite(top), top, 0)
        total = np.log(np.sum(np.exp(wide - top), **kept)) + top
    value = total.reshape(want.shape).astype(want.dtype)
    eps = float(np.finfo(np.float32 if want.dtype == np.float16 else want.dtype).eps)
    top = np.abs(top.reshape(want.shape).astype(np.float64))
    return value, eps * (min(r.x.size, MOST_ADDED) + 20 + 2 * top) + 1.5 * spacing(value)


def logsumexp_like(x, axis=None, keepdims=False):
    """Only dtype and shape."""
    return np.log(np.sum(np.exp(x), axis=axis, keepdims=keepdims)).astype(np.result_type(x.dtype, np.float16) if
                                                                          x.dtype.kind in "fc" else np.float64)


def compute_dot(node, table):
    x, y = [exact_value(arg) for arg in node.args]
    if x.ndim != 1 or y.ndim != 1:
        raise Reject("vectors only")
    want = numpys(np.dot, x, y)
    if want.dtype.kind in "biu":
        return want, None
    wide = [v.astype(LONG[want.dtype.kind]) for v in (x, y)]
    with np.errstate(all="ignore"):
        size = np.sum(sizes(wide[0]) * sizes(wide[1]))
    if want.dtype.kind == "c" and not np.all([np.all(np.isfinite(v)) for v in wide]):
        raise Reject("infinite parts")
    refuse_overflow(size * 2, np.float32 if want.dtype == np.complex64 else want.dtype)
    value = widely(np.sum, wide[0] * wide[1]).astype(want.dtype)
    return value, (min(x.size, MOST_ADDED) + 4) * 2.0 ** -53 * float(size) * 2 + 1.01 * spacing(value)


def compute_average(node, table):
    x, w = [exact_value(arg) for arg in node.args]
    axes = {key: value for key, value in node.detail[2]}
    if x.shape != w.shape:
        raise Reject("weights of another shape")
    want = numpys(np.average, x, weights=w, **axes)
    if want.dtype.kind == "c" or not (np.all(np.isfinite(x)) and np.all(np.isfinite(w))):
        raise Reject("infinite parts")
    wide = [v.astype(np.longdouble) for v in (x, w)]
    below = np.abs(widely(np.sum, wide[1], **axes))
    size = widely(np.sum, np.abs(wide[0] * wide[1]), **axes) / below
    spread = widely(np.sum, np.abs(wide[1]), **axes) / below
    refuse_overflow(size, want.dtype)
    refuse_overflow(np.max(np.abs(wide[0]), initial=0) * np.max(np.abs(wide[1]), initial=0) * x.size, np.float64)
    value = widely(np.average, wide[0], weights=wide[1], **axes).astype(want.dtype)
    many = (min(x.size, MOST_ADDED) + 4) * 2.0 ** -52
    return value, many * (size * (1 + spread)).astype(np.float64) + 1.01 * spacing(value)


ELSEWHERE = {"norm": np.linalg.norm, "logsumexp": logsumexp_like}


def compute_reduce(node, table):
    """detail: name, whether it is written as a method, options; args: the operand and, maybe, where."""
    name = node.detail[0]
    if name in ("dot", "average"):
        return {"dot": compute_dot, "average": compute_average}[name](node, table)
    r = Reduced(node)
    if r.x.ndim == 0 and r.axes.get("axis") is not None:
        raise Reject("DIFFERS: an axis of a 0-d array")
    want = oracle.checked(r.call(ELSEWHERE.get(name) or getattr(np, name), r.x))
    if name == "norm":
        return compute_norm(r, want)
    if name == "logsumexp":
        return compute_logsumexp(r, want)
    if want.dtype.kind in "biu":
        return want, None
    if name in EXTREMA + ["ptp"]:
        return want, either_of_equals(want)
    if "dtype" in r.options and r.x.dtype.kind == "c" and want.dtype.kind != "c":
        raise Reject("DIFFERS: complex to real is an error")
    compute = compute_sum if name in SUMS else compute_product if name in PRODUCTS else compute_spread
    return compute(r, want)


# ---------------------------------------------------------------------------------------------------- running functions

def accumulate(function, x, axis=None):
    return function.accumulate(x.ravel() if axis is None else x, axis=axis or 0)


def compute_running(node, table):
    name, _, options = node.detail
    x, options = exact_value(node.args[0]), dict(options)
    if x.ndim == 0:
        raise Reject("an axis of a 0-d array")
    if name in ("cummin", "cummax"):
        value = numpys(accumulate, np.minimum if name == "cummin" else np.maximum, x, **options)
        return value, either_of_equals(value)
    value = numpys(getattr(np, name), x, **options)
    if value.dtype.kind in "biu" or name == "diff":
        return value, None
    least = 1 if name == "cumprod" else 0
    size = np.max(widely(getattr(np, name), np.maximum(sizes(x), least), **options), initial=0)
    is_integer = np.array_equal(np.where(np.isfinite(x), x, 0), np.rint(np.where(np.isfinite(x), x, 0)))
    limit = 2.0 ** (11 if value.dtype == np.float16 else 24 if value.dtype in (np.float32, np.complex64) else 53)
    if not is_integer or not size < limit or (value.dtype.kind == "c" and name == "cumprod"):
        raise Reject("rounded underway")
    return value, either_of_equals(value) if value.dtype.kind == "c" else None


# ---------------------------------------------------------------------------------------- views, selection, generators

NAMES = {name: getattr(np, name) for name in VIEWS}


def compute_view(node, table):
    """detail: the text of the view, with X for the operand; the slack moves with the elements."""
    x = strong_value(node.args[0])

    def see(array):
        return numpys(eval, node.detail, {**NAMES, "X": array, "newaxis": None})
    value = see(x)
    if value.size > MOST_ITEMS:
        raise Reject("large")
    return value, None if node.args[0].slack is None else see(np.broadcast_to(node.args[0].slack, x.shape))


def compute_mask(node, table):
    x, mask = strong_value(node.args[0]), exact_value(node.args[1])
    if mask.dtype != bool or mask.shape != x.shape or not x.ndim:
        raise Reject("a mask has the array's shape")
    slack = node.args[0].slack
    return x[mask], None if slack is None else np.broadcast_to(slack, x.shape)[mask]


def compute_take(node, table):
    """detail: the axis, and whether it is written as an index."""
    x, i = strong_value(node.args[0]), exact_value(node.args[1])
    axis, is_index = node.detail
    if i.dtype.kind not in "iu" or (axis is not None and not -x.ndim <= axis < x.ndim):
        raise Reject("no indices")
    take = (lambda a: a[(slice(None),) * axis + (i,)]) if is_index else lambda a: np.take(a, i.astype(np.int64), axis)
    value = numpys(take, x)
    if value.size > MOST_ITEMS:
        raise Reject("large")
    slack = node.args[0].slack
    return value, None if slack is None else numpys(take, np.broadcast_to(slack, x.shape))


def compute_search(node, table):
    name, keywords = node.detail
    args = [exact_value(arg) for arg in node.args]
    vector = args[name == "interp"]
    if vector.ndim != 1 or (name == "polyval" and not vector.size):
        raise Reject("a vector; of an empty one NumPy's dtype is that of x")
    if name == "searchsorted":
        if not np.array_equal(vector, numpys(np.sort, vector), equal_nan=vector.dtype.kind in "fc"):
            raise Reject("not in order")
        return numpys(np.searchsorted, *args, **dict(keywords)), None
    if any(a.dtype.kind == "c" or not np.all(np.isfinite(a)) for a in args):
        raise Reject("NumPy's own matter")
    if name == "interp" and np.any(np.diff(args[1]) <= 0):
        raise Reject("points have to increase")
    return numpys(getattr(np, name), *args), None


def open_grid(x, axis):
    shape = [1] * x.ndim
    shape[axis] = x.shape[axis]
    return np.arange(x.shape[axis]).reshape(shape)


def compute_generator(node, table):
    """detail: the text, with X for an operand that is asked for its shape or dtype."""
    names = {name: getattr(np, name, None) for name in GENERATORS} | {"index": open_grid} | {
        name: np.dtype(name) for name in oracle.CASTS}
    if node.args:
        names["X"] = exact_value(node.args[0])
    value = numpys(eval, node.detail, names)
    if value.size > MOST_ITEMS:
        raise Reject("large")
    return value, None


COMPUTE = {"reduce": compute_reduce, "running": compute_running, "view": compute_view, "mask": compute_mask,
           "take": compute_take, "search": compute_search, "generator": compute_generator}


# ------------------------------------------------------------------------------------------------------------- printing

def print_function(node):
    """A reduction or running function, as a call or as a method."""
    name, is_method, options = node.detail
    more = [f"{key}={value}" for key, value in options]
    if name == "dot":
        more = [node.args[1].text()]
    elif len(node.args) > 1:
        more.append(f"{'weights' if name == 'average' else 'where'}={node.args[1].text()}")
    if is_method:
        return f"({node.args[0].text()}).{name}({', '.join(more)})", None
    return f"{name}({', '.join([node.args[0].text()] + more)})", None


def print_take(node):
    (x, i), (axis, is_index) = node.args, node.detail
    if is_index:
        return f"({x.text()})[{':, ' * axis}{i.text()}]", None
    return f"take({x.text()}, {i.text()}{'' if axis is None else f', axis={axis}'})", None


def print_search(node):
    name, keywords = node.detail
    words = [arg.text() for arg in node.args] + [f"{key}={value!r}" for key, value in keywords]
    return f"{name}({', '.join(words)})", None


def print_with_operand(node):
    return re.sub(r"\bX\b", lambda _: node.args[0].text(), node.detail) if node.args else node.detail, None


PRINT = {"reduce": print_function, "running": print_function, "view": print_with_operand, "generator": print_with_operand,
         "mask": lambda node: (f"({node.args[0].text()})[{node.args[1].text()}]", None), "take": print_take,
         "search": print_search}
