#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""machine_code.py finds what is scalar: loops with known faults are compiled and looked at.

Usage: machine_code_test.py COMPILER...
"""

import subprocess
import sys
import tempfile
from pathlib import Path

import machine_code

# Name, what is expected among the faults ("" for none at all), flags, source.
PLAIN = "void f(long n, double *restrict r, const double *restrict x) { for (long i = 0; i < n; i++) r[i] = x[i] + 1; }"
NARROW = "void f(long n, char *restrict r, const double *restrict x) { for (long i = 0; i < n; i++) r[i] = x[i] > 1; }"
STAGES = """
void f(long n, double *restrict r, const double *restrict x) {
    for (long i = 0; i < n; i++) r[i] = x[i] + 1;
    double sum = 0;
    for (long i = 0; i < n; i++) r[i] = sum = sum * 0.5 + r[i];
}"""
CALL = """
double fmod(double, double);
void f(long n, double *restrict r, const double *restrict x) { for (long i = 0; i < n; i++) r[i] = fmod(x[i], 3); }"""
SLOW_LANES = """
double fmod(double, double);
typedef double v __attribute__((vector_size(32), aligned(8)));
static __attribute__((noinline)) v slow(v x) { for (int k = 0; k < 4; k++) x[k] = fmod(x[k], 3); return x; }
void f(long n, double *restrict r, const double *restrict x) {
    for (long i = 0; i < n; i += 4) {
        v y = *(const v *)(x + i) + 1;
        *(v *)(r + i) = y[0] > 7 ? slow(y) : y;
    }
}"""
COMPLEX = """
void f(long n, _Complex double *restrict r, const _Complex double *restrict x) {
    for (long i = 0; i < n; i++) r[i] = x[i] * x[i];
}"""
BY_ELEMENT = """
typedef double v __attribute__((vector_size(32), aligned(8)));
void f(long n, double *restrict r, const long *restrict x) {
    for (long i = 0; i < n; i += 4) *(v *)(r + i) = (v){x[i], x[i + 1], x[i + 2], x[i + 3]} * 0.5;
}"""
DIVISION = "void f(long n, long *restrict r, const long *restrict x) { for (long i = 0; i < n; i++) r[i] = x[i] / x[n]; }"
INNER = """
void f(long n, int *restrict r, const int *restrict x) {
    for (long i = 0; i < n; i++) { int y = x[i], k = 0; while (y) y &= y - 1, k++; r[i] = k; }
}"""
ZEROS = "void f(long n, char *restrict r) { for (long i = 0; i < n; i++) r[i] = 0; }"
UNIFORM = """
typedef double v __attribute__((vector_size(32), aligned(8)));
void f(long n, double *r, const double *x, const double *y) {
    for (long i = 0; i < n; i += 4) *(v *)(r + i) = *(const v *)(x + i) * (0.5 * y[0]);
}"""
TWO_CASES = """
void f(long n, long *restrict r, const long *restrict x, const long *restrict y) {
    const long count = *y;
    if (count > 63) for (long i = 0; i < n; i++) r[i] = -x[i];
    else for (long i = 0; i < n; i++) { long v = x[i] << count; EACH; r[i] = v; }
}"""

CASES = [
    ("a vectorised loop", "", [], PLAIN),
    ("a vectorised loop that narrows", "", [], NARROW),
    ("a scalar loop", "no vector body", ["-fno-tree-vectorize"], PLAIN),
    ("a scalar loop that narrows", "no vector body", ["-fno-tree-vectorize"], NARROW),
    ("a loop on half of a register", "no vector body", ["-mprefer-vector-width=128"], PLAIN),
    ("a scalar loop behind a vectorised one", "vmulsd only on single elements", [], STAGES),
    ("a call for each element", "calls fmod@plt", ["-fno-math-errno"], CALL),
    ("calls for some elements", "calls fmod@plt", [], SLOW_LANES),
    ("C's complex product", "calls __muldc3", [], COMPLEX),
    ("vectors filled element by element", "in a vector body", [], BY_ELEMENT),
    ("divisions", "no vector body", [], DIVISION),
    ("one of two cases", "behind no vector body", ["-DEACH=asm(\"\" : \"+r\"(v))"], TWO_CASES),
    ("both of two cases", "", ["-DEACH="], TWO_CASES),
    ("a loop for each element", "no vector body", ["-fno-tree-vectorize"], INNER),
    ("a loop that becomes memset", "", [], ZEROS),
    ("a scalar that is the same for all", "", [], UNIFORM),
]
FLAGS = ["-O3", "-mavx2", "-mfma", "-ffp-contract=off", "-fPIC", "-shared", "-w", "-x", "c"]


def faults_of(compiler, flags, source, folder):
    library = Path(folder) / "case.so"
    subprocess.run([*compiler, *FLAGS, *flags, "-o", library, "-", "-lm"], input=source, text=True, check=True)
    functions = machine_code.disassemble(library)
    address = next(at for at, function in functions.items() if function.name == "f")
    return machine_code.faults(functions, address, 32)


def main(compiler):
    failures = []
    with tempfile.TemporaryDirectory() as folder:
        for name, expected, flags, source in CASES:
            faults = faults_of(compiler, flags, source, folder)
            if not (any(expected in fault for fault in faults) if expected else not faults):
                failures.append(f"{name}: expected {expected or 'nothing'}, found {faults}")
    return "\n".join(failures) or None


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
