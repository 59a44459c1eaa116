# SPDX-License-Identifier: MIT
"""C, in three ways: plain (gcc -O3 -march=native), fast (libmvec and -ffast-math), and with nexpr's own math functions,
strict otherwise. The rows of the table have their loops in the library of bench/harness.c. Those of other rows are written
here from the rows' texts, all in one file per build, which is compiled when it is first needed and kept until the texts
change."""

import ctypes
import hashlib
import subprocess

from bench.harness.spelling import Unsupported, c_expression, parse
from bench.peers import Call

PARALLEL_FROM, PARALLEL_MATH = 1 << 15, 1 << 11  # elements, as in bench/expr_bench.c
HEAD = """#include <stdbool.h>
#include <stddef.h>
#include <tgmath.h>
#define L(c) ((item)(c))
"""
LOOP = """static void {name}_serial(size_t n, {result} *restrict r, {arguments}) {{
    typedef {item} item;
    for (size_t i = 0; i < n; i++) {{ {loads} r[i] = {formula}; }}
}}
static void {name}_parallel(size_t n, {result} *restrict r, {arguments}) {{
    typedef {item} item;
    _Pragma("omp parallel for simd")
    for (size_t i = 0; i < n; i++) {{ {loads} r[i] = {formula}; }}
}}
void loop_{name}(bool parallel, size_t n, size_t unused, void *r, const void *const *in) {{
    (void)unused;
    (parallel ? {name}_parallel : {name}_serial)(n, r, {given});
}}
double time_{name}(bool parallel, size_t n, void *r, const void *const *in, long calls);
double bench_now(void);
double time_{name}(bool parallel, size_t n, void *r, const void *const *in, long calls) {{
    const double start = bench_now();
    for (long k = 0; k < calls; k++) loop_{name}(parallel, n, 1, r, in);
    return bench_now() - start;
}}
"""
CLOCK = """#include <time.h>
double bench_now(void);
double bench_now(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return 1e9 * (double)t.tv_sec + (double)t.tv_nsec;
}
"""
C_TYPES = {"float64": "double", "float32": "float", "bool": "unsigned char"}


def source_of(row):
    """The loops of a row; Unsupported if C has no words for it."""
    if row.layout != "flat" or row.result not in C_TYPES:
        raise Unsupported("no loop in C: it is no elementwise function of floats")
    _, [tree] = parse(row.text)
    item = C_TYPES[next(iter(row.inputs.values()))]
    return LOOP.format(
        name=row.name, item=item, result=C_TYPES[row.result], formula=c_expression(tree),
        arguments=", ".join(f"const {item} *restrict in_{name}" for name in row.inputs),
        loads=" ".join(f"const {item} {name} = in_{name}[i];" for name in row.inputs),
        given=", ".join(f"in[{k}]" for k in range(len(row.inputs))))


def compile_rows(rows, flags, folder):
    """The library with the loops of all rows that C has words for."""
    sources = []
    for row in rows:
        try:
            sources.append(source_of(row))
        except Unsupported:
            continue
    text = HEAD + CLOCK + "".join(sources)
    key = hashlib.sha256((text + str(flags)).encode()).hexdigest()[:16]
    library = folder / f"rows-{key}.so"
    if not library.exists():
        source = folder / f"rows-{key}.c"
        source.write_text(text)
        beside = folder / f"rows-{key}.part"
        subprocess.run(["cc", *flags, "-std=gnu11", "-shared", "-fPIC", "-fopenmp", "-w", "-o", beside, source, "-lmvec",
                        "-lm"], check=True)
        beside.rename(library)
    return ctypes.CDLL(str(library))


class TableLoop(Call):
    """A loop of the library, called in it."""

    def __init__(self, tools, row, data, loop, parallel):
        self.c, self.data, self.loop, self.parallel = tools.harness.c, data, loop, parallel
        self.is_fresh = row.layout in ("fresh", "few", "most")
        self.output = data.handle.contents.output.array.data
        self.bytes = data.n * 8

    def time(self, count):
        if self.is_fresh:
            return self.c.bench_repeat_fresh_loop(self.loop, self.parallel, self.data.handle, self.bytes, count)
        return self.c.bench_repeat_loop(self.loop, self.parallel, self.data.handle, self.output, count)

    def run(self):
        self.time(1)

    def answers(self):
        import numpy as np
        self.c.bench_repeat_loop(self.loop, self.parallel, self.data.handle, self.output, 1)
        if self.data.outputs:
            return self.data.outputs
        c = self.data.handle.contents
        return [np.ctypeslib.as_array(ctypes.cast(self.output, ctypes.POINTER(ctypes.c_double)), (c.results,))]


class WrittenLoop(Call):
    """A loop that was written here."""

    def __init__(self, library, row, data, parallel):
        self.function = getattr(library, f"time_{row.name}")
        self.function.restype = ctypes.c_double
        self.pointers = (ctypes.c_void_p * len(data.inputs))(*[x.ctypes.data for x in data.inputs.values()])
        self.arguments = (ctypes.c_bool(parallel), ctypes.c_size_t(data.n), ctypes.c_void_p(data.outputs[0].ctypes.data),
                          self.pointers)
        self.data = data

    def time(self, count):
        return self.function(*self.arguments, ctypes.c_long(count))

    def run(self):
        self.time(1)

    def answers(self):
        return self.data.outputs


class C:
    def __init__(self, name, build):
        self.name, self.build, self.library = name, build, None

    def version(self, tools):
        gcc = subprocess.run(["cc", "-dumpfullversion"], capture_output=True, text=True, check=True).stdout.strip()
        return f"cc {gcc} {' '.join(tools.harness.flags()[self.build])}"

    def prepare(self, row, data, threads, tools):
        parallel = threads != 1 and data.n >= (PARALLEL_MATH if row.has_math else PARALLEL_FROM)
        if row.index >= 0:
            return TableLoop(tools, row, data, row.loops[self.build], parallel)
        if self.build == "strict" and row.kind == "op":
            raise Unsupported("a function of nexpr alone is nexpr's kernel: see nexpr-vm")
        source_of(row)
        if not self.library:
            rows = [x for x in tools.rows if x.index < 0 and not (self.build == "strict" and x.kind == "op")]
            self.library = compile_rows(rows, tools.harness.flags()[self.build], tools.folder)
        return WrittenLoop(self.library, row, data, parallel)


PEERS = [C("c", "plain"), C("c-fast", "fast"), C("c-nexpr-math", "strict")]
