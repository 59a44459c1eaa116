# SPDX-License-Identifier: MIT
"""Tables of nexpr in Python and of Python in nexpr: csv_roundtrip_test.py CSV_COPY.

What nexpr writes is read by Python's csv module, by NumPy and by pandas, and by nexpr itself; what these write is read by
nexpr. Every dtype, with random bits and with what is special; every value has to be the same, bit by bit but for NaN.
pandas takes part if it is there (scripts/setup test installs it).
"""
import csv
import os
import subprocess
import sys
import tempfile

import numpy as np

try:
    import pandas
except ImportError:
    pandas = None

COPY = sys.argv[1]
DTYPES = ["bool", "int8", "uint8", "int16", "uint16", "int32", "uint32", "int64", "uint64", "float16", "float32", "float64",
          "complex64", "complex128"]
NAMES = ["plain", "with space", "comma,", 'quote"', "two'", " blank ", "θ", "x y, z", "'", "#", "a", "b", "c", "d"]
ROWS = 3000
rng = np.random.default_rng(11)
checks = 0


def expect(condition, what):
    global checks
    checks += 1
    if not condition:
        sys.exit(f"failed: {what}")


def copy(source, target, *types):
    done = subprocess.run([COPY, source, target, *types], capture_output=True, text=True)
    expect(done.returncode == 0, f"{source} to {target}: {done.stderr}")


def random_column(dtype):
    dtype = np.dtype(dtype)
    if dtype == bool:
        return rng.integers(0, 2, ROWS).astype(bool)
    array = np.frombuffer(rng.bytes(ROWS * dtype.itemsize), dtype).copy()
    if dtype.kind in "iu":
        info = np.iinfo(dtype)
        array[:4] = [info.min, info.max, 0, 1]
        array[4:100] >>= array.dtype.type(dtype.itemsize * 4)
    else:
        parts = array.view(array.real.dtype)
        parts[:12] = [0, -0.0, 1, -1, np.inf, -np.inf, np.nan, 0.1, 1e4, 1e-4, 1e-5, 12345]
        parts[12:500] = rng.normal(size=488)
        parts[500:600] = rng.integers(-1000, 1000, 100)
    return array


def are_same(x, y):
    """Bit by bit, but any NaN for any."""
    x, y = np.ascontiguousarray(x), np.ascontiguousarray(y)
    if x.dtype != y.dtype or x.shape != y.shape:
        return False
    if x.dtype.kind == "c":
        x, y = x.view(x.real.dtype), y.view(y.real.dtype)
    if x.dtype.kind != "f":
        return bool((x == y).all())
    bits = f"u{x.dtype.itemsize}"
    return bool(((x.view(bits) == y.view(bits)) | (np.isnan(x) & np.isnan(y))).all())


def read_cells(path, separator):
    with open(path, newline="", encoding="utf-8") as file:
        rows = list(csv.reader(file, delimiter=separator, strict=True))
    return rows[0], list(zip(*rows[1:]))


def from_text(cells, dtype):
    kind = np.dtype(dtype).kind
    if kind == "b":
        return np.array([{"True": True, "False": False}[cell] for cell in cells])
    if kind in "iu":
        return np.array([int(cell) for cell in cells], dtype=dtype)
    with np.errstate(over="ignore", invalid="ignore"):
        return np.array([{"f": float, "c": complex}[kind](cell) for cell in cells]).astype(dtype)


def check_written(folder, separator, ending):
    columns = {name: random_column(dtype) for name, dtype in zip(NAMES, DTYPES)}
    source, table, again = (os.path.join(folder, name) for name in ("in.npz", "out" + ending, "again.npz"))
    np.savez(source, **columns)
    copy(source, table)
    names, cells = read_cells(table, separator)
    expect(names == NAMES, f"names {names}")
    for name, column, texts in zip(NAMES, columns.values(), cells, strict=True):
        expect(are_same(from_text(texts, column.dtype), column), f"csv reads {name} ({column.dtype}) of {ending}")
        if column.dtype in (np.float64, np.complex128):
            wanted = [repr(x) for x in column.tolist()]
            expect(list(texts) == wanted, f"repr of {column.dtype}")
    copy(table, again, *(f"{name}={column.dtype}" for name, column in columns.items()))
    with np.load(again) as result:
        for name, column in columns.items():
            expect(are_same(result[name], column), f"nexpr reads {name} ({column.dtype}) of {ending}")
    check_numpy(table, separator, columns)
    if pandas:
        check_pandas(table, separator, columns)


def check_numpy(table, separator, columns):
    with open(table, encoding="utf-8") as file:
        lines = file.read().splitlines()[1:]
    for k, (name, column) in enumerate(columns.items()):
        kind = column.dtype.kind
        if kind == "b":
            continue
        dtype = {"c": "c16", "f": "f8"}.get(kind, column.dtype)
        read = np.loadtxt(lines, delimiter=separator, usecols=k, dtype=dtype)
        expect(are_same(read.astype(column.dtype), column), f"numpy reads {name} ({column.dtype})")


def check_pandas(table, separator, columns):
    read = pandas.read_csv(table, sep=separator)
    expect(list(read.columns) == NAMES, f"names in pandas: {list(read.columns)}")
    for name, column in columns.items():
        if column.dtype.kind == "c":
            continue
        with np.errstate(over="ignore", invalid="ignore"):
            same = are_same(read[name].to_numpy().astype(column.dtype), column)
        expect(same, f"pandas reads {name} ({column.dtype}) as {read[name].dtype}")


def check_read(folder, path, wanted, what, *types):
    target = os.path.join(folder, "read.npz")
    copy(path, target, *types)
    with np.load(target) as result:
        expect(list(result) == list(wanted), f"{what}: names {list(result)}")
        for name, column in wanted.items():
            expect(are_same(result[name], column), f"{what}: {name} is {result[name][:5]}, not {column[:5]}")


def check_python(folder):
    columns = {name: random_column(dtype) for name, dtype in zip(NAMES, ("float64", "int64", "bool", "float64"))}
    rows = list(zip(*(column.tolist() for column in columns.values())))
    path = os.path.join(folder, "python.csv")
    for quoting in (csv.QUOTE_MINIMAL, csv.QUOTE_ALL, csv.QUOTE_NONNUMERIC):
        for end in ("\n", "\r\n"):
            with open(path, "w", newline="", encoding="utf-8-sig") as file:
                writer = csv.writer(file, quoting=quoting, lineterminator=end)
                writer.writerows([list(columns), *rows])
            check_read(folder, path, columns, f"csv.writer {quoting} {end!r}")


def check_savetxt(folder):
    path = os.path.join(folder, "numpy.tsv")
    for fmt in ("%.18e", "%.17g", "%s"):
        data = np.stack([random_column("float64"), random_column("float64")], axis=1)
        np.savetxt(path, data, fmt=fmt, delimiter="\t", header="x\ty", comments="")
        check_read(folder, path, {"x": data[:, 0], "y": data[:, 1]}, f"savetxt {fmt}", "x=float64", "y=float64")
    column = random_column("complex128")
    np.savetxt(path, column, fmt="%s", header="z", comments="")
    check_read(folder, path, {"z": column}, "savetxt of complex", "z=complex128")


def check_to_csv(folder):
    path = os.path.join(folder, "pandas.csv")
    # pandas puts no quotes around a name for its blanks, and without quotes these are not part of it
    columns = {name.strip(): random_column(dtype) for name, dtype in zip(NAMES, DTYPES) if np.dtype(dtype).kind != "c"}
    frame = pandas.DataFrame(columns)
    frame.to_csv(path, index=False)
    check_read(folder, path, columns, "to_csv", *(f"{name}={column.dtype}" for name, column in columns.items()))
    inferred = {name: column for name, column in columns.items() if column.dtype in (np.int64, np.float64, bool)}
    pandas.DataFrame(inferred).to_csv(path, index=False)
    check_read(folder, path, inferred, "to_csv, inferred")
    alone = np.array([1.5, np.nan, np.nan])  # an empty cell alone on its line
    pandas.DataFrame({"x": alone}).to_csv(path, index=False)
    check_read(folder, path, {"x": alone}, "to_csv of one column")


def main():
    shared = "/dev/shm" if os.access("/dev/shm", os.W_OK) else None  # no disk to wait for
    with tempfile.TemporaryDirectory(dir=shared) as folder:
        for _ in range(3):
            check_written(folder, ",", ".csv")
            check_written(folder, "\t", ".tsv")
        check_python(folder)
        check_savetxt(folder)
        if pandas:
            check_to_csv(folder)
    print(f"{checks} checks{'' if pandas else ', without pandas'}")


main()
