# SPDX-License-Identifier: MIT
"""The command on P ranks: mpi_test.py NEXPR MPIRUN OTHER_MPIRUN MPI_PARENT. What it writes and prints is what it writes
and prints alone, and errors are told once. OTHER_MPIRUN is the launcher of another MPI, "" if there is none here;
MPI_PARENT runs commands from inside an MPI program. With --all behind them, each P has each shape and each format."""
import os
import signal
import subprocess
import sys
import tempfile
import time
import unittest
from pathlib import Path

try:
    import numpy as np
except ImportError:
    sys.exit(77)

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), '..', 'mpi'))
import launch

NEXPR, MPIRUN, OTHER, PARENT = (os.path.abspath(path) if path else '' for path in sys.argv[1:5])
HAS_ALL = '--all' in sys.argv
sys.argv = [sys.argv[0], *(text for text in sys.argv[5:] if text != '--all')]
IS_OPEN_MPI = b'Open' in subprocess.run([MPIRUN, '--version'], capture_output=True, env=launch.environment()).stdout
QUIET = ['-q'] if IS_OPEN_MPI else []
RANKS = (1, 2, 3, 4, 7, 8)
ROWS = {1: (101,), 2: (0, 13), 3: (0, 1, 2, 3, 4), 4: (101,), 7: (1, 13), 8: (7, 101)}  # without --all


def run(*command, **options):
    """Status, output, errors. After the time limit everything is killed."""
    data = options.pop('input', None)
    environment = {**launch.environment(), **options.pop('env', {})}
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, start_new_session=True,
                               stdin=subprocess.DEVNULL if data is None else subprocess.PIPE, env=environment, **options)
    try:
        output, errors = process.communicate(data, timeout=launch.LIMIT)
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGTERM)
        time.sleep(2)
        process.kill()
        raise
    return process.returncode, output.decode(), errors.decode()


def alone(*arguments, **options):
    return run(NEXPR, *arguments, **options)


def ranks(count, *arguments, **options):
    return run(MPIRUN, *QUIET, '-n', str(count), NEXPR, *arguments, **options)


class InFolder(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.addCleanup(os.chdir, os.getcwd())
        os.chdir(folder.name)

    def write(self, path, text, mode=0o644):
        with open(path, 'w') as file:
            file.write(text)
        os.chmod(path, mode)


# "a" has n rows of 5, "v" n elements, "w" 5; the names are those of outputs.
PROGRAM = """
double = 2*a - 4.5
spread = a + v[:, None] + w
total = sum(a)
rows = sum(a, axis=1)
columns = sum(a, axis=0)
normal = (a - mean(a))/std(a)
step = diff(v)
stencil = a[2:, 1:-1] + a[:-2, 1:-1] + a[1:-1, 2:] + a[1:-1, :-2] - 4*a[1:-1, 1:-1]
turned = a.T + 1
flat = reshape(a, -1)*3
running = cumsum(v)
chosen = v[v > 0]
taken = take(w, index(a, 0) % 5)
luck = a + random(a, key=7)
"""


class SameBytes(InFolder):
    """Each P with shapes around it."""

    def make(self, rows):
        generator = np.random.default_rng(rows)
        np.save('a.npy', generator.normal(size=(rows, 5)))
        np.save('v.npy', generator.normal(size=rows))
        np.save('w.npy', np.arange(5.0))

    def outputs(self, folder, program, names, *, one_file=None):
        os.makedirs(folder, exist_ok=True)
        for name in os.listdir(folder):
            os.remove(f'{folder}/{name}')
        targets = [f'{folder}/{one_file}'] if one_file else [f'{name}={folder}/{name}.npy' for name in names]
        return [program, *(f'--output={target}' for target in targets)]

    def compare(self, count, label, program, names, inputs, one_file=None):
        expected = alone(*self.outputs('alone', program, names, one_file=one_file), *inputs)
        found = ranks(count, *self.outputs('ranks', program, names, one_file=one_file), *inputs)
        self.assertEqual([text.replace('ranks/', 'alone/') for text in found[1:]], list(expected[1:]), label)
        self.assertEqual(found[0], expected[0], label)
        self.assertEqual(sorted(os.listdir('ranks')), sorted(os.listdir('alone')))
        for name in os.listdir('alone'):
            with open(f'alone/{name}', 'rb') as a, open(f'ranks/{name}', 'rb') as b:
                self.assertEqual(a.read(), b.read(), f'{label}: {name}')
        return expected[0]

    def test_npy(self):
        lines = PROGRAM.strip().splitlines()
        for count in RANKS:
            for rows in sorted({0, 1, count - 1, count, count + 1, 13, 101}) if HAS_ALL else ROWS[count]:
                self.make(rows)
                kept = [line for line in lines if rows >= 3 or not line.startswith('stencil')]
                names = [line.split(' = ')[0] for line in kept]
                program = '\n'.join([*kept, ', '.join(names)])
                inputs = ['-ia=a.npy', '-iv=v.npy', '-iw=w.npy']
                with self.subTest(ranks=count, rows=rows):
                    status = self.compare(count, f'{count} ranks, {rows} rows', program, names, inputs)
                    self.assertEqual(status, 0)

    def test_other_formats(self):
        program = 'x = 2*v; y = x + cumsum(v); x, y'
        for count in (2, 3, 7):
            for rows in (0, 1, count, 1001):
                if not HAS_ALL and (count, rows) not in ((3, 0), (3, 1001), (7, 1)):
                    continue
                self.make(rows)
                for name in ('out.npz', 'out.csv', 'out.tsv'):
                    with self.subTest(ranks=count, rows=rows, name=name):
                        self.assertEqual(self.compare(count, name, program, (), ['-i', 'v=v.npy'], name), 0)
                with self.subTest(ranks=count, rows=rows, name='raw'):
                    self.assertEqual(self.compare(count, 'raw', '3*v', (), ['-i', 'v=v.npy'], 'out.bin'), 0)

    def test_large_in_little_memory(self):
        np.save('a.npy', np.random.default_rng(3).normal(size=(20011, 37)))
        for count in (2, 4):
            inputs = ['-i', 'a.npy', '--max-memory', '512K']
            self.assertEqual(self.compare(count, 'large', 'exp(a) + 1', (), inputs, 'out.npy'), 0)
            self.assertEqual(self.compare(count, 'sum', 'sum(a, axis=1)', (), [*inputs, '--threads', '3'], 'out.npy'), 0)

    def test_printed(self):
        self.make(11)
        for program, name in (('sum(a)', 'a'), ('2*a', 'a'), ('v', 'v'), ('a[:, 0], mean(a, axis=0)', 'a'),
                              ('v[v > 100]', 'v')):
            arguments = [program, '-i', f'{name}={name}.npy']
            with self.subTest(program):
                expected = alone(*arguments)
                self.assertEqual(expected[0], 0)
                for count in (1, 3) if HAS_ALL else (3,):
                    self.assertEqual(ranks(count, *arguments), expected)

    def test_standard_output(self):
        self.make(40)
        for name in ('-', '-:csv'):
            expected = subprocess.run([NEXPR, '2*v', '-iv=v.npy', '-o', name], capture_output=True, env=launch.environment())
            found = subprocess.run([MPIRUN, *QUIET, '-n', '3', NEXPR, '2*v', '-iv=v.npy', '-o', name], capture_output=True,
                                   env=launch.environment(), stdin=subprocess.DEVNULL, timeout=launch.LIMIT)
            self.assertEqual((found.returncode, found.stdout), (0, expected.stdout))


class Inputs(InFolder):
    """What can be read only once comes to all ranks."""

    def setUp(self):
        super().setUp()
        np.save('a.npy', np.arange(3000.0).reshape(1000, 3))
        np.savez('z.npz', x=np.arange(50.0), y=np.ones(50))
        self.write('t.csv', 'p,q\n' + ''.join(f'{i},{i/4}\n' for i in range(400)))

    def test_standard_input(self):
        for path, arguments in (('a.npy', ['sum(a, axis=0)', '-i', 'a=-']), ('z.npz', ['x + y', '-i', '-:npz']),
                                ('t.csv', ['p*q', '-i', '-:csv']), ('t.csv', ['p*2 + x', '-ip=-:csv:p', '-ix=-:csv:q'])):
            with self.subTest(path), open(path, 'rb') as file:
                data = file.read()
                expected = alone(*arguments, input=data)
                self.assertEqual(expected[0], 0, expected[2])
                self.assertEqual(ranks(3, *arguments, input=data), expected)

    def test_program(self):
        self.assertEqual(ranks(3, '-f', '-', '-i', 'a.npy', input=b'sum(a)\n'), alone('sum(a)', '-i', 'a.npy'))

    def test_pipe(self):
        os.mkfifo('pipe')
        for name, text, pipe, file in (('a.npy', 'sum(a)', 'a=pipe', 'a=a.npy'), ('t.csv', 'p + q', 'pipe:csv', 't.csv')):
            with self.subTest(name):
                with subprocess.Popen(['sh', '-c', f'cat {name} > pipe']) as writer:
                    found = ranks(3, text, '-i', pipe)
                    writer.wait()
                self.assertEqual(found, alone(text, '-i', file))

    def test_too_much(self):
        with open('a.npy', 'rb') as file:
            status, output, errors = ranks(2, 'sum(a)', '-i', 'a=-', '--max-memory', '4K', input=file.read())
        self.assertEqual((status, output), (1, ''))
        self.assertEqual(errors.count('nexpr: error'), 1)
        self.assertIn('--max-memory', errors)


class Once(InFolder):
    """What is said is said by one."""

    def setUp(self):
        super().setUp()
        np.save('a.npy', np.arange(12.0))
        self.write('one.sh', '#!/bin/sh\nf=a.npy\n[ "${OMPI_COMM_WORLD_RANK:-$PMI_RANK}" = 2 ] && f=none.npy\n'
                   '"$@" -i a=$f\n', 0o755)

    def same(self, *arguments):
        self.assertEqual(ranks(3, *arguments), alone(*arguments))

    def test_told(self):
        for arguments in (['--help'], ['--version'], ['--ops'], ['a + 1', '-i', 'a.npy', '--dry-run'],
                          ['a + 1', '-i', 'a.npy', '--bytecode'], ['1/a', '-i', 'a.npy', '--check']):
            with self.subTest(arguments):
                self.same(*arguments)

    def test_errors(self):
        for arguments in (['a +', '-i', 'a.npy'], ['a', '-i', 'none.npy'], ['a', '-i', 'a.npy', '--nothing'],
                          ['a + b', '-i', 'a.npy'],
                          ['a', '-i', 'a.npy', '-o', 'no/such/x.npy'], ['a', '-i', 'a.npy', '-o', 'a.npy'],
                          ['a', '-i', 'a.npy', '-o', 'none=x.npy'], ['a + b', '-i', 'a.npy', '-i', 'b=b.npy'],
                          ['1/a', '-i', 'a.npy', '-o', 'x.npy', '--check=error'], []):
            with self.subTest(arguments):
                expected = alone(*arguments)
                self.assertNotEqual(expected[0], 0)
                self.assertEqual(expected[2].count('nexpr: error'), 1)
                self.same(*arguments)
                self.assertEqual(sorted(os.listdir()), ['a.npy', 'one.sh'])

    def test_shapes(self):
        np.save('b.npy', np.arange(13.0))
        arguments = ['a + b', '-i', 'a=a.npy', '-i', 'b=b.npy']
        self.assertEqual(ranks(3, *arguments), alone(*arguments))

    def test_one_rank(self):
        status, output, errors = run(MPIRUN, *QUIET, '-n', '4', './one.sh', NEXPR, 'a*2', '-o', 'x.npy')
        self.assertEqual((status, output), (1, ''))
        self.assertEqual(errors, 'nexpr: error: rank 2: none.npy: cannot open: No such file or directory\n')
        self.assertEqual(sorted(os.listdir()), ['a.npy', 'one.sh'])

    def test_time(self):
        status, output, errors = ranks(2, 'a*2', '-i', 'a.npy', '--time')
        self.assertEqual((status, output, errors.count('nexpr: error')), (2, '', 1))

    def test_off(self):
        status, output, _ = ranks(2, 'sum(a)', '-i', 'a.npy', '--mpi', 'off')
        self.assertEqual((status, output), (0, '66\n66\n'.replace('66', alone('sum(a)', '-i', 'a.npy')[1].strip())))


class Memory(InFolder):
    """Of each rank, for a file ten times as large as --max-memory. The output is written to the same disk."""

    LIMIT, BESIDES = 20, 64  # MiB
    # Into a file of its own: of what ranks print at their end, a launcher now and then forwards a part. MPICH's ranks talk
    # to theirs by a file that they inherit.
    MEASURED = ('import os, resource, subprocess, sys; status = subprocess.run(sys.argv[1:], close_fds=False).returncode;'
                'peak = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss;'
                'print(peak, file=open(f"peak-{os.getpid()}", "w")); sys.exit(status)')

    def setUp(self):
        super().setUp()
        if os.statvfs('.').f_bavail*os.statvfs('.').f_frsize < 1 << 30:
            self.skipTest('the disk has no room')
        a = np.lib.format.open_memmap('a.npy', 'w+', 'f8', (5120, 5120))  # 200 MiB, of which little is on the disk
        a[::640, ::7] = np.linspace(-1, 2, 8*732).reshape(8, 732)

    def peaks(self, count, *arguments):
        """Of the ranks in MiB, the exit status, and the errors."""
        status, _, errors = run(MPIRUN, *QUIET, '-n', str(count), sys.executable, '-c', self.MEASURED, NEXPR, *arguments,
                                '-i', 'a.npy', '-o', 'out.npy', '--force', '--no-fsync', '--max-memory',
                                f'{self.LIMIT}M', '-q', '--threads', '1')
        files = list(Path('.').glob('peak-*'))
        peaks = [int(file.read_text())/1024 for file in files]
        for file in files:
            file.unlink()
        return peaks, status, errors

    def check(self, text, expected_status=0, *, count=2):
        with self.subTest(text):
            peaks, status, errors = self.peaks(count, text)
            self.assertEqual((status, len(peaks)), (expected_status, count), errors)
            self.assertLess(max(peaks), self.LIMIT + self.BESIDES)
            return errors

    def test_peaks(self):
        for text in ('2*a + 1', 'sum(a)', 'a.T + a', '(a - mean(a, axis=0))/std(a)', 'cumsum(a, axis=0)'):
            self.check(text)
            self.assertEqual(np.load('out.npy', mmap_mode='r').shape, () if text == 'sum(a)' else (5120, 5120))

    def test_refused(self):
        """What has to have all of an array at once."""
        self.assertIn('max-memory', self.check('cumsum(a, axis=0) + 1', 1))
        self.assertEqual(os.listdir(), ['a.npy'])


class Launchers(InFolder):
    def maps_while_waiting(self, *arguments):
        """The libraries of a command that waits for standard input."""
        process = subprocess.Popen([NEXPR, 'sum(x)', '-i', 'x=-:csv', *arguments], stdin=subprocess.PIPE,
                                   stdout=subprocess.PIPE, env=launch.environment())
        text, end = '', time.monotonic() + 5
        while 'libnexpr-io' not in text or time.monotonic() < end - 4:
            with open(f'/proc/{process.pid}/maps') as file:
                text = file.read()
            time.sleep(0.05)
        output = process.communicate(b'x\n1\n2\n')[0]
        self.assertEqual((process.returncode, output), (0, b'3\n'))
        return text

    def test_not_loaded(self):
        self.assertNotIn('libmpi', self.maps_while_waiting())
        self.assertIn('libmpi', self.maps_while_waiting('--mpi', 'on'))

    def test_child_of_a_program(self):
        """Each of the two ranks of the program starts one, in a shell, which is alone."""
        status, output, errors = run(MPIRUN, *QUIET, '-n', '2', PARENT, f'{NEXPR} 20+1 && {NEXPR} 20+2; true')
        self.assertEqual((status, errors), (0, ''))
        self.assertEqual(sorted(output.split()), ['21', '21', '22', '22'])

    @unittest.skipUnless(OTHER, 'there is no launcher of another MPI')
    def test_other_launcher(self):
        status, output, errors = run(OTHER, '-n', '2', NEXPR, '1+1')
        self.assertNotEqual(status, 0)
        self.assertEqual((output, errors.count('nexpr: error')), ('', 1), errors)
        self.assertIn('Open MPI', errors)
        self.assertIn('MPICH', errors)
        self.assertIn('--mpi off', errors)
        status, output, errors = run(OTHER, '-n', '2', NEXPR, '--mpi', 'off', '1+1')
        self.assertEqual((status, output), (0, '2\n2\n'))

    def test_no_library(self):
        status, output, errors = ranks(2, '1+1', env={'NEXPR_MPI_LIBRARY': '/none.so'})
        self.assertEqual((status, output, errors.count('nexpr: error')), (2, '', 1))
        self.assertIn('--mpi off', errors)
        self.assertEqual(ranks(2, '--version', env={'NEXPR_MPI_LIBRARY': '/none.so'})[0], 0)


if __name__ == '__main__':
    unittest.main()
