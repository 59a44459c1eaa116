#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Other LLVMs in the process: llvmlite and the system's libLLVM of other versions, loaded before and behind nexpr's plug-in,
with their symbols visible to all and not. Both compile and run, in turn. Each arrangement is a process of its own.

Usage: llvm_test.py LIBRARY
"""

import ctypes
import glob
import importlib.util
import os
import subprocess
import sys
import tempfile
from ctypes import byref, c_char_p, c_int, c_void_p

import nexpr
import numpy as np

MODES = {"global": ctypes.RTLD_GLOBAL, "local": ctypes.RTLD_LOCAL}
FOLDERS = ("/usr/lib/x86_64-linux-gnu", "/usr/lib64", "/usr/lib", "/usr/lib/llvm-*/lib")


def find_others():
    """(name, path) of the LLVMs that are here."""
    spec = importlib.util.find_spec("llvmlite")
    if spec:
        yield "llvmlite", os.path.join(os.path.dirname(spec.origin), "binding", "libllvmlite.so")
    for version in (14, 15, 16, 17, 18, 20):
        for name in (f"libLLVM-{version}.so.1", f"libLLVM.so.{version}.1", f"libLLVM-{version}.so"):
            paths = [path for folder in FOLDERS for path in glob.glob(os.path.join(folder, name))]
            if paths:
                yield f"LLVM {version}", paths[0]
                break


class Llvmlite:
    """Functions x + k by llvmlite."""

    def __init__(self, path, mode):
        ctypes.CDLL(path, mode)
        import llvmlite.binding
        self.llvm = llvmlite.binding
        self.llvm.initialize_native_target()
        self.llvm.initialize_native_asmprinter()

    def add(self, x, k):
        module = self.llvm.parse_assembly(f"define i64 @f(i64 %x) {{ %y = add i64 %x, {k} ret i64 %y }}")
        machine = self.llvm.Target.from_default_triple().create_target_machine()
        with self.llvm.create_mcjit_compiler(module, machine) as engine:
            engine.finalize_object()
            return ctypes.CFUNCTYPE(ctypes.c_int64, ctypes.c_int64)(engine.get_function_address("f"))(x)


class Library:
    """The same by the C interface of a libLLVM."""

    def __init__(self, path, mode):
        self.c = ctypes.CDLL(path, mode)
        for name in ("LLVMModuleCreateWithName", "LLVMInt64Type", "LLVMFunctionType", "LLVMAddFunction", "LLVMGetParam",
                     "LLVMAppendBasicBlock", "LLVMCreateBuilder", "LLVMBuildAdd", "LLVMConstInt", "LLVMBuildRet"):
            getattr(self.c, name).restype = c_void_p
        self.c.LLVMGetFunctionAddress.restype = ctypes.c_uint64
        self.c.LLVMLinkInMCJIT()
        for part in ("TargetInfo", "Target", "TargetMC", "AsmPrinter"):
            getattr(self.c, f"LLVMInitializeX86{part}")()

    def add(self, x, k):
        c = self.c
        module = c_void_p(c.LLVMModuleCreateWithName(b"m"))
        integer = c_void_p(c.LLVMInt64Type())
        kind = c_void_p(c.LLVMFunctionType(integer, (c_void_p * 1)(integer), 1, 0))
        function = c_void_p(c.LLVMAddFunction(module, b"f", kind))
        builder = c_void_p(c.LLVMCreateBuilder())
        c.LLVMPositionBuilderAtEnd(builder, c_void_p(c.LLVMAppendBasicBlock(function, b"")))
        number = c_void_p(c.LLVMConstInt(integer, ctypes.c_uint64(k), 0))
        c.LLVMBuildRet(builder, c_void_p(c.LLVMBuildAdd(builder, c_void_p(c.LLVMGetParam(function, 0)), number, b"")))
        c.LLVMDisposeBuilder(builder)
        engine, message = c_void_p(), c_char_p()
        if c.LLVMCreateExecutionEngineForModule(byref(engine), module, byref(message)):
            raise RuntimeError(message.value)
        result = ctypes.CFUNCTYPE(ctypes.c_int64, ctypes.c_int64)(c.LLVMGetFunctionAddress(engine, b"f"))(x)
        c.LLVMDisposeExecutionEngine(engine)
        return result


class Ours:
    """Functions x + k by nexpr; what does not run as machine code is an error."""

    def __init__(self, path):
        self.reports = []
        self.library = nexpr.Library(path)
        self.context = self.library.context(1, run_backend=nexpr.JIT, report=self.reports.append)

    def add(self, x, k):
        text = "+".join(["a", "b"] + ["a"] * (k % 5)) + f"*{k}-a*{k}"  # another kernel for each k % 5
        a, b = np.full(100, float(x)), np.full(100, 2.0)
        [got] = self.library.evaluate(text, {"a": a, "b": b}, self.context)
        assert (got == eval(text)).all(), text
        return "compiled in" in self.reports[-1]


def use(other, k):
    assert other.add(40, k) == 40 + k


def arrange(library, name, path, when, mode):
    """In a process of its own."""
    start = (Llvmlite if name == "llvmlite" else Library)
    other = start(path, MODES[mode]) if when == "before" else None
    if other:
        use(other, 1)
    ours = Ours(library)
    assert ours.add(3, 1), f"not compiled: {ours.reports}"
    other = other or start(path, MODES[mode])
    for k in range(2, 5):
        use(other, k)
        assert ours.add(3, k)
    with open("/proc/self/maps") as maps:
        text = maps.read()
    assert "libnexpr-jit.so" in text and os.path.basename(os.path.realpath(path)) in text


def main():
    if len(sys.argv) > 2:
        arrange(*sys.argv[1:])
        return 0
    library, failures, others = sys.argv[1], 0, list(find_others())
    if not os.path.exists(os.path.join(os.path.dirname(library), "libnexpr-jit.so")):
        print("skipped: libnexpr is built without its plug-in")
        return 77
    if not others:
        print("skipped: there is neither llvmlite nor another libLLVM here")
        return 77
    for name, path in others:
        for when in ("before", "behind"):
            for mode in MODES:
                with tempfile.TemporaryDirectory() as cache:
                    child = subprocess.run([sys.executable, __file__, library, name, path, when, mode],
                                           env=os.environ | {"XDG_CACHE_HOME": cache}, timeout=100)
                verdict = child.returncode or "good"
                print(f"{name}, {when} the plug-in, {mode}: {verdict}", flush=True)
                failures += child.returncode != 0
    return failures > 0


if __name__ == "__main__":
    sys.exit(main())
