# SPDX-License-Identifier: MIT
"""A ctypes bridge over include/nexpr.h, for the tests: NumPy arrays in, NumPy arrays out, any layout, nothing copied.

    lib = Library("build/libnexpr.so")
    expr = lib.compile("2*a + 1", {"a": np.dtype("int32")})
    [result] = expr.evaluate([a])
    lib.evaluate("2*a + 1", {"a": a})

A failure raises Error with the record's status, span, operand and message.
"""

import ctypes
import os
from ctypes import POINTER, byref, c_bool, c_char, c_char_p, c_double, c_int, c_int64, c_size_t, c_void_p

import numpy as np
from numpy._core._multiarray_umath import __cpu_features__ as CPU_FEATURES

# What NEXPR_ISA may ask for beside "baseline", as far as this machine has it, the best first.
ISAS = [name for name, feature in (("avx512", "AVX512_SKX"), ("avx2", "AVX2")) if CPU_FEATURES[feature]]
DTYPES = ("bool int8 uint8 int16 uint16 int32 uint32 int64 uint64 float16 float32 float64 complex64 complex128").split()
STATUSES = "OK SYNTAX NAME TYPE VALUE LIMIT SHAPE OVERLAP ARGUMENT MEMORY CANCELLED CALLBACK IO FORMAT".split()
INDEX_OF = {name: index for index, name in enumerate(DTYPES)}
SWAPPED = {np.dtype(name).newbyteorder(): True for name in DTYPES if np.dtype(name).itemsize > 1}


class Sized(ctypes.Structure):
    """A public struct: its first field is its size."""

    def __init__(self, **fields):
        super().__init__(size=ctypes.sizeof(type(self)), **fields)


class ErrorRecord(Sized):
    _fields_ = [("size", c_size_t), ("status", c_int), ("operand", c_int), ("begin", c_size_t), ("end", c_size_t),
                ("message", c_char * 480)]


class Array(Sized):
    _fields_ = [("size", c_size_t), ("data", c_void_p), ("dtype", c_int), ("byte_order", c_int), ("ndim", c_int),
                ("shape", POINTER(c_int64)), ("strides", POINTER(c_int64)), ("owner", c_void_p)]


AUTO, VM, JIT = range(3)  # nexpr_backend
REPORT = ctypes.CFUNCTYPE(None, c_void_p, c_char_p)


class ContextOptions(Sized):
    _fields_ = [("size", c_size_t), ("allocator", c_void_p), ("threads", c_int), ("backend", c_int),
                ("cached_expressions", c_size_t), ("cached_bytes", c_size_t), ("run_backend", c_int),
                ("report", c_void_p), ("report_user", c_void_p), ("report_detail", ctypes.c_uint)]


class Options(Sized):
    _fields_ = [("size", c_size_t), ("fp", c_int), ("max_source", c_size_t), ("max_tokens", c_size_t),
                ("max_nesting", c_size_t), ("max_nodes", c_size_t), ("check", c_bool)]


class Check(Sized):
    _fields_ = [("size", c_size_t), ("kind", c_int), ("begin", c_size_t), ("end", c_size_t), ("operation", c_char_p),
                ("dtype", c_int), ("count", c_int), ("first", c_int)]


class Input(Sized):
    _fields_ = [("size", c_size_t), ("name", c_char_p), ("dtype", c_int), ("ndim", c_int)]


class RunOptions(Sized):
    _fields_ = [("size", c_size_t), ("threads", c_int), ("block_items", c_int), ("cancel", c_void_p),
                ("progress", c_void_p), ("progress_user", c_void_p), ("chunk_bytes", c_size_t), ("backend", c_int)]


class OpInfo(Sized):
    _fields_ = [("size", c_size_t), ("name", c_char_p), ("aliases", c_char_p), ("spelling", c_char_p), ("params", c_char_p),
                ("group", c_char_p), ("dtypes", c_char_p), ("doc", c_char_p), ("ulp64", c_double), ("ulp32", c_double),
                ("abs64", c_double), ("abs32", c_double)]


class Error(Exception):
    def __init__(self, record):
        self.status = STATUSES[record.status]
        self.begin, self.end, self.operand = record.begin, record.end, record.operand
        self.message = record.message.decode("utf-8")
        super().__init__(f"{self.status} [{self.begin}:{self.end}] {self.message}")


def describe_array(array):
    """The nexpr_array of a NumPy array, which has to outlive it."""
    dtype = array.dtype
    record = Array(data=array.__array_interface__["data"][0], dtype=INDEX_OF[dtype.name], byte_order=dtype in SWAPPED and
                   not dtype.isnative, ndim=array.ndim)
    record.shape = (c_int64 * max(array.ndim, 1))(*array.shape)
    record.strides = (c_int64 * max(array.ndim, 1))(*array.strides)
    return record


def pointers(kind, records):
    return (POINTER(kind) * max(len(records), 1))(*[ctypes.pointer(record) for record in records])


class Library:
    """libnexpr.so. `path` defaults to the environment variable NEXPR_LIBRARY."""

    def __init__(self, path=None):
        self.path = path or os.environ["NEXPR_LIBRARY"]
        self.c = ctypes.CDLL(self.path)
        self.reports = []
        for name, result in (("nexpr_dtype_name", c_char_p), ("nexpr_result_name", c_char_p),
                             ("nexpr_listing", c_size_t), ("nexpr_dtype_can_cast", c_bool)):
            getattr(self.c, name).restype = result
        for name in ("nexpr_program_free", "nexpr_free", "nexpr_array_free", "nexpr_context_free"):
            getattr(self.c, name).restype = None
        assert [self.c.nexpr_dtype_name(i).decode() for i in range(len(DTYPES))] == DTYPES

    def check(self, status, record):
        if status != 0:
            raise Error(record)

    def context(self, threads=0, backend=0, run_backend=AUTO, report=None):
        """A context; freed by nexpr_context_free or with the process. `report` is called with the texts of plans; it is kept
        alive with the library."""
        record, ret = ErrorRecord(), c_void_p()
        options = ContextOptions(threads=threads, backend=backend, run_backend=run_backend)
        if report:
            self.reports.append(REPORT(lambda user, text: report(text.decode())))
            options.report = ctypes.cast(self.reports[-1], c_void_p)
        self.check(self.c.nexpr_context_new(byref(options), byref(ret), byref(record)), record)
        return ret

    def free_context(self, context):
        self.c.nexpr_context_free(byref(context))

    def compile(self, text, types, context=None, result_dtype=None, **options):
        """`types`: {name: dtype}."""
        encoded = text.encode("utf-8")
        record, program, ret = ErrorRecord(), c_void_p(), c_void_p()
        option = Options(**options)
        self.check(self.c.nexpr_parse(context, encoded, c_size_t(len(encoded)), byref(option), byref(program),
                                      byref(record)), record)
        inputs = pointers(Input, [Input(name=name.encode(), dtype=INDEX_OF[np.dtype(dtype).name], ndim=-1)
                                  for name, dtype in types.items()])
        forced = None if result_dtype is None else byref(c_int(INDEX_OF[np.dtype(result_dtype).name]))
        try:
            self.check(self.c.nexpr_compile(context, program, inputs, c_int(len(types)), forced, byref(option), byref(ret),
                                            byref(record)), record)
        finally:
            self.c.nexpr_program_free(byref(program))
        return Expression(self, ret, context)

    def evaluate(self, text, arrays, context=None, outputs=None, threads=0, block_items=0, **options):
        """`arrays`: {name: array}. The list of results."""
        expr = self.compile(text, {name: array.dtype for name, array in arrays.items()}, context, **options)
        return expr.evaluate(list(arrays.values()), outputs, threads, block_items)

    def result_dtype(self, text, types, **options):
        """The dtype of the first result, without evaluating."""
        return self.compile(text, types, **options).result_dtypes[0]

    def ops(self):
        """The op table: a list of OpInfo."""
        infos = []
        for index in range(self.c.nexpr_op_count()):
            info = OpInfo()
            assert self.c.nexpr_op_describe(c_int(index), byref(info)) == 0
            infos.append(info)
        return infos


class Expression:
    """A compiled expression, freed with the Python object."""

    def __init__(self, library, handle, context):
        self.library, self.handle, self.context = library, handle, context
        count = library.c.nexpr_result_count(handle)
        self.result_dtypes = [np.dtype(DTYPES[library.c.nexpr_result_dtype(handle, c_int(i))]) for i in range(count)]

    def __del__(self):
        self.library.c.nexpr_free(byref(self.handle))

    def checks(self):
        """What it checks, if it was compiled with check=True: a list of Check."""
        found = [Check() for _ in range(self.library.c.nexpr_check_count(self.handle))]
        for index, check in enumerate(found):
            assert self.library.c.nexpr_check_describe(self.handle, c_int(index), byref(check)) == 0
        return found

    def result_name(self, index):
        name = self.library.c.nexpr_result_name(self.handle, c_int(index))
        return None if name is None else name.decode()

    def listing(self):
        size = self.library.c.nexpr_listing(self.handle, None, c_size_t(0)) + 1
        buffer = ctypes.create_string_buffer(size)
        self.library.c.nexpr_listing(self.handle, buffer, c_size_t(size))
        return buffer.value.decode()

    def evaluate(self, arrays, outputs=None, threads=0, block_items=0):
        """Results: those given as `outputs` (None: the library shall allocate it), or copies of what it allocated."""
        given = outputs or [None] * len(self.result_dtypes)
        inputs = [describe_array(array) for array in arrays]
        results = [Array() if array is None else describe_array(array) for array in given]
        run, record = RunOptions(threads=threads, block_items=block_items), ErrorRecord()
        self.library.check(self.library.c.nexpr_evaluate(
            self.handle, self.context, pointers(Array, inputs), pointers(Array, results), byref(run), byref(record)), record)
        return [self.take(result) if array is None else array for array, result in zip(given, results)]

    def take(self, result):
        """A NumPy copy, with the strides, of an array that the library allocated; frees it."""
        shape, strides = result.shape[:result.ndim], result.strides[:result.ndim]
        dtype = np.dtype(DTYPES[result.dtype])
        count = int(np.prod(shape, dtype=np.int64)) if result.ndim else 1
        raw = ctypes.string_at(result.data, count * dtype.itemsize) if count else b""
        array = np.ndarray(shape, dtype, bytearray(raw) if count else None, strides=strides if count else None)
        self.library.c.nexpr_array_free(byref(result))
        return array
