# SPDX-License-Identifier: MIT
"""Archives of numpy are read, those of nexpr are read by numpy and unzip, and damaged ones refused: npz_test.py NPY_COPY.

Archives that zipfile would not write are made by changing bytes of good ones, field by field.
"""
import io
import os
import struct
import subprocess
import sys
import tempfile
import zipfile
import zlib

import numpy as np

COPY = os.path.abspath(sys.argv[1])
checks = 0


def expect(condition, what):
    global checks
    checks += 1
    if not condition:
        sys.exit(f'failed: {what}')


def run(path, to='out.npz', **options):
    return subprocess.run([COPY, path, to], capture_output=True, timeout=60, **options)


def npy(array):
    buffer = io.BytesIO()
    np.save(buffer, array)
    return buffer.getvalue()


def archive(entries, method=zipfile.ZIP_STORED, comment=b''):
    """The bytes of an archive of (name, bytes)."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, 'w', method) as z:
        for name, data in entries:
            z.writestr(zipfile.ZipInfo(name), data, method)
        z.comment = comment
    return bytearray(buffer.getvalue())


def large(data, packed=None, extra=None):
    """The bytes of an archive of a.npy with the fields for sizes and places beyond 4 GiB, whether or not they are needed."""
    most, name, method, stored = 0xFFFFFFFF, b'a.npy', 8 if packed else 0, packed or data
    common = struct.pack('<HHHHHIIIH', 45, 0, method, 0, 0x21, zlib.crc32(data), most, most, len(name))
    local = b'PK\3\4' + common + struct.pack('<H', 20) + name + struct.pack('<HHQQ', 1, 16, len(data), len(stored))
    if extra is None:
        extra = struct.pack('<HHB', 7, 1, 0) + struct.pack('<HHQQQ', 1, 24, len(data), len(stored), 0)
    central = b'PK\1\2' + struct.pack('<H', 0x32D) + common + struct.pack('<HHHHII', len(extra), 0, 0, 0, 0, most) + name + extra
    at = len(local) + len(stored)
    end = struct.pack('<4sQHHIIQQQQ', b'PK\6\6', 44, 45, 45, 0, 0, 1, 1, len(central), at)
    end += struct.pack('<4sIQI', b'PK\6\7', 0, at + len(central), 1)
    return local + stored + central + end + struct.pack('<4sHHHHIIH', b'PK\5\6', 0, 0, 0xFFFF, 0xFFFF, most, most, 0)


def refused(data, message, label=''):
    with open('bad.npz', 'wb') as out:
        out.write(data)
    piped = subprocess.run(f'cat bad.npz | {COPY} - out.npz', shell=True, capture_output=True, timeout=60)
    for what, done in (('file', run('bad.npz')), ('pipe', piped)):
        lines = done.stderr.decode().splitlines()
        expect(done.returncode == 1 and len(lines) == 1, f'{message}: exit {done.returncode}, {lines}')
        name = ('bad.npz' if what == 'file' else 'standard input') + label
        expect(lines[0].startswith(name + ':') and message in lines[0], f'{message}: {lines}')
    expect(not os.path.exists('out.npz'), f'{message}: an output')


def changed(data, at, fmt, value):
    """A copy with one field changed, little endian."""
    copy = bytearray(data)
    struct.pack_into('<' + fmt, copy, at, value)
    return copy


# Places of fields, from the beginning of a local header, of a central header and of the end record.
LOCAL = {'flags': 6, 'method': 8, 'crc': 14, 'packed': 18, 'size': 22, 'name_length': 26}
CENTRAL = {'flags': 8, 'method': 10, 'crc': 16, 'packed': 20, 'size': 24, 'name_length': 28, 'offset': 42}
END = {'disk': 4, 'count': 8, 'total': 10, 'size': 12, 'offset': 16, 'comment': 20}


def places(data):
    """Offsets of the first local header, of the first central header, of the end record."""
    return 0, data.index(b'PK\1\2'), data.rindex(b'PK\5\6')


def both(data, field, fmt, value):
    local, central, _ = places(data)
    return changed(changed(data, local + LOCAL[field], fmt, value), central + CENTRAL[field], fmt, value)


def check_damaged():
    array = np.arange(100.)
    body = npy(array)
    for method in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
        good = archive([('a.npy', body)], method)
        local, central, end = places(good)
        start = local + 30 + 5
        refused(good[:-1], 'truncated')
        refused(good[:end], 'directory')
        refused(good[:len(good) // 2], 'directory')
        refused(good + b'x', 'something behind it')
        refused(good + good[:50], 'something behind it')
        refused(b'PK\3\4' + good, '')
        wrong = both(good, 'crc', 'I', 12345)
        refused(wrong, 'damaged: the checksum of the entry', ':a')
        flipped = bytearray(good)
        flipped[central - 20] ^= 0x40
        refused(flipped, 'damaged', ':a')
        refused(both(good, 'flags', 'H', 1), 'encrypted', ':a')
        refused(both(good, 'method', 'H', 12), 'compressed by method 12', ':a')
        refused(both(good, 'method', 'H', 99), 'compressed by method 99', ':a')
        refused(changed(good, central + CENTRAL['offset'], 'I', 7), 'two headers', ':a')
        refused(changed(good, central + CENTRAL['offset'], 'I', 0x7FFFFFFF), 'two headers', ':a')
        refused(changed(good, local + LOCAL['name_length'], 'H', 4), 'two headers', ':a')
        refused(changed(good, end + END['count'], 'H', 2), 'directory')
        refused(changed(changed(good, end + END['count'], 'H', 2), end + END['total'], 'H', 2), 'directory')
        refused(changed(good, end + END['size'], 'I', 10), 'directory')
        refused(changed(good, end + END['offset'], 'I', 1 << 30), 'directory')
        refused(changed(good, end + END['comment'], 'H', 9), '')
        for name in ('../a.npy', '/a.npy', 'x/../../a.npy', '..', 'a\\b.npy', 'a\tb.npy'):
            bad = archive([('a' * len(name), body)], method)
            refused(bad.replace(b'a' * len(name), name.encode()), 'which is refused')
        refused(bytes(archive([('aXb.npy', body)], method)).replace(b'aXb.npy', b'a\0b.npy'), 'which is refused')
        refused(bytes(archive([('aXb.npy', body)], method)).replace(b'aXb.npy', b'a\xffb.npy'), 'which is refused')
        refused(bytes(archive([('a.npy', body), ('b.npy', body)], method)).replace(b'b.npy', b'a.npy'),
                "two members are named 'a'")
        record = npy(np.zeros(3, [('x', 'f8')]))
        refused(archive([('a.npy', record), ('a.x.npy', body)], method), "two members are named 'a.x'")
        refused(archive([('a.npy', body[:-8])], method), 'truncated: expected 800 bytes of data, the entry has 792', ':a')
        refused(archive([('a.npy', body + b'x')], method), 'something behind the data: expected 800', ':a')
        refused(archive([('a.npy', body[:40])], method), 'truncated header', ':a')
        refused(archive([('a.npy', b'')], method), 'empty', ':a')
        refused(archive([('a.npy', b'no array at all')], method), 'not a .npy file', ':a')
    refused(archive([('a.npy', body)], zipfile.ZIP_BZIP2), 'compressed by method 12', ':a')
    refused(archive([('a.npy', body)], zipfile.ZIP_LZMA), 'compressed by method 14', ':a')
    two = archive([('a.npy', body), ('b.npy', body)])
    second = two.index(b'PK\1\2', two.index(b'PK\1\2') + 1)
    refused(changed(two, second + CENTRAL['offset'], 'I', 0), 'two headers', ':b')
    two[second + 46:second + 51] = b'a.npy'
    refused(changed(two, second + CENTRAL['offset'], 'I', 0), 'overlaps')
    packed = zlib.compressobj(wbits=-15)
    packed = packed.compress(body) + packed.flush()
    refused(large(body, packed + b'x'), 'does not end where the entry does', ':a')
    refused(large(body, packed[:-1]), 'damaged', ':a')
    for size in (0, 16, 23):
        refused(large(body, extra=struct.pack('<HHQQQ', 1, size, len(body), len(body), 0)[:4 + size]), 'no valid header', ':a')
    refused(large(body, extra=struct.pack('<HHQQQ', 1, 24, len(body), len(body), 1 << 63)), 'no valid header', ':a')
    refused(large(body, extra=struct.pack('<HHQQQ', 1, 24, len(body), 1 << 62, 0)), 'more bytes than the file has', ':a')


def check_bombs():
    """Sizes that are lies, and one that is true but absurd."""
    body = npy(np.arange(100.))
    good = archive([('a.npy', body)], zipfile.ZIP_DEFLATED)
    refused(both(good, 'size', 'I', 0x7FFFFFFF), 'more than deflate can do', ':a')
    refused(both(good, 'size', 'I', len(body) + 8), 'something behind the data', ':a')
    header = npy(np.zeros(1 << 20, 'u1'))[:128].replace(b'(1048576,)', b'(2097152,)')
    refused(archive([('a.npy', header + bytes(1 << 20))], zipfile.ZIP_DEFLATED), 'truncated: expected 2097152', ':a')
    refused(both(archive([('a.npy', body)]), 'size', 'I', 50), 'contradictory', ':a')
    refused(both(archive([('a.npy', body)]), 'packed', 'I', 1 << 30), 'more bytes than the file has', ':a')
    quine = both(both(archive([('a.npy', body)]), 'packed', 'I', 2000), 'size', 'I', 2000)
    refused(quine, '', ':a')
    with open('zeros.npz', 'wb') as out:
        np.savez_compressed(out, a=np.zeros(10_000_000))
    expect(os.path.getsize('zeros.npz') < 100_000, 'zeros are packed 1:1000')
    expect(run('zeros.npz', 'zeros.npy').returncode == 0, 'an honest ratio of 1:1000 is read')
    expect(np.array_equal(np.load('zeros.npy'), np.zeros(10_000_000)), 'zeros')


def check_accepted():
    """What is unusual and good."""
    a, b = np.arange(6.).reshape(2, 3), np.arange(4, dtype='>i2')
    for data, names in [
            (archive([('a.npy', npy(a))], comment=b'a comment'), ['a']),
            (archive([('folder/', b''), ('folder/a.npy', npy(a))]), ['folder/a']),
            (archive([('a.npy', npy(a)), ('readme.txt', b'text')]), ['a', 'readme.txt']),
            (archive([('ä/名.npy', npy(a))]), ['ä/名']),
            (large(npy(a)), ['a']),
            (large(npy(a), zlib.compress(npy(a), wbits=-15)), ['a']),
            (archive([]), [])]:
        with open('good.npz', 'wb') as out:
            out.write(data)
        done = run('good.npz')
        got = [line.split('\t')[0] for line in done.stdout.decode().splitlines()]
        expect(done.returncode == 0 and got == names, f'{names}: {got} {done.stderr}')
        with np.load('out.npz') as z:
            expect(z.files == [n for n in names if '.' not in n], f'{names}: {z.files}')
        os.remove('out.npz')
    buffer = io.BytesIO()
    np.savez(buffer, a=a, o=np.array([{}, 1], dtype=object), b=b)
    with open('good.npz', 'wb') as out:
        out.write(buffer.getvalue())
    done = run('good.npz')
    expect(done.stdout.decode() == 'a\t<f8\no\tno array of numbers\nb\t>i2\n', f'objects are listed: {done.stdout}')
    with np.load('out.npz') as z:
        expect(z.files == ['a', 'b'] and z['b'].dtype == '>i2' and np.array_equal(z['b'], b), 'others beside objects')
    os.remove('out.npz')
    read, write = os.pipe()  # an archive that was written without seeking has sizes behind its data
    with os.fdopen(write, 'wb') as out, zipfile.ZipFile(out, 'w', zipfile.ZIP_DEFLATED) as z:
        z.writestr('a.npy', npy(a))
    with os.fdopen(read, 'rb') as streamed, open('good.npz', 'wb') as out:
        out.write(streamed.read())
    expect(run('good.npz').returncode == 0 and np.array_equal(np.load('out.npz')['a'], a), 'sizes behind the data')
    os.remove('out.npz')


def check_written():
    """Archives of nexpr, by numpy, by zipfile, and by unzip if it is there; equal arrays give equal bytes."""
    arrays = {'a': np.arange(12.).reshape(3, 4), 'f': np.asfortranarray(np.arange(12, dtype='>c16').reshape(3, 4)),
              's': np.array(3, 'i1'), 'e': np.zeros((0, 3)), 'ü': np.arange(3) > 1}
    for save in (np.savez, np.savez_compressed):
        save('in.npz', **arrays)
        for name in ('one.npz', 'two.npz'):
            expect(run('in.npz', name).returncode == 0, 'written')
        with zipfile.ZipFile('one.npz') as z, np.load('one.npz') as n:
            expect(z.testzip() is None and n.files == list(arrays), f'{n.files}')
            for key, a in arrays.items():
                expect(n[key].dtype == a.dtype and n[key].shape == a.shape and np.array_equal(n[key], a), key)
                expect(z.read(key + '.npy') == npy(a), f'{key}: the bytes that numpy.save writes')
        with open('one.npz', 'rb') as one, open('two.npz', 'rb') as two:
            expect(one.read() == two.read(), 'the same bytes')
        if os.path.exists('/usr/bin/unzip'):
            expect(subprocess.run(['unzip', '-tqq', 'one.npz']).returncode == 0, 'unzip -t')
        piped = subprocess.run(f'{COPY} in.npz - | cat', shell=True, capture_output=True)
        expect(piped.stderr != b'', 'standard output without a format is .npy, which holds one array')
    for name in ('one.npz', 'two.npz'):
        os.remove(name)


def main():
    with tempfile.TemporaryDirectory() as folder:
        os.chdir(folder)
        check_damaged()
        check_bombs()
        check_accepted()
        check_written()
        os.chdir('/')
    print(f'{checks} checks')


main()
