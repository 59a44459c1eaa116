# SPDX-License-Identifier: MIT
"""Files of numpy are read, and written again with numpy's bytes: roundtrip_test.py NPY_COPY.

Every dtype, byte order, order of axes and rank from 0 to 5, empty ones included; records with padding, titles, nested
records, sub-arrays, strings and dates; the three versions of the format.
"""
import io
import itertools
import os
import subprocess
import sys
import tempfile
import warnings

try:
    import numpy as np
except ImportError:
    sys.exit(77)

COPY = sys.argv[1]
DTYPES = ['?', 'i1', 'u1', 'i2', 'u2', 'i4', 'u4', 'i8', 'u8', 'f2', 'f4', 'f8', 'c8', 'c16']
SHAPES = [(), (1,), (7,), (0,), (3, 4), (4, 0), (1, 5), (2, 3, 4), (2, 1, 3, 2), (2, 2, 1, 3, 2), (0, 3, 0, 1, 2)]
rng = np.random.default_rng(7)
checks = 0


def random_array(dtype, shape):
    dtype = np.dtype(dtype)
    if dtype == bool:
        return rng.integers(0, 2, shape).astype(bool)
    data = rng.bytes(int(np.prod(shape, dtype=int)) * dtype.itemsize)
    return np.frombuffer(data, dtype).reshape(shape)


def run(path, prefix):
    return subprocess.run([COPY, path, prefix], capture_output=True)


def expect(condition, what):
    global checks
    checks += 1
    if not condition:
        sys.exit(f'failed: {what}')


def check_plain(folder, array, what):
    path, prefix = os.path.join(folder, 'in.npy'), os.path.join(folder, 'out')
    np.save(path, array)
    done = run(path, prefix)
    expect(done.returncode == 0, f'{what}: {done.stderr}')
    with open(path, 'rb') as a, open(prefix + '.0.npy', 'rb') as b:
        expect(a.read() == b.read(), f'{what}: bytes differ')
    os.remove(prefix + '.0.npy')


def check_all_plain(folder):
    for code, order, shape, fortran in itertools.product(DTYPES, '<>', SHAPES, (False, True)):
        if code in ('?', 'i1', 'u1') and order == '>':
            continue
        array = random_array(code if code == '?' else order + code, shape)
        array = np.asfortranarray(array) if fortran else array
        check_plain(folder, array.reshape(shape, order='A'), f'{order}{code} {shape} fortran={fortran}')


def check_record(folder, array, usable, version=None):
    path, prefix = os.path.join(folder, 'in.npy'), os.path.join(folder, 'out')
    with open(path, 'wb') as file, warnings.catch_warnings():
        warnings.simplefilter('ignore')
        np.lib.format.write_array(file, array, version=version)
    done = run(path, prefix)
    expect(done.returncode == 0, f'{array.dtype}: {done.stderr}')
    names = [line.rsplit('\t', 1)[0] for line in done.stdout.decode().splitlines()]
    expect(names == list(array.dtype.names), f'{array.dtype}: names {names}')
    for i, name in enumerate(names):
        copy = f'{prefix}.{i}.npy'
        expect(os.path.exists(copy) == (name in usable), f'{array.dtype}: {name} is usable')
        if name not in usable:
            continue
        wanted, buffer = array[name], io.BytesIO()
        got = np.load(copy)
        expect(got.dtype == wanted.dtype and got.shape == wanted.shape, f'{array.dtype}: type of {name}')
        expect(got.tobytes() == wanted.tobytes(), f'{array.dtype}: values of {name}')
        os.remove(copy)


def record(dtype, shape):
    array = np.zeros(shape, dtype)
    for name in array.dtype.names:
        if array.dtype[name].kind in 'iufc' and array.dtype[name].shape == ():
            array[name] = random_array(array.dtype[name], shape)
        elif array.dtype[name].kind == 'b':
            array[name] = random_array('?', shape)
    return array


def check_records(folder):
    everything = np.dtype([(f'x{code}', ('>' if i % 2 else '<') + code if code != '?' else '?')
                           for i, code in enumerate(DTYPES)])
    aligned = np.dtype([('a', 'i1'), ('b', 'f8'), ('c', 'u2')], align=True)
    gaps = np.dtype({'names': ['a', 'b'], 'formats': ['f4', '?'], 'offsets': [4, 17], 'itemsize': 24})
    titled = np.dtype([(('A title', 'a'), 'f8'), ('b', 'i4')])
    foreign = np.dtype([('s', 'S3'), ('u', 'U2'), ('d', 'M8[ns]'), ('e', 'm8[25s]'), ('v', 'V5'),
                        ('n', [('p', 'f8'), ('q', 'S1')]),
                        ('sub', 'f4', (2, 3)), ('deep', [('p', [('q', 'f8', (2,))], (3,))]), ('g', 'g'), ('x', 'f8')])
    names = np.dtype([('a b', 'f8'), ("it's", 'f4'), ('say "x"', 'i2'), ('back\\slash', 'i4'), ('tab\there', 'i8'),
                      ('\x7f', 'u2')])
    latin = np.dtype([('température', 'f8'), ('ÿ', 'i2')])
    greek = np.dtype([('θ', '>f8'), ('名前', 'i2'), ('𝛼', 'u4')])
    for shape in [(), (3,), (0,), (2, 3)]:
        check_record(folder, record(everything, shape), everything.names)
        check_record(folder, np.asfortranarray(record(everything, shape)).reshape(shape), everything.names)
        check_record(folder, record(aligned, shape), aligned.names)
        check_record(folder, record(gaps, shape), gaps.names)
        check_record(folder, record(titled, shape), titled.names)
        check_record(folder, record(foreign, shape), ['x'])
        for version in [(1, 0), (2, 0), (3, 0)]:
            check_record(folder, record(latin, shape), latin.names, version)
            check_record(folder, record(aligned, shape), aligned.names, version)
        check_record(folder, record(greek, shape), greek.names, (3, 0))
    check_record(folder, record(names, (4,)), names.names)


def check_raw(folder):
    """Raw files, of both byte orders, declared by type and shape, some with a dimension left open."""
    path, out = os.path.join(folder, 'in.dat'), os.path.join(folder, 'out')
    for code, order, shape in itertools.product(DTYPES, '<>', SHAPES):
        array = random_array(code if code == '?' else order + code, shape)
        array.tofile(path)
        declared = [-1 if i == 1 and array.size else n for i, n in enumerate(shape)]
        for to in (out, out + '.bin'):
            done = subprocess.run([COPY, path, to, order + ('b1' if code == '?' else code), *map(str, declared)],
                                  capture_output=True)
            expect(done.returncode == 0, f'raw {order}{code} {shape}: {done.stderr}')
        got = np.load(out + '.0.npy')
        expect(got.dtype == array.dtype and got.shape == shape and got.tobytes() == array.tobytes(), f'raw {code} {shape}')
        with open(out + '.bin', 'rb') as raw:
            native = np.ascontiguousarray(array, array.dtype.newbyteorder('='))
            expect(raw.read() == native.tobytes(), f'raw {order}{code} {shape}: written')
        os.remove(out + '.0.npy')
        os.remove(out + '.bin')
    np.arange(10, dtype='<f8').tofile(path)
    for declared, message in [(['f8', '9'], 'something behind the data: expected 72 bytes of data, the file has 80'),
                              (['f8', '11'], 'truncated: expected 88 bytes of data, the file has 80'),
                              (['f8', '-1', '3'], 'no multiple of the 24 bytes'),
                              (['f8', '-1', '-1'], 'two dimensions open'),
                              (['f8', '-2'], 'negative dimension'), (['f8', '4294967296', '4294967296'], 'more than 2^63'),
                              (['f8', '0', '-1'], 'no multiple'), (['x8', '3'], 'is no type'), (['f9', '3'], 'is no type')]:
        done = subprocess.run([COPY, path, out, *declared], capture_output=True)
        expect(done.returncode == 1 and message in done.stderr.decode(), f'raw {declared}: {done.stderr}')


def main():
    shared = '/dev/shm' if os.access('/dev/shm', os.W_OK) else None  # no disk to wait for
    with tempfile.TemporaryDirectory(dir=shared) as folder:
        check_all_plain(folder)
        check_records(folder)
        check_raw(folder)
    print(f'{checks} checks')


main()
