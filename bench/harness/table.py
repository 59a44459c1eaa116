# SPDX-License-Identifier: MIT
"""The rows, and their arrays. Rows of expr_rows.def and reduce_rows.def come, with arrays and loops in C, from the library
that bench/harness.c is; those of single functions from nexpr's own op table; those of the charts are made here. All peers
of a row work on the same arrays."""

import ctypes
import math
import re
from ctypes import POINTER, c_bool, c_char_p, c_double, c_int, c_int64, c_long, c_size_t, c_void_p
from dataclasses import dataclass, field

import numpy as np

import nexpr

from . import spelling

LAYOUTS = ("flat strided swapped row column transposed transposed_plain unaligned fresh fresh_reused fresh_cached pair "
           "total column_totals row_totals matrix inner large_square points shorter few most gather").split()
ONE_DIMENSION = {"flat", "strided", "swapped", "unaligned", "fresh", "fresh_reused", "fresh_cached", "pair"}
FRESH = {"fresh", "fresh_reused", "fresh_cached", "few", "most"}
CACHED = {"fresh_cached", "few", "most"}  # whose results lie in memory that was freed before, as in the other peers
CHAIN_LENGTHS = [1, 2, 5, 10, 20, 50, 100, 200]
INPUT_COUNTS = [1, 2, 4, 8, 16, 32, 64]
CHAIN_ITEMS, INPUTS_ITEMS = 1 << 20, 1 << 18

# What the text of a row does not tell: points have three coordinates.
OPERATIONS = {"distances": 17.0}
# Rows of the table that differ in C alone; the peers in Python have nothing else to do for them.
C_ALONE = re.compile(r"_inlined$|^transposed_plain$|^fresh_(reused|cached)$")

# Arguments of functions that take more than arrays of the row's dtype, and functions whose domain is not (0, 1).
ARGUMENTS = {"swapaxes": "reshape(a, (1, -1)), 0, 1", "reshape": "a, (1, -1)", "expand_dims": "a, 0", "ldexp": "a, 3",
             "where": "a > 0.5, a, b", "round": "a, 2", "random": "a, key=1", "normal": "a, key=1", "full_like": "a, 1.5",
             "integers": "a, 0, 100, key=1", "index": "a, 0", "take": "a, 5", "interp": "a, linspace(0, 1, 50), b[:50]",
             "searchsorted": "linspace(0, 1, 50), a", "polyval": "b[:5], a", "broadcast_to": "a, (2, -1)"}
SHIFTS = {"arccosh": 1.0}


@dataclass
class Row:
    name: str
    text: str
    note: str
    kind: str  # table, op, chain, inputs
    layout: str
    inputs: dict
    result: str
    results: int = 1
    bound: float = 0
    index: int = -1  # in the library's table; -1: it is none of these
    loops: dict = field(default_factory=dict)  # of C, by build
    has_math: bool = False

    @property
    def operations(self):
        return OPERATIONS.get(self.name) or spelling.operations(self.text)

    @property
    def is_elementwise(self):
        return self.layout in ONE_DIMENSION and not is_whole(self.text)

    @property
    def is_fresh(self):
        return self.layout in FRESH

    @property
    def is_cached(self):
        return self.layout in CACHED


class CRow(ctypes.Structure):
    _fields_ = [("name", c_char_p), ("text", c_char_p), ("note", c_char_p), ("layout", c_int), ("columns", c_size_t),
                ("has_math", c_bool), ("result", c_int), ("inputs", c_int * 3), ("strict", c_void_p), ("fast", c_void_p),
                ("results", c_int), ("bound", c_double), ("plain", c_void_p)]


class COperand(ctypes.Structure):
    _fields_ = [("array", nexpr.Array), ("shape", c_int64 * 2), ("strides", c_int64 * 2), ("region", c_void_p),
                ("region_bytes", c_size_t)]


class CArrays(ctypes.Structure):
    _fields_ = [("row", c_void_p), ("rows", c_size_t), ("columns", c_size_t), ("n", c_size_t), ("results", c_size_t),
                ("input_count", c_int), ("input", COperand * 3), ("output", COperand), ("plain", COperand),
                ("data", c_void_p * 3), ("c_data", c_void_p * 3), ("bytes", c_size_t)]


class Harness:
    """The library of bench/harness.c."""

    def __init__(self, path):
        self.c = ctypes.CDLL(str(path))
        for name, result, arguments in (
                ("bench_row_at", POINTER(CRow), [c_int]), ("bench_arrays_new", POINTER(CArrays), [c_int, c_size_t]),
                ("bench_arrays_drop", None, [c_void_p]), ("bench_flags", c_char_p, [c_int]),
                ("bench_find_difference", ctypes.c_ssize_t, [c_int, c_size_t, c_void_p, c_void_p, c_double]),
                ("bench_repeat_loop", c_double, [c_void_p, c_bool, c_void_p, c_void_p, c_long]),
                ("bench_repeat_fresh_loop", c_double, [c_void_p, c_bool, c_void_p, c_size_t, c_long]),
                ("bench_repeat_plan", c_double, [c_void_p, c_void_p, c_void_p, c_long]),
                ("bench_repeat_evaluate", c_double, [c_void_p, c_void_p, c_void_p, c_void_p, c_long]),
                ("bench_copy", c_double, [c_bool, c_int, c_size_t, c_void_p, c_void_p, c_long]),
                ("bench_triad", c_double, [c_bool, c_int, c_size_t, c_void_p, c_void_p, c_void_p, c_long]),
                ("bench_fma", c_double, [c_int, c_void_p]), ("bench_empty_region", c_double, [c_int, c_long])):
            function = getattr(self.c, name)
            function.restype, function.argtypes = result, arguments

    def flags(self):
        return {build: self.c.bench_flags(k).decode().split() for k, build in enumerate(("plain", "strict", "fast"))}

    def rows(self):
        return [self.row(k) for k in range(self.c.bench_row_count())]

    def row(self, index):
        c = self.c.bench_row_at(index).contents
        inputs = {name: nexpr.DTYPES[k] for name, k in zip("abc", c.inputs) if k >= 0}
        return Row(c.name.decode(), c.text.decode(), c.note.decode(), "table", LAYOUTS[c.layout], inputs,
                   nexpr.DTYPES[c.result], c.results, c.bound, index,
                   {"plain": c.plain, "strict": c.strict, "fast": c.fast}, c.has_math)


def op_rows(library):
    """Every function of the op table alone, in float64 and float32: (rows, {what was left out: why})."""
    rows, left_out = [], {}
    for info in library.ops():
        name = info.name.decode()
        required = [p for p in info.params.decode().split(", ") if "=" not in p and p != "*"]
        for dtype in ("float64", "float32"):
            text = f"{name}({ARGUMENTS.get(name) or ', '.join('abc'[:len(required)])})"
            try:
                row = op_row(library, name, text, dtype)
            except (nexpr.Error, spelling.Unsupported) as error:
                left_out[f"{name} {dtype}"] = str(error)
                continue
            rows.append(row)
    return rows, left_out


def op_row(library, name, text, dtype):
    letters = [x for x in "abc" if re.search(rf"\b{x}\b", text)]
    if not letters:
        raise spelling.Unsupported("it takes no array")
    if re.match(r"(zeros|ones|full|arange|linspace)\(", text):
        raise spelling.Unsupported("its arguments are numbers")
    inputs = dict.fromkeys(letters, dtype)
    expr = library.compile(text, inputs)
    [answer] = expr.evaluate([np.full(64, 0.5, dtype)] * len(letters))
    layout = "flat" if answer.shape == (64,) else "total" if answer.ndim == 0 else "matrix"
    if is_whole(text):
        layout = "matrix" if layout == "flat" else layout
    return Row(f"{name}_{dtype[-2:]}", text, "function", "op", layout, inputs, answer.dtype.name, has_math=True)


def is_whole(text):
    """Whether an element of the result may depend on others than its own of the inputs."""
    return re.match(r"(cum|diff|flip|squeeze|searchsorted|interp|polyval|take|random|normal|integers|index|transpose|norm|"
                    r"zeros_like|ones_like|full_like)", text) is not None


def chain_rows():
    """Polynomials of so many operations on one array: no operation can be left out, whatever the rules of arithmetic."""
    rows = []
    for count in CHAIN_LENGTHS:
        text = "a"
        for k in range(count):
            text = f"{text}*a" if k % 2 == 0 else f"({text}+0.5)"
        rows.append(Row(f"chain_{count}", text, f"{count} operations", "chain", "flat", {"a": "float64"}, "float64"))
    return rows


def input_rows():
    """Sums of so many arrays."""
    return [Row(f"inputs_{count}", "+".join(f"x{k}" for k in range(count)) if count > 1 else "x0*1.5", f"{count} inputs",
                "inputs", "flat", {f"x{k}": "float64" for k in range(count)}, "float64") for count in INPUT_COUNTS]


# -------------------------------------------------------------------------------------------------------------- the arrays

class Data:
    """The arrays of a row for n elements. outputs: one per result; for results of unknown length, none."""

    def __init__(self, harness, row, n):
        self.row, self.harness, self.handle = row, harness, None
        (self.take if row.index >= 0 else self.make)(n)

    def take(self, n):
        self.handle = self.harness.c.bench_arrays_new(self.row.index, n)
        if not self.handle:
            raise spelling.Unsupported("the row has no such size")
        c = self.handle.contents
        self.inputs = {name: as_numpy(c.input[k].array) for k, name in enumerate(self.row.inputs)}
        self.n, self.bytes = c.n, c.bytes
        whole = as_numpy(c.output.array)
        self.outputs = [] if self.row.layout in ("few", "most") else [whole]
        if self.row.results > 1:
            each = c.results // self.row.results
            flat = np.ctypeslib.as_array(ctypes.cast(c.output.array.data, POINTER(c_double)), (c.results,))
            parts = [flat[k * each:(k + 1) * each] for k in range(self.row.results)]
            self.outputs = [part.reshape(whole.shape) for part in parts]

    def make(self, n):
        rng = np.random.default_rng(7)
        self.inputs = {name: aligned(n, dtype) for name, dtype in self.row.inputs.items()}
        shift = SHIFTS.get(self.row.text.split("(")[0], 0)
        for array in self.inputs.values():
            for start in range(0, n, 1 << 20):
                piece = array[start:start + (1 << 20)]
                piece[:] = rng.uniform(0.05, 0.95, len(piece)) + shift
        self.n, self.outputs = n, None
        self.bytes = n * sum(np.dtype(dtype).itemsize for dtype in self.row.inputs.values())

    def shape_outputs(self, answers):
        """Of rows that are not in the library's table: the reference tells."""
        if self.outputs is None:
            self.outputs = [aligned(answer.size, answer.dtype).reshape(answer.shape) for answer in answers]
            self.bytes += sum(answer.nbytes for answer in answers)

    def free(self):
        if self.handle:
            self.harness.c.bench_arrays_drop(self.handle)
        self.handle, self.inputs, self.outputs = None, None, None


def as_numpy(record):
    """A view of a nexpr_array."""
    dtype = np.dtype(nexpr.DTYPES[record.dtype])
    if record.byte_order:
        dtype = dtype.newbyteorder()
    shape = tuple(record.shape[:record.ndim])
    strides = tuple(record.strides[:record.ndim]) if record.strides else None
    extent = dtype.itemsize + sum((size - 1) * step for size, step in zip(shape, strides)) if strides else \
        math.prod(shape) * dtype.itemsize
    return np.ndarray(shape, dtype, (ctypes.c_char * extent).from_address(record.data), strides=strides)


def aligned(n, dtype):
    """An array whose data begin 64 bytes behind the beginning of a page, as those of the library do."""
    item = np.dtype(dtype).itemsize
    raw = np.zeros(n * item + 8192, np.uint8)
    start = (-raw.__array_interface__["data"][0]) % 4096 + 64
    return raw[start:start + n * item].view(dtype)
