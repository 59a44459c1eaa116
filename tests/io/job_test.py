# SPDX-License-Identifier: MIT
"""Jobs from files to files give what numpy gives: job_test.py JOB_TOOL.

Random programs over every dtype, order of bytes and of axes, rank 0 to 5, empty axes and broadcasting; inputs in .npy, .npz
(stored and deflated), structured files and pipes; outputs of every kind; memory from one element to all. Then inputs of ten
times the memory that is allowed, with the peak of memory measured.
"""
import io
import os
import subprocess
import sys
import tempfile
import zipfile

import numpy as np

TOOL = os.path.abspath(sys.argv[1])
DTYPES = ['?', 'i1', 'u1', 'i2', 'u2', 'i4', 'u4', 'i8', 'u8', 'f2', 'f4', 'f8', 'c8', 'c16']
LIMITS = [0, 1, 700, 5000, 100000]
MIB = 1 << 20
rng = np.random.default_rng(11)
checks = 0


def expect(condition, what):
    global checks
    checks += 1
    if not condition:
        sys.exit(f'failed: {what}')


def run(limit, expression, arguments, **options):
    command = [TOOL, str(limit), expression, *arguments]
    done = subprocess.run(command, capture_output=True, **options)
    expect(done.returncode == 0, f'{command}: {done.stderr.decode()}')
    words = done.stderr.decode().split()
    numbers = {words[i]: int(words[i + 1]) for i in range(0, 10, 2)}
    numbers.update(spool_in=words[10], boxes=int(words[12]), fortran=int(words[16]), rss=int(words[18]) * 1024,
                   passes=int(words[20]))
    return numbers, done.stdout


def random_array(dtype, shape):
    dtype = np.dtype(dtype)
    if dtype == bool:
        return rng.integers(0, 2, shape).astype(bool)
    if dtype.kind in 'fc':
        values = rng.standard_normal(shape) + (1j * rng.standard_normal(shape) if dtype.kind == 'c' else 0)
        return np.asarray(values).astype(dtype)
    return np.frombuffer(rng.bytes(int(np.prod(shape, dtype=int)) * dtype.itemsize), dtype).reshape(shape)


def random_layout(array):
    """The same values in a random order of bytes and of axes."""
    if rng.integers(2):
        array = array.astype(array.dtype.newbyteorder('>'))
    return np.asfortranarray(array).reshape(array.shape, order='F') if rng.integers(2) else np.ascontiguousarray(
        array).reshape(array.shape)


def store(folder, name, array):
    """Puts the array into a file of a random kind; returns the argument that binds it."""
    kind = rng.choice(['npy', 'npz', 'deflated', 'record'])
    path = os.path.join(folder, f'{name}.{"npz" if kind in ("npz", "deflated") else "npy"}')
    if kind == 'npy':
        np.save(path, array)
        return f'{name}={path}'
    if kind == 'record':
        record = np.zeros(array.shape, [('first', 'i1'), (name, array.dtype), ('last', 'f4')],
                          order='F' if array.ndim > 1 and array.flags.f_contiguous else 'C')
        record[name] = array
        np.save(path, record)
        return f'{name}={name}@{path}'
    others = {'before': np.arange(5), name: array, 'behind': np.zeros(3, 'f4')}
    (np.savez if kind == 'npz' else np.savez_compressed)(path, **others)
    return f'{name}={name}@{path}'


def same(got, wanted):
    return got.shape == wanted.shape and got.dtype == wanted.dtype.newbyteorder('=') and \
        np.ascontiguousarray(got).tobytes() == np.ascontiguousarray(wanted, wanted.dtype.newbyteorder('=')).tobytes()


def check_copies(folder):
    """Every dtype and rank through every kind of file, unchanged."""
    shapes = [(), (1,), (37,), (0,), (5, 7), (4, 0), (1, 5), (3, 4, 5), (3, 1, 2, 4), (2, 3, 1, 2, 3), (0, 3, 0, 1, 2)]
    for dtype in DTYPES:
        for shape in shapes:
            array = random_layout(random_array(dtype, shape))
            argument, limit = store(folder, 'x', array), int(rng.choice(LIMITS))
            output = os.path.join(folder, rng.choice(['o.npy', 'o.npz']))
            run(limit, 'x', [argument, '-o', output])
            got = np.load(output)
            got = got['x'] if output.endswith('z') else got
            what = f'copy of {array.dtype} {shape} from {argument} in {limit} bytes'
            expect(same(got, array), what)
            is_fortran = array.flags.f_contiguous and not array.flags.c_contiguous and array.size > 0
            expect(got.flags.f_contiguous >= is_fortran, f'{what}: order of axes')
            os.remove(output)


def random_shapes():
    """Shapes of inputs that broadcast together."""
    full = [int(n) for n in rng.choice([0, 1, 2, 3, 5, 9], rng.integers(0, 6), p=[.04, .16, .2, .2, .2, .2])]
    for _ in range(int(rng.integers(1, 5))):
        shape = [n if rng.integers(4) else 1 for n in full]
        yield tuple(shape[int(rng.integers(0, len(full) + 1)):] if rng.integers(3) == 0 else shape)


def check_programs(folder, count):
    """Sums and products of broadcast inputs, several results at once, some of them of shapes of their own."""
    for _ in range(count):
        names = 'abcd'
        arrays = {n: random_layout(random_array(str(rng.choice(['f8', 'f4', 'i4', 'u1', '?'])), s))
                  for n, s in zip(names, random_shapes())}
        arguments = [store(folder, n, a) for n, a in arrays.items()]
        terms = list(arrays)
        expressions = ['*'.join(terms)] + [str(rng.choice(terms)) for _ in range(int(rng.integers(0, 3)))]
        if rng.integers(4) == 0 and 'd' not in arrays:  # a shape that fits to nothing
            arrays['e'] = random_layout(random_array('f8', (11, 4)))
            arguments.append(store(folder, 'e', arrays['e']))
            expressions.append('e*2')
        limit, output = int(rng.choice(LIMITS)), os.path.join(folder, 'o.npz')
        text = ''.join(f'y{i} = {e}; ' for i, e in enumerate(expressions)) + ','.join(
            f'y{i}' for i in range(len(expressions)))
        run(limit, text, [*arguments, '-o', output])
        with np.load(output) as z, np.errstate(all='ignore'):
            expect(z.files == [f'y{i}' for i in range(len(expressions))], f'{text}: names {z.files}')
            for i, e in enumerate(expressions):
                wanted = eval(e, {n: a.astype(a.dtype.newbyteorder('=')) for n, a in arrays.items()})
                expect(same(z[f'y{i}'], np.asarray(wanted)), f'{e} of {arguments} in {limit} bytes: y{i}')
        expect(zipfile.ZipFile(output).testzip() is None, f'{text}: checksums')


def check_kinds(folder):
    """Pipes, results in memory, several outputs, tables, and an output in the place of an input."""
    a, path = random_array('f8', (300, 40)), os.path.join(folder, 'a.npy')
    np.save(path, a)
    os.chdir(folder)
    np.savez_compressed('z.npz', a=a, f=np.asfortranarray(a))
    for limit in (0, 5000):
        for text in (f'cat a.npy | {TOOL} {limit} "2*a" a=- -o -', f'{TOOL} {limit} "2*a" a=- -o - <a.npy',
                     f'cat z.npz | {TOOL} {limit} "2*a" a=a@- -o -', f'cat z.npz | {TOOL} {limit} "2*f" f=f@- -o - | cat'):
            done = subprocess.run(text, shell=True, capture_output=True)
            with open('p.npy', 'wb') as out:
                out.write(done.stdout)
            expect(same(np.load('p.npy'), 2 * a), f'{text}: {done.stderr.decode()}')
        run(limit, 'a+1, a*2', ['a=a.npy', '-o', 'x.npy', '-o', 'y.bin'])
        expect(same(np.load('x.npy'), a + 1), 'first of two outputs')
        expect(same(np.fromfile('y.bin').reshape(a.shape), a * 2), 'second of two outputs, raw')
        np.save('r.npy', a[0])
        _, piped = run(limit, 'a*r, r*2', ['a=a.npy', 'r=r.npy', '-o', 'x.npy', '-o', '-'])
        expect(same(np.load(io.BytesIO(piped)), a[0] * 2), 'what comes again in every box is written once')
        _, text = run(limit, 'a < 0', ['a=a.npy'])
        values = bytes.fromhex(text.decode().split(':')[1])
        expect(values == (a < 0).tobytes(), 'a result in memory')
        np.save('c.npy', a[:, 0])
        run(limit, 'd = c*2; c, d', ['c=c.npy', '-o', 't.csv'])
        table = np.loadtxt('t.csv', delimiter=',', skiprows=1)
        expect(np.array_equal(table, np.stack([a[:, 0], a[:, 0] * 2], 1)), 'a table written')
        run(limit, 'c + d', ['c=c@t.csv', 'd=d@t.csv', '-o', 'x.npy'])
        expect(same(np.load('x.npy'), a[:, 0] * 3), 'a table read')
        np.save('inout.npy', a)
        run(limit, 'x + 1', ['x=inout.npy', '-o', 'inout.npy'])
        expect(same(np.load('inout.npy'), a + 1), 'an output in the place of its input')
    raw_bools = np.array([0, 1, 2, 255], np.uint8)
    np.save('b.npy', raw_bools.view(bool))
    for expression in ('b', 'b & True', 'b == True', 'where(b, 1, 2)'):
        run(0, expression, ['b=b.npy', '-o', 'x.npy'])
        wanted = eval(expression, {'b': raw_bools != 0, 'where': np.where})
        expect(np.load('x.npy').tobytes() == np.asarray(wanted).tobytes(), f'{expression} of bytes that are neither 0 nor 1')


def check_views(folder):
    """What needs all of an array is computed at once, from and to every kind of file, or refused."""
    os.chdir(folder)
    a = random_array('f8', (30, 40))
    for expression in ('a.T - a.T[:, ::-1]', 'a.T', 'a[::-1]', 'a[:, 0] * a[:, 1:2].T', 'a.T[::2] + 1', 'a[5, 6]', 'a[3:3]'):
        wanted = np.asarray(eval(expression, {'a': a}))
        for array in (a, np.asfortranarray(a)):
            argument = store(folder, 'a', array)
            run(0, f'y = {expression}; y', [argument, '-o', 'v.npz'])
            with np.load('v.npz') as z:
                expect(same(z['y'], wanted), f'{expression} of {argument}')
            if wanted.nbytes > 1000:  # nor by slabs, of which each needs nearly all
                done = subprocess.run([TOOL, '1000', expression, argument, '-o', 'w.npy'], capture_output=True)
                message = done.stderr.decode()
                expect(done.returncode == 1 and 'but at most 1000 are allowed' in message, f'{expression}: {message}')
                expect(not os.path.exists('w.npy'), f'{expression}: an output of what was refused')


REDUCTIONS = ['sum(a)', 'sum(a, axis=0)', 'mean(a, axis=1)', '(a - mean(a, axis=0))/std(a, axis=0)', 'a[1:] - a[:-1]',
              'argmax(a), a*2', '(a - min(a, axis=1, keepdims=True))*b, sum(b)', 'max(a, axis=0), sum(a*b, axis=0)',
              'cumsum(a, axis=1)', 'a[5:100, 3:4]*2', 'a[:10] + b[10:20]', 'reshape(a, -1)[1:]/sum(a)', 'a + b[::-1]']


def check_slabs(folder):
    """The bits do not depend on the slabs: from files of every kind, pipes and tables, to files of every kind."""
    os.chdir(folder)
    a, b = random_array('f8', (300, 40)), random_array('f4', (300, 40))
    most = {}
    for expression in REDUCTIONS:
        np.savez('plain.npz', a=a, b=b)
        run(0, expression, ['a=a@plain.npz', 'b=b@plain.npz', '-o', 'w.npz'])
        with np.load('w.npz') as z:
            wanted = [z[name] for name in z.files]
        for limit in (400000, 250000, 120000, 90000, 70000, 9000, 5000) * 3:
            arguments = [store(folder, 'a', random_layout(a)), store(folder, 'b', random_layout(b)), '-o', 'v.npz']
            done = subprocess.run([TOOL, str(limit), expression, *arguments], capture_output=True)
            if done.returncode:
                expect(limit < 100000 and b'are allowed (max-memory)' in done.stderr, f'{expression} {limit}: {done.stderr}')
                continue
            words = done.stderr.split()
            most[expression] = max(most.get(expression, 0), int(words[12]))
            expect(int(words[7]) <= limit, f'{expression} in {limit}: {done.stderr}')
            with np.load('v.npz') as z:
                got = [z[name] for name in z.files]
            expect(len(got) == len(wanted) and all(same(x, y) for x, y in zip(got, wanted)),
                   f'{expression} of {arguments} in {limit}: {done.stderr}')
    expect(all(boxes > 5 for e, boxes in most.items() if '::-1' not in e), f'slabs: {most}')


def check_slabs_of_streams(folder):
    """Two passes over what comes once; columns that come together, and those that wait for one another."""
    os.chdir(folder)
    c = random_array('f8', (50000,))
    np.save('c.npy', c)
    with open('t.csv', 'w') as out:
        out.write('c,d\n' + ''.join(f'{float(x)!r},{float(2 * x)!r}\n' for x in c))
    for text, in_order in (('sum(c)', True), ('(c - mean(c))/std(c)', False), ('c[1:] - c[:-1]', False)):
        run(0, text, ['c=c.npy', '-o', 'w.npy'])
        wanted = np.load('w.npy')
        for command in (f'cat c.npy | {TOOL} 120000 "{text}" c=- -o v.npy', f'{TOOL} 120000 "{text}" c=c@t.csv -o v.npy'):
            done = subprocess.run(command, shell=True, capture_output=True)
            expect(done.returncode == 0 and same(np.load('v.npy'), wanted), f'{command}: {done.stderr.decode()}')
            words = done.stderr.split()
            expect(text.startswith('sum') or int(words[12]) > 1, f'{command}: {done.stderr}')
            expect('std' not in text or int(words[9]) == c.nbytes and words[10] == b'file', f'{command}: {done.stderr}')
    run(150000, 'd = c - mean(c); d, c', ['c=c.npy', '-o', 'v.csv'])
    table = np.loadtxt('v.csv', delimiter=',', skiprows=1)
    expect(np.array_equal(table[:, 1], c) and abs(table[:, 0] - (c - c.mean())).max() < 1e-12, 'columns of one pass')
    np.save('s.npy', np.stack([c, 2*c], 1))
    run(250000, 'm = mean(s, axis=0); n = s[:2, 0]; m, n', ['s=s.npy', '-o', 'v.csv'])
    table = np.loadtxt('v.csv', delimiter=',', skiprows=1)
    expect(np.allclose(table[:, 0], [c.mean(), 2*c.mean()]) and np.array_equal(table[:, 1], c[:2]), 'columns of two passes')
    _, piped = run(120000, 'c - min(c)', ['c=c.npy', '-o', '-'])
    expect(same(np.load(io.BytesIO(piped)), c - c.min()), 'slabs to a pipe')
    numbers, _ = run(120000, 'c - min(c)', ['c=c.npy', '-o', 'v.npy'])
    expect(numbers['read'] == 2 * c.nbytes and numbers['passes'] == 2, f'what two passes read: {numbers}')
    expect(run(0, 'c - min(c)', ['c=c.npy', '-o', 'v.npy'])[0]['read'] == c.nbytes, 'what fits is read once')
    numbers, text = run(500000, 'sum(c), c[::-1]', ['c=c.npy'])
    expect(text.count(b'result') == 2, 'results in memory')


def check_selections(folder):
    """Results whose length only the run tells: to every kind of file, a pipe and memory, beside others."""
    os.chdir(folder)
    a, m = random_array('f8', (300, 40)), random_array('i4', (300, 40)) > 0
    for wanted in (m, m & False, m | True):
        arguments = [store(folder, 'a', random_layout(a)), store(folder, 'm', random_layout(wanted))]
        for output in ('o.npy', 'o.npz', 'o.bin', 'o.csv'):
            run(0, 's = a[m]; s', [*arguments, '-o', output])
            got = {'y': lambda: np.load(output), 'z': lambda: np.load(output)['s'], 'n': lambda: np.fromfile(output),
                   'v': lambda: np.array([float(line) for line in open(output).read().split()[1:]])}[output[-1]]()
            expect(same(got, a[wanted]), f'selected to {output}')
        numbers, text = run(0, 'a[m], sum(a), a + 1', arguments)
        values = [bytes.fromhex(line.split(':')[1]) for line in text.decode().splitlines()]
        order = text.decode().splitlines()[2].split()[3][0]
        expect(values[0] == a[wanted].tobytes() and values[2] == (a + 1).tobytes(order), 'selected, in memory')
        numbers, _ = run(0, 's = a[m]; s, s*2', [*arguments, '-o', 'o.csv'])
        expect(numbers['write'] == -1 and numbers['passes'] == 1, f'what is not known before: {numbers}')
        _, piped = run(0, 'a[m]', [*arguments, '-o', '-'])
        expect(same(np.load(io.BytesIO(piped)), a[wanted]), 'selected to a pipe')
    done = subprocess.run([TOOL, '1000', 'a[m]', *arguments, '-o', 'w.npy'], capture_output=True)
    expect(done.returncode == 1 and b'but at most 1000 are allowed' in done.stderr, f'selected from too much: {done.stderr}')
    expect(not os.path.exists('w.npy'), 'an output of what was refused')


def check_memory(folder):
    """Inputs of ten times the limit; what is allowed above the limit is what a tiny job takes, and little more."""
    os.chdir(folder)
    limit, n = 4 * MIB, 5 * MIB
    slack = 5 * MIB
    big = np.arange(n, dtype='f8').reshape(1024, -1)
    np.save('tiny.npy', big[:2, :2])
    np.save('big.npy', big)
    np.save('fortran.npy', np.asfortranarray(big))
    np.save('row.npy', big[0])
    np.save('long.npy', np.arange(n, dtype='f8'))
    np.savez_compressed('big.npz', c=big, f=np.asfortranarray(big))
    base = max(run(limit, 'a+a', ['a=tiny.npy', '-o', 'o.npy'])[0]['rss'] for _ in range(3))
    tests = [('a+1', ['a=big.npy'], big + 1), ('a+b', ['a=big.npy', 'b=fortran.npy'], big + big),
             ('b*2', ['b=fortran.npy'], big * 2), ('a*r', ['a=big.npy', 'r=row.npy'], big * big[0]),
             ('c+f', ['c=c@big.npz', 'f=f@big.npz'], big + big), ('a+c', ['a=big.npy', 'c=c@big.npz'], big + big),
             ('sum(a)', ['a=big.npy'], big.sum()), ('sum(b, axis=0)', ['b=fortran.npy'], big.sum(0)),
             ('sum(c, axis=1)', ['c=c@big.npz'], big.sum(1)),
             ('max(a) - b', ['a=big.npy', 'b=fortran.npy'], big.max() - big),
             ('(a - min(a, axis=0))*2', ['a=big.npy'], (big - big.min(0)) * 2),
             ('a[1:] - a[:-1]', ['a=big.npy'], big[1:] - big[:-1])]
    for expression, arguments, wanted in tests:
        for output in ('o.npy', 'o.npz'):
            numbers, _ = run(limit, expression, [*arguments, '-o', output])
            got = np.load(output)
            expect(np.array_equal(got if output == 'o.npy' else got['r0'], wanted), f'{expression} {arguments}')
            expect(numbers['buffers'] <= limit, f'{expression} {arguments}: buffers of {numbers["buffers"]}')
            expect(numbers['rss'] < base + limit + slack,
                   f'{expression} {arguments}: peak of {numbers["rss"] >> 10} KiB, {base >> 10} at rest')
    with open('p.npy', 'wb') as out:
        done = subprocess.run(f'cat big.npy | {TOOL} {limit} "2*a" a=- -o -', shell=True, stdout=out, stderr=subprocess.PIPE)
    expect(np.array_equal(np.load('p.npy'), big * 2), 'a large pipe')
    expect(int(done.stderr.split()[18]) * 1024 < base + limit + slack, f'a large pipe: {done.stderr}')
    with open('p.npy', 'wb') as out:
        done = subprocess.run(f'cat big.npy | {TOOL} {limit} "a - min(a)" a=- -o -', shell=True, stdout=out,
                              stderr=subprocess.PIPE)
    expect(np.array_equal(np.load('p.npy'), big - big.min()), 'two passes through a large pipe')
    expect(int(done.stderr.split()[18]) * 1024 < base + limit + slack, f'two passes through a large pipe: {done.stderr}')


def main():
    shared = '/dev/shm' if os.access('/dev/shm', os.W_OK) else None  # no disk to wait for
    with tempfile.TemporaryDirectory(dir=shared) as folder:
        check_copies(folder)
        check_programs(folder, 400)
        check_kinds(folder)
        check_views(folder)
        check_selections(folder)
        check_slabs(folder)
        check_slabs_of_streams(folder)
        check_memory(folder)
        os.chdir('/')
    print(f'{checks} checks')


main()
