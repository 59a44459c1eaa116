# SPDX-License-Identifier: MIT
"""nexpr on the VM, as machine code, and as its users get it. A plan is run again and again, in C; results of unknown length
and those of the rows `fresh` are evaluations with an output of their own."""

from ctypes import byref, c_void_p
from pathlib import Path

import nexpr

from bench.harness.spelling import Unsupported
from bench.peers import Call

BACKENDS = {"auto": nexpr.AUTO, "vm": nexpr.VM, "jit": nexpr.JIT}


class Plan(Call):
    def __init__(self, tools, backend, row, data, threads):
        self.tools, library = tools, tools.library
        self.expr = library.compile(row.text, {name: x.dtype for name, x in data.inputs.items()})
        self.records = [nexpr.describe_array(x) for x in data.inputs.values()], \
                       [nexpr.describe_array(x) for x in data.outputs]
        self.given, targets = (nexpr.pointers(nexpr.Array, x) for x in self.records)
        self.options, record = nexpr.RunOptions(threads=threads, backend=backend), nexpr.ErrorRecord()
        self.plan, self.data, self.is_fresh = c_void_p(), data, row.is_fresh
        self.context = tools.cached_context if row.is_cached else tools.context
        if self.is_fresh:
            return
        library.check(library.c.nexpr_plan_new(self.expr.handle, self.context, self.given, targets, byref(self.options),
                                               byref(self.plan), byref(record)), record)
        self.sources = (c_void_p * len(data.inputs))(*[x.data for x in self.records[0]])
        self.places = (c_void_p * len(data.outputs))(*[x.data for x in self.records[1]])

    def __del__(self):
        if getattr(self, "plan", None):
            self.tools.library.c.nexpr_plan_free(byref(self.plan))

    def run(self):
        self.time(1)

    def time(self, count):
        c = self.tools.harness.c
        ns = c.bench_repeat_evaluate(self.expr.handle, self.context, self.given, byref(self.options), count) \
            if self.is_fresh else c.bench_repeat_plan(self.plan, self.sources, self.places, count)
        if ns < 0:
            raise RuntimeError("nexpr: the evaluation failed")
        return ns

    def answers(self):
        if not self.is_fresh:
            return self.data.outputs
        result, record = nexpr.Array(), nexpr.ErrorRecord()
        library = self.tools.library
        library.check(library.c.nexpr_evaluate(self.expr.handle, self.context, self.given,
                                               nexpr.pointers(nexpr.Array, [result]), byref(self.options), byref(record)),
                      record)
        return [self.expr.take(result)]


class Nexpr:
    def __init__(self, backend):
        self.name, self.backend = f"nexpr-{backend}", BACKENDS[backend]

    def version(self, tools):
        number = tools.library.c.nexpr_version()
        return f"{number // 10000}.{number // 100 % 100}.{number % 100}"

    def prepare(self, row, data, threads, tools):
        if self.name == "nexpr-jit" and not (Path(tools.library.path).parent / "libnexpr-jit.so").exists():
            raise Unsupported("the plug-in libnexpr-jit.so was not built")
        return Plan(tools, self.backend, row, data, threads)


PEERS = [Nexpr(backend) for backend in BACKENDS]
