# SPDX-License-Identifier: MIT
"""The command from outside: cli_test.py NEXPR. Needs numpy, as the judge of what is printed and written."""
import fcntl
import json
import os
import pty
import resource
import signal
import stat
import struct
import subprocess
import sys
import tempfile
import termios
import time
import unittest

try:
    import numpy as np
except ImportError:
    sys.exit(77)

NEXPR = os.path.abspath(sys.argv.pop(1))
SHARED = '/dev/shm' if os.access('/dev/shm', os.W_OK) else None  # no disk to wait for


def run(*arguments, **options):
    options.setdefault('stdin', subprocess.DEVNULL)
    return subprocess.run([NEXPR, *arguments], capture_output=True, text=True, timeout=60, **options)


def read_terminal(master):
    output = b''
    while True:
        try:
            piece = os.read(master, 1 << 16)
        except OSError:
            break
        if not piece:
            break
        output += piece
    os.close(master)
    return output.decode().replace('\r\n', '\n')


def run_on_terminal(*arguments):
    """Standard output is a pseudo-terminal."""
    master, slave = pty.openpty()
    process = subprocess.Popen([NEXPR, *arguments], stdout=slave, stderr=subprocess.PIPE, stdin=subprocess.DEVNULL)
    os.close(slave)
    output = read_terminal(master)
    with process.stderr:
        errors = process.stderr.read().decode()
    return process.wait(), output, errors


def run_before_terminal(*arguments, columns=70, **environment):
    """Standard error is a pseudo-terminal, standard output a pipe. Gives status, output, errors."""
    master, slave = pty.openpty()
    fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack('HHHH', 25, columns, 0, 0))
    environment = {**os.environ, 'TERM': 'xterm', 'NO_COLOR': '', **environment}
    process = subprocess.Popen([NEXPR, *arguments], stdout=subprocess.PIPE, stderr=slave, stdin=subprocess.DEVNULL,
                               env=environment)
    os.close(slave)
    errors = read_terminal(master)
    with process.stdout:
        output = process.stdout.read().decode()
    return process.wait(), output, errors


class InFolder(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory(dir=SHARED)
        self.addCleanup(folder.cleanup)
        self.addCleanup(os.chdir, os.getcwd())
        os.chdir(folder.name)

    def gives(self, output, *arguments, **options):
        done = run(*arguments, **options)
        self.assertEqual((done.returncode, done.stdout, done.stderr), (0, output, ''))

    def fails(self, status, *arguments, says=(), **options):
        done = run(*arguments, **options)
        self.assertEqual((done.returncode, done.stdout), (status, ''), done.stderr)
        self.assertTrue(done.stderr.startswith('nexpr: error: '), done.stderr)
        for words in [says] if isinstance(says, str) else says:
            self.assertIn(words, done.stderr)
        return done.stderr


class Options(InFolder):
    def test_forms(self):
        np.save('x.npy', np.array([1.0, 2.0]))
        for form in (['-ix=x.npy'], ['-i', 'x=x.npy'], ['--input', 'x=x.npy'], ['--input=x=x.npy'], ['-i', 'x.npy']):
            self.gives('2.0\n4.0\n', '2*x', *form)
            self.gives('2.0\n4.0\n', *form, '2*x')
        self.gives('4.0\n8.0\n', 'x*c', '-ix.npy', '-s', 'c=4')
        np.save('v.npy', np.array([1, 2]))
        self.fails(2, '-Vx', says='there is no option -x')

    def test_expressions_that_begin_with_minus(self):
        np.save('a.npy', np.array([1, -2]))
        self.gives('-1\n2\n', '-a', '-i', 'a.npy')
        self.gives('1\n', '-1+2')
        self.gives('-3\n', '--', '-3')
        self.gives('3\n', '--', '--3')
        self.fails(2, '--a', says=('there is no option --a', 'nexpr -- "-a"'))
        self.fails(2, '-sin(1)', says=('there is no expression', 'nexpr -- "-a"'))
        self.fails(2, '-s', 'in(1)', '1', says='--set needs NAME=LITERAL')
        self.fails(2, '-z', says=('no value for z', "'-z' was taken as the expression"))

    def test_usage_errors(self):
        for arguments, words in [((), 'there is no expression'), (('1', '2'), "two expressions: '1' and '2'"),
                                 (('--inputs', 'x', '1'), 'did you mean --input?'),
                                 (('1', '-i'), '--input needs [NAME=]FILE'),
                                 (('1', '--force=1'), '--force takes no value'), (('1', '--dtype', 'float'), 'no dtype'),
                                 (('1', '--threads', '0'), 'from 1 to'), (('1', '--threads=two'), "not 'two'"),
                                 (('1', '--fp', 'fast'), 'strict or contract'), (('1', '--precision', '-1'), 'from 0 to'),
                                 (('1', '--mpi', 'perhaps'), 'auto, on or off'),
                                 (('1', '--stall-timeout', '0'), 'a number of seconds'),
                                 (('1', '-f', 'x'), '--file'), (('-f', 'x', '-f', 'y'), 'given twice'),
                                 (('1', '--fp', 'strict', '--fp=contract'), 'given twice'), (('1', '--max-memory', '0'), 'a size such'),
                                 (('1', '--max-memory=12Q'), "not '12Q'"), (('1', '--max-memory', '99999999T'), 'a size'),
                                 (('1', '--force'), 'there is no --output'), (('1', '--no-fsync'), 'there is no --output'),
                                 (('1', '--precision', '3', '-o', 'x.npy'), 'files keep every digit'),
                                 (('1', '--type', 'x=int8'), 'there is no --input'), (('1', '-q', '--json'), 'leave out one'),
                                 (('1', '-q', '-n'), 'leave out one'), (('1', '--bytecode', '-n'), 'choose one'),
                                 (('1', '--bytecode', '--json'), 'has neither'),
                                 (('1', '--bytecode', '-o', 'x.npy'), 'evaluates nothing'),
                                 (('1', '-o', 'x.npy', '-oy.npy'), 'there is one result')]:
            with self.subTest(arguments):
                self.fails(2, *arguments, says=words)

    def test_information(self):
        self.assertRegex(run('-V').stdout, r'^nexpr \d+\.\d+\.\d+\n$')
        text = run('--help').stdout
        for option in ('--input', '--type', '--set', '--file', '--output', '--force', '--no-fsync', '--dtype', '--max-memory',
                       '--threads', '--mpi', '--stall-timeout', '--fp', '--precision', '--dry-run', '--json', '--quiet', '--ops', '--bytecode',
                       '--version', '--help'):
            self.assertIn(option, text)
        self.assertLessEqual(max(map(len, text.splitlines())), 100)
        ops = run('--ops').stdout
        for words in ('arithmetic\n', 'add(x, y)  x + y', 'arcsin(x)', 'Also: asin.', 'clip(x, min, max)',
                      'isclose(a, b, rtol=1e-05'):
            self.assertIn(words, ops)
        np.save('a.npy', np.arange(3.0))
        self.assertIn('multiply_f64 2.0, a', run('--bytecode', '2*a + 1', '-i', 'a.npy').stdout)
        nests = run('--bytecode', '(a - mean(a))/std(a)', '-i', 'a.npy').stdout.split('nest ')
        self.assertEqual([nest[:2] for nest in nests], ['', '1:', '2:'])
        self.assertIn('reduce_sum_f64 a', nests[1])
        self.assertIn('subtract_f64 a', nests[2])

    def test_values_of_options(self):
        np.save('a.npy', np.array([0.1, 0.2]))
        self.gives('0.1\n0.2\n', 'a', '-ia.npy', '--dtype=float32')
        run('a', '-ia.npy', '--dtype', 'float32', '-o', 'b.npy')
        self.assertEqual(np.load('b.npy').dtype, np.float32)
        self.gives('0.1\n0.2\n', 'a', '-ia.npy', '--threads=1', '--fp', 'contract')
        self.gives('0.33\n', '1/3', '--precision', '2')
        self.gives('0.3333333333333333\n', '1/3')


class Texts(InFolder):
    def test_errors_show_the_place(self):
        self.assertEqual(self.fails(2, '1 + (2*').splitlines()[1:], ['  1 + (2*', '      ^'])
        self.assertEqual(self.fails(2, '1 + 2*').splitlines()[1:], ['  1 + 2*', '        ^'])
        lines = self.fails(2, 'ä·2 + b').splitlines()
        self.assertEqual(lines[1], '  ä·2 + b')
        self.assertEqual(lines[2], '   ^')
        lines = self.fails(2, '1 +\tfoo', says='no value for foo').splitlines()
        self.assertEqual(lines[2], '     \t^^^')

    def test_programs_in_files(self):
        with open('p.nx', 'w') as file:
            file.write('# two steps\nh = 2 + 3\nh * 2\n')
        self.gives('10\n', '-f', 'p.nx')
        with open('p.nx') as file:
            self.gives('10\n', '--file', '-', stdin=file)
        with open('p.nx', 'w') as file:
            file.write('a = 1\nb = a + c\nb\n')
        message = self.fails(2, '-f', 'p.nx', says='no value for c')
        self.assertEqual(message.splitlines()[1:], ['  in p.nx:', '    2 | b = a + c', '                ^'])
        self.fails(1, '-f', 'missing.nx', says='missing.nx: cannot open: No such file or directory')
        self.fails(1, '-f', '.', says='Is a directory')
        with open('nul.nx', 'wb') as file:
            file.write(b'1 +\0 1')
        self.fails(2, '-f', 'nul.nx')
        with open('huge.nx', 'wb') as file:
            file.write(b' ' * (1 << 21) + b'1')
        self.fails(2, '-f', 'huge.nx')

    def test_long_lines_are_cut_around_the_place(self):
        lines = self.fails(2, '1+' * 2000 + 'foo' + '+1' * 2000).splitlines()
        self.assertLess(max(map(len, lines)), 250)
        at = lines[2].index('^')
        self.assertEqual(lines[1][at:at + 3], 'foo')

    def test_hostile_texts_are_shown_harmlessly(self):
        for text in ('\x1b[31m$', 'a\rb', '\x7f', '\u009b31m', '', '   ', '#'):
            message = self.fails(2, text)
            self.assertFalse(set(message) & set('\x1b\r\x7f\u009b'), text)
        done = subprocess.run([NEXPR, b'1 + \xff\xfe'], capture_output=True)
        self.assertEqual(done.returncode, 2)
        done.stderr.decode()


class Names(InFolder):
    def setUp(self):
        super().setUp()
        np.save('a.npy', np.array([1, 2]))
        np.save('b.npy', np.array([10, 20]))
        data = np.zeros(2, [('x', '>f8'), ('y', 'i4'), ('label', 'S4'), ('two words', 'u1'), ('e', 'f4')])
        data['x'], data['y'], data['two words'], data['e'] = [1.5, 2], [3, 4], [5, 6], [7, 8]
        np.save('table.npy', data)

    def test_inputs_bind(self):
        self.gives('12\n24\n', '2*a + b', '-i', 'a=a.npy', '-i', 'b=b.npy')
        self.gives('12\n24\n', '2*a + b', '-i', 'a=a.npy', '-i', 'b.npy')
        self.gives('2\n4\n', '2*anything', '-i', 'a.npy')
        self.gives('4.5\n8.0\n', 'x*y', '-i', 'table.npy')
        self.gives('5\n6\n', '`two words`', '-i', 'table.npy')
        self.gives('2\n4\n', '2*`two words`', '-i', '`two words`=a.npy')
        self.gives('7.0\n8.0\n', 'e*1', '-i', 'table.npy')
        self.gives('2.5\n4.0\n', 'x + a', '-i', 'table.npy', '-i', 'a.npy')

    def test_file_names_with_an_equals_sign(self):
        os.rename('a.npy', 'k=1.npy')
        self.gives('1\n2\n', 'v*1', '-i', './k=1.npy')
        self.gives('1\n2\n', 'v*1', '-i', 'v=k=1.npy')
        self.fails(1, 'v*1', '-i', 'k=1.npy', says='1.npy: cannot open')

    def test_sets_are_weak_literals(self):
        np.save('u.npy', np.array([1, 2], 'u1'))
        self.gives('4\n5\n', 'u + c', '-i', 'u.npy', '-s', 'c=3')
        self.fails(2, 'u + c', '-i', 'u.npy', '-s', 'c=300', says=('300 does not fit uint8', 'u + c'))
        self.gives('-3\n', 'c*1', '-s', 'c=-3')
        self.gives('9\n', 'c**2', '-s', 'c=-3')
        self.gives('1+2j\n', 'c', '-s', 'c=1+2j')
        self.gives('2\n', 'where(c, 2, 3)', '-s', 'c=True')
        self.gives('6\n', 'pi*2', '-s', 'pi=3')
        self.gives('8\n', '`my c`*2', '-s', '`my c`=4')
        for literal in ('x', '1)+(2', '1;2', '', '(', 'c', '=3', 'a.npy'):
            self.fails(2, 'c*1', '-s', 'c=' + literal, says='--set c')

    def test_errors_in_the_users_text_keep_their_place(self):
        message = self.fails(2, 'c + int8(1) + 300 * d', '-s', 'c=1', '-s', 'd=1', says='300')
        self.assertIn('\n  c + int8(1) + 300 * d\n', message)

    def test_binding_errors(self):
        for arguments, words in [
                (('a + b',), ('no value for a, b', '--input a=FILE or --set a=NUMBER')),
                (('`x y` + 1',), "--input '`x y`=FILE'"),
                (('a + b', '-i', 'a.npy'), ('a.npy could be any of a, b', 'write --input a=a.npy')),
                (('a + x', '-i', 'table.npy'), ('no value for a', 'table.npy has the fields x, y, label, `two words`, e')),
                (('a + b', '-i', 'a=a.npy', '-i', 'a=b.npy'), "name 'a' is bound twice: by a=a.npy and by a=b.npy"),
                (('a', '-i', 'a=a.npy', '-s', 'a=1'), "'a' is bound twice"),
                (('a', '-s', 'a=1', '-s', 'a=2'), "'a' is bound twice"),
                (('x', '-i', 'table.npy', '-i', 'x=a.npy'), "'x' is bound twice"),
                (('x', '-i', 'table.npy', '-i', './table.npy'), "'x' is bound twice"),
                (('a', '-i', 'a.npy', '-i', 'b.npy'), 'inputs a.npy and b.npy could both be a'),
                (('a', '-i', 'a=a.npy', '-i', 'b=b.npy'), "b=b.npy: the expression uses a, not 'b'"),
                (('a', '-i', 'a=a.npy', '-i', 'b.npy'), 'input b.npy gives no name that is used'),
                (('a', '-i', 'a=a.npy', '-i', 'table.npy'), 'input table.npy gives no name that is used: it has the fields'),
                (('a', '-i', 'a=a.npy', '-s', 'k=1'), "no name 'k'"),
                (('1', '-i', 'a.npy'), 'the expression uses no names'),
                (('e*2', '-i', 'a.npy'), 'gives no name that is used'),
                (('x', '-i', 'x=table.npy'), ('has the fields x, y', 'choose one, as in x=FILE:MEMBER')),
                (('x', '-i', 'table.npy:z'), "no member 'z'"),
                (('x', '-i', 'table.npy:'), "nothing behind the ':'")]:
            with self.subTest(arguments):
                self.fails(2, *arguments, says=words)

    def test_fields_without_a_dtype_of_nexpr(self):
        self.gives('3\n4\n', 'y', '-i', 'table.npy')
        self.fails(1, 'label', '-i', 'table.npy',
                   says="table.npy: field 'label' has dtype '|S4', which nexpr cannot compute with")

    def test_shapes_that_do_not_fit(self):
        np.save('c.npy', np.zeros((2, 3)))
        self.fails(1, 'a + c', '-i', 'a=a.npy', '-i', 'c=c.npy', says=('a has shape (2,)', 'c has shape (2, 3)'))


class Files(InFolder):
    def test_bad_inputs(self):
        os.mkdir('folder.npy')
        with open('text.npy', 'w') as file:
            file.write('1 2 3\n')
        os.symlink('loop.npy', 'loop.npy')
        for name, words in [('missing.npy', 'No such file or directory'), ('folder.npy', 'is a directory'),
                            ('text.npy', 'not a .npy file'), ('text.npy/x.npy', 'Not a directory'),
                            ('loop.npy', 'Too many levels'), ('', 'No such file')]:
            self.fails(1, 'x', '-i', 'x=' + name, says=words)
        if os.geteuid():
            np.save('secret.npy', np.zeros(2))
            os.chmod('secret.npy', 0)
            self.fails(1, 'x', '-i', 'secret.npy', says='secret.npy: cannot open: Permission denied')

    def test_output_is_numpys_file(self):
        for array in (np.arange(6).reshape(2, 3) * 1.5, np.asfortranarray(np.arange(6).reshape(2, 3) * 1.5),
                      np.array(2.5), np.zeros((0, 3)), np.array([True, False]), np.array([1 + 2j])):
            np.save('in.npy', array)
            np.save('wanted.npy', array * 2 if array.dtype != bool else array)
            text = 'x*2' if array.dtype != bool else 'x'
            self.gives('', text, '-i', 'in.npy', '-o', 'out.npy', '--force')
            with open('out.npy', 'rb') as out, open('wanted.npy', 'rb') as wanted:
                self.assertEqual(out.read(), wanted.read())

    def test_files_larger_than_the_limit(self):
        """Ten times as large: what the process needs grows with the limit, not with the files."""
        peaks = []
        for rows, limit in ((1, '8M'), (10_000_000, '8M')):
            x = np.lib.format.open_memmap('x.npy', 'w+', 'f8', (rows,))
            x[-1] = 3
            del x
            code = ('import resource, subprocess, sys; subprocess.run(sys.argv[1:], check=True);'
                    'print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss)')
            done = subprocess.run([sys.executable, '-c', code, NEXPR, '2*x', '-i', 'x.npy', '-o', 'y.npy', '--force',
                                   '--max-memory', limit, '--backend', 'vm'], check=True, capture_output=True, text=True)
            peaks.append(int(done.stdout)/1024)
            self.assertEqual(np.load('y.npy', mmap_mode='r')[-1], 6)
        self.assertLess(peaks[1] - peaks[0], 8 + 4)

    def test_existing_outputs(self):
        np.save('x.npy', np.array([1, 2]))
        np.save('old.npy', np.array([7]))
        os.chmod('old.npy', 0o640)
        self.fails(1, 'x', '-i', 'x.npy', '-o', 'old.npy', says=('old.npy: exists already', '--force'))
        self.assertEqual(np.load('old.npy').tolist(), [7])
        os.symlink('old.npy', 'link.npy')
        self.gives('', 'x', '-i', 'x.npy', '-o', 'link.npy', '--force')
        self.assertTrue(os.path.islink('link.npy'))
        self.assertEqual(np.load('old.npy').tolist(), [1, 2])
        self.assertEqual(stat.S_IMODE(os.stat('old.npy').st_mode), 0o640)
        self.gives('', '10*x', '-i', 'x.npy', '-o', 'x.npy', '--force')
        self.assertEqual(np.load('x.npy').tolist(), [10, 20])
        self.assertEqual(sorted(os.listdir()), ['link.npy', 'old.npy', 'x.npy'])

    def test_outputs_that_cannot_be_written(self):
        np.save('x.npy', np.arange(1000.0))
        self.fails(1, 'x', '-i', 'x.npy', '-o', '/dev/full', says='/dev/full: cannot write: No space left on device')
        self.fails(1, 'x', '-i', 'x.npy', '-o', 'no/y.npy', says='no/y.npy: cannot write: No such file or directory')
        self.fails(1, 'x', '-i', 'x.npy', '-o', 'y.txt', says='has to end in .npy')
        self.fails(1, 'x', '-i', 'x.npy', '-o', '.', '--force', says='is a directory')
        self.fails(2, 'x, x+1', '-i', 'x.npy', '-o', 'y.npy',
                   says=('a .npy file holds one array, but the expression has 2 results', '--output x=FILE --output r1=FILE'))
        self.fails(1, 'x', '-i', 'x.npy', '-o', 'y.npy', says='File too large',
                   preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (4096, 4096)))
        self.assertEqual(os.listdir(), ['x.npy'])

    def test_standard_output_that_cannot_be_written(self):
        np.save('x.npy', np.arange(100000.0))
        with open('/dev/full', 'w') as full:
            done = subprocess.run([NEXPR, 'x', '-i', 'x.npy'], stdout=full, stderr=subprocess.PIPE, text=True)
            self.assertEqual(done.returncode, 1)
            self.assertIn('cannot write to standard output: No space left on device', done.stderr)
            for arguments in (['1+1'], ['--help'], ['--ops'], ['-V']):
                done = subprocess.run([NEXPR, *arguments], stdout=full, stderr=subprocess.PIPE, text=True)
                self.assertEqual((done.returncode, 'No space left' in done.stderr), (1, True))
        done = subprocess.run([NEXPR, '1+1'], stderr=subprocess.PIPE, text=True, preexec_fn=lambda: os.close(1))
        self.assertEqual(done.returncode, 1)
        self.assertIn('cannot write to standard output', done.stderr)
        for restore, status in ((True, -signal.SIGPIPE), (False, 1)):
            process = subprocess.Popen([NEXPR, 'x', '-i', 'x.npy'], stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                                       restore_signals=restore)
            process.stdout.read(10)
            process.stdout.close()
            with process.stderr:
                self.assertEqual(process.stderr.read(), b'')
            self.assertEqual(process.wait(), status)

    def test_closed_standard_streams_are_not_taken_for_files(self):
        np.save('x.npy', np.arange(3.0))
        done = subprocess.run([NEXPR, '2*x', '-i', 'x.npy', '-o', 'y.npy'],
                              preexec_fn=lambda: [os.close(fd) for fd in range(3)])
        self.assertEqual(done.returncode, 0)
        self.assertEqual(np.load('y.npy').tolist(), [0, 2, 4])


class Signals(InFolder):
    def interrupt(self, number, arguments, start=lambda: None):
        process = subprocess.Popen([NEXPR, *arguments, '-o', 'out.npy'], stderr=subprocess.PIPE,
                                   preexec_fn=lambda: signal.signal(number, signal.SIG_DFL))  # nohup and & ignore some
        start()
        limit = time.monotonic() + 30
        while not os.path.exists('.out.npy.nexpr-tmp'):
            self.assertIsNone(process.poll())
            self.assertLess(time.monotonic(), limit)
            time.sleep(0.001)
        process.send_signal(number)
        with process.stderr:
            self.assertEqual(process.stderr.read(), b'')
        self.assertEqual(process.wait(timeout=30), -number)
        self.assertNotIn('out.npy', os.listdir())
        self.assertNotIn('.out.npy.nexpr-tmp', os.listdir())

    def test_while_reading(self):
        np.save('x.npy', np.zeros(10000))
        with open('x.npy', 'rb') as file:
            header = file.read(128)
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            os.mkfifo('pipe')
            ends = []

            def start():  # more than what formats are recognised by
                ends.append(open('pipe', 'wb', buffering=0))
                ends[0].write(header + bytes(10000))
            self.interrupt(number, ['x', '-i', 'pipe'], start)
            ends[0].close()
            os.remove('pipe')

    def test_while_computing(self):
        np.save('x.npy', np.linspace(1, 2, 3_000_000))
        text = 'lgamma(' * 500 + 'x' + ')' * 500
        begin = time.monotonic()
        self.interrupt(signal.SIGINT, [text, '-i', 'x.npy', '--threads', '1'])
        self.assertLess(time.monotonic() - begin, 4)  # the whole takes longer

    def test_a_killed_run_leaves_what_the_next_removes(self):
        np.save('x.npy', np.zeros(100))
        with open('.out.npy.nexpr-tmp', 'w') as file:
            file.write('torn')
        self.gives('', 'x', '-i', 'x.npy', '-o', 'out.npy')
        self.assertEqual(sorted(os.listdir()), ['out.npy', 'x.npy'])


class Inputs(InFolder):
    def setUp(self):
        super().setUp()
        np.savez('pair.npz', x=np.array([1, 2]), y=np.array([0.5, 1.5]))
        np.savez_compressed('one.npz', np.array([3, 4]))
        np.array([[1, 2, 3], [4, 5, 6]], '>f4').tofile('dump.bin')
        with open('table.csv', 'w', encoding='utf-8') as file:
            file.write('id,price,unit price,label\n1,2.5,3,a\n2,,4,b\n')

    def test_raw_files_are_declared(self):
        for text in ('f4,>,2x3', '>f4,2x3', 'float32,big,2x3', '>f4,?x3', 'raw,float32,2x3,>', '>f4,2x?', 'f4,offset=0,2x3,>'):
            self.gives('2.0 4.0 6.0\n8.0 10.0 12.0\n', 'x*2', '-i', 'x=dump.bin:' + text)
        self.gives('1.0 4.0\n2.0 5.0\n3.0 6.0\n', 'x', '-i', 'dump.bin:>f4,3x2,fortran')
        self.gives('5.0\n6.0\n', 'x', '-i', 'dump.bin:>f4,offset=16')
        self.gives('6\n', 'x - 0x40c00000 + 6', '-i', 'dump.bin:>u4,offset=20')
        os.rename('dump.bin', 'dump')
        self.gives('1.0\n2.0\n3.0\n4.0\n5.0\n6.0\n', 'x', '-i', 'dump:>f4')

    def test_bad_declarations(self):
        for text, words in [('f5,>', "'f5' is no type"), ('f4,2y3', "'2y3' is no byte order, shape"), ('f4,2x3,6', 'two shapes'),
                            ('f4,<,>', 'two byte orders'), ('f4,2x', "'2x' is no"), ('f4,offset=', "'offset=' is no"),
                            ('f4,-2', "'-2' is no"), ('raw', "'' is no type"), ('f4,99999999999999999999', 'is no byte order')]:
            with self.subTest(text):
                self.fails(2, 'x', '-i', 'x=dump.bin:' + text, says=[words, 'dump.bin:float32,little,1000x2000'])
        self.fails(1, 'x', '-i', 'x=dump.bin', says=('dump.bin: ', 'such as dump.bin:float32,little,1000x2000'))
        self.fails(1, 'x', '-i', 'x=dump.bin:f4,5', says='dump.bin: ')
        self.fails(1, 'x', '-i', 'x=dump.bin:f4,?x5', says='dump.bin: ')

    def test_members(self):
        self.gives('1.5\n3.5\n', 'x + y', '-i', 'pair.npz')
        self.gives('2\n4\n', '2*a', '-i', 'a=pair.npz:x')
        self.gives('2\n4\n', '2*a', '-i', 'pair.npz:x')
        self.gives('1.5\n3.5\n', 'a + b', '-i', 'a=pair.npz:x', '-i', 'b=pair.npz:y')
        self.gives('6\n8\n', '2*a', '-i', 'one.npz')
        self.gives('6\n8\n', '2*arr_0', '-i', 'one.npz')
        self.gives('3.0\n4.0\n', '`unit price`*1.0', '-i', 'table.csv:unit price')
        self.fails(2, '2*a', '-i', 'a=pair.npz', says=('has the arrays x, y', 'a=FILE:MEMBER'))
        self.fails(2, '2*a', '-i', 'a=pair.npz:z', says="pair.npz: there is no member 'z'")
        self.fails(2, '2*a', '-i', 'table.csv', says='has the columns id, price, `unit price`, label')
        self.fails(1, 'label', '-i', 'table.csv', says='table.csv')

    def test_a_file_of_the_whole_name_is_not_split(self):
        np.save('x.npy', np.array([7]))
        os.rename('x.npy', 'pair.npz:x')
        self.gives('7\n', 'a', '-i', 'a=pair.npz:x')
        self.gives('7\n', 'a', '-i', 'pair.npz:x')
        os.rename('pair.npz', 'b:c.npz')
        self.gives('1\n2\n', 'a', '-i', 'a=b:c.npz:x')
        self.fails(1, 'a', '-i', 'a=missing.npz:x', says='missing.npz:x: cannot open: No such file')

    def test_members_with_names_of_formats(self):
        np.savez('odd.npz', f4=np.array([1]), raw=np.array([2]), csv=np.array([3]))
        for name, value in (('f4', 1), ('raw', 2), ('csv', 3)):
            self.gives(f'{value}\n', 'x', '-i', 'x=odd.npz:' + name)
        os.rename('odd.npz', 'odd')
        self.gives('1\n', 'x', '-i', 'x=odd:f4')

    def test_formats_by_hand(self):
        os.rename('table.csv', 'table.data')
        self.gives('1\n2\n', 'id', '-i', 'table.data:csv')
        self.gives('1\n2\n', 'k', '-i', 'k=table.data:csv:id')
        with open('tabs', 'w', encoding='utf-8') as file:
            file.write('a\tb\n1\t2\n')
        self.gives('3\n', 'a + b', '-i', 'tabs:tsv')
        self.fails(2, 'x', '-i', 'x=table.data:csv,id', says='nothing but a :MEMBER')

    def test_types_of_columns(self):
        self.gives('2.5\nnan\n', 'price', '-i', 'table.csv')
        self.gives('1.0\n2.0\n', 'id', '-i', 'table.csv', '--type', 'id=float32')
        self.gives('0.75\n1.0\n', '`unit price`/4', '-i', 'table.csv', '--type', '`unit price`=float16')
        with open('table.csv', encoding='utf-8') as file:
            self.gives('0.5\n1.0\n', 'id/2', '-i', '-:csv', '--type', 'id=float32', stdin=file)
        with open('more.csv', 'w', encoding='utf-8') as file:
            file.write('w\n8\n9\n')
        self.gives('9.0\n11.0\n', 'id + w', '-i', 'table.csv', '-i', 'more.csv', '--type', 'w=float32', '--type', 'id=int8')
        for arguments, words in [(('x=int8',), 'no input is a table with such a column'), (('id=int',), "'int' is no dtype"),
                                 (('id=int8', '--type', 'id=int16'), 'says twice')]:
            self.fails(2, 'id', '-i', 'table.csv', '--type', *arguments, says=words)
        self.fails(1, 'price', '-i', 'table.csv', '--type', 'price=int64', says='table.csv:2: column "price": "2.5" is no int64')

    def test_pipes(self):
        for name, argument, text, wanted in [('pair.npz', '-', 'x + y', '1.5\n3.5\n'), ('pair.npz', 'k=-:x', 'k', '1\n2\n'),
                                             ('dump.bin', 'k=-:>f4,6', 'k*0', '0.0\n' * 6),
                                             ('table.csv', '-:csv', 'id', '1\n2\n')]:
            with open(name, 'rb') as file:
                process = subprocess.run([NEXPR, text, '-i', argument], input=file.read(), capture_output=True)
                self.assertEqual((process.returncode, process.stdout.decode(), process.stderr), (0, wanted, b''))
        with open('pair.npz', 'rb') as file:
            process = subprocess.run([NEXPR, 'a + b', '-i', 'a=-:x', '-i', 'b=-:y'], input=file.read(), capture_output=True)
        self.assertEqual((process.stdout, process.stderr), (b'1.5\n3.5\n', b''))
        with open('program', 'w+', encoding='utf-8') as file:
            file.write('a*2')
            file.seek(0)
            self.fails(2, '-f', '-', '-i', 'a=-', says='both read standard input', stdin=file)
        self.fails(2, 'a + b', '-i', 'a=-:f4', '-i', 'b=-:f8', says='say different things of standard input')


class Outputs(InFolder):
    def setUp(self):
        super().setUp()
        np.savez('in.npz', a=np.array([1, 2]), b=np.array([0.5, 1.5]))

    def test_several_results(self):
        self.gives('', 's = a + b; s, a*2', '-i', 'in.npz', '-o', 'out.npz')
        with np.load('out.npz') as out:
            self.assertEqual({name: out[name].tolist() for name in out.files}, {'s': [1.5, 3.5], 'r1': [2, 4]})
        self.gives('', 's = a + b; s, a*2', '-i', 'in.npz', '-o', 'out.csv')
        with open('out.csv', newline='', encoding='utf-8') as file:
            self.assertEqual(file.read().split(), ['s,r1', '1.5,2', '3.5,4'])
        self.gives('', 's = a + b; s, a*2, b', '-i', 'in.npz', '-o', 'r1=one.npy', '-o', 'rest.npz', '-o', 's=s.bin')
        self.assertEqual(np.load('one.npy').tolist(), [2, 4])
        self.assertEqual(np.fromfile('s.bin').tolist(), [1.5, 3.5])
        self.assertEqual(np.load('rest.npz').files, ['b'])
        self.gives('', 'a, b', '-i', 'in.npz', '-o', 'a=both.npz', '-o', 'b=both.npz')
        self.assertEqual(np.load('both.npz').files, ['a', 'b'])
        self.gives('', 'a, a', '-i', 'in.npz', '-o', 'a=1.npy', '-o', 'a=2.npy')
        self.assertEqual(np.load('1.npy').tolist(), np.load('2.npy').tolist())

    def test_nonsense(self):
        for arguments, words in [
                (('x.npy',), ('x.npy: a .npy file holds one array, but the expression has 2', '--output a=FILE --output r1=FILE')),
                (('x.bin',), 'a .raw file holds one array'), (('a=x.npy',), ('result r1 goes nowhere', '--output r1=FILE')),
                (('c=x.npy',), ('no such result', 'gives a, r1')), (('x.npz', '-o', 'y.npz'), 'both take all results'),
                (('a=x.npy', '-o', 'a=y.npy'), 'another --output already'),
                (('a=x.npy', '-o', 'r1=y.npy', '-o', 'z.npz'), 'every result has another --output'),
                (('a=x.npz', '-o', 'r1=x.npz:csv'), 'in two formats')]:
            with self.subTest(arguments):
                self.fails(2, 'a, b + 1', '-i', 'in.npz', '-o', *arguments, says=words)
        self.assertEqual(os.listdir(), ['in.npz'])
        self.assertIn('is a terminal', run_on_terminal('a', '-i', 'in.npz', '-o', '-')[2])

    def test_standard_output(self):
        done = subprocess.run([NEXPR, 'a*2', '-i', 'in.npz', '-o', '-'], capture_output=True)
        np.save('wanted.npy', np.array([2, 4]))
        with open('wanted.npy', 'rb') as file:
            self.assertEqual((done.stdout, done.stderr), (file.read(), b''))
        self.gives('a,r1\n1,1.0\n2,3.0\n', 'a, b*2', '-i', 'in.npz', '-o', '-:csv')
        self.assertEqual(subprocess.run([NEXPR, 'int16(a)', '-i', 'in.npz', '-o', '-:raw'], capture_output=True).stdout,
                         b'\1\0\2\0')
        done = subprocess.run(['sh', '-c', '"$0" a*2 -i in.npz -o - | "$0" x+1 -i x=-', NEXPR], capture_output=True)
        self.assertEqual((done.stdout, done.stderr), (b'3\n5\n', b''))

    def test_a_file_that_cannot_be_written_leaves_the_others_unwritten(self):
        np.save('y.npy', np.array([7]))
        self.fails(1, 'a, b', '-i', 'in.npz', '-o', 'a=x.npy', '-o', 'b=y.npy', says='y.npy: exists already')
        self.assertEqual(sorted(os.listdir()), ['in.npz', 'y.npy'])


class Telling(InFolder):
    def setUp(self):
        super().setUp()
        np.savez('in.npz', a=np.zeros((3, 4), 'f4'), b=np.zeros(4))
        with open('p.nexpr', 'w', encoding='utf-8') as file:
            file.write('# Whatever else is said\n# name: A small program\n# inputs:\n#   a: the first\n#   b:the second\n'
                       '# a remark\nsum = a + b*k  # more\n# inputs:\n#   k: too late\n')

    def test_dry_run(self):
        before = os.stat('.').st_mtime_ns
        lines = run('-f', 'p.nexpr', '-i', 'in.npz', '-s', 'k=2', '-o', 'out.npy', '-n').stdout.splitlines()
        self.assertEqual(os.stat('.').st_mtime_ns, before)  # not even a temporary
        self.assertEqual(lines[:-1], ['A small program', 'inputs', '  k    2', '  a    float32 (3, 4)  in.npz:a', '       the first',
                                      '  b    float64 (4,)  in.npz:b', '       the second', 'results',
                                      '  sum  float64 (3, 4)  out.npy'])
        self.assertRegex(lines[-1], r'^reads \d+ bytes, writes 224 bytes')
        self.assertEqual(sorted(os.listdir()), ['in.npz', 'p.nexpr'])
        lines = run('1 + 1', '--dry-run').stdout.splitlines()
        self.assertEqual(lines[:2], ['results', '  r0  int64 ()  printed'])
        self.assertTrue(lines[2].startswith('reads nothing, writes nothing'))

    def test_lengths_that_depend_on_data(self):
        np.save('c.npy', np.array([1., -2., 3.]))
        lines = run('c[c > 0]', '-i', 'c.npy', '-o', 'out.npy', '-n').stdout.splitlines()
        self.assertIn('  r0  float64 (?,) unknown until run  out.npy', lines)
        self.assertIn('writes as much as is selected', lines[-1])
        told = json.loads(run('c[c > 0]', '-i', 'c.npy', '-n', '--json').stdout)['results'][0]
        self.assertEqual((told['shape'], told['bytes']), ([None], None))
        self.gives('1.0\n3.0\n', 'c[c > 0]', '-i', 'c.npy')
        self.assertEqual(run_on_terminal('c[c > 0]', '-i', 'c.npy')[1].split(), ['[1.', '3.]'])
        self.gives('', 'c[c > 5]', '-i', 'c.npy')
        self.gives('3.0\n', 'max(c[c > 0])', '-i', 'c.npy')
        run('c*prod(c[c > 0])', '-i', 'c.npy', '-o', 'out.npy', '--force')
        self.assertEqual(np.load('out.npy').tolist(), [3, -6, 9])
        done = run('c[c > 0]', '-i', 'c.npy', '-o', 'out.csv', '--json')
        self.assertEqual(json.loads(done.stdout)['results'][0]['shape'], [2])

    def test_passes(self):
        np.save('d.npy', np.zeros(100000))
        done = run('d - min(d)', '-i', 'd.npy', '-o', 'out.npy', '-n', '--max-memory', '300K')
        self.assertRegex(done.stdout.splitlines()[-1], r'^reads 1\.5\d* MiB, writes 78\d KiB, in 2 passes, in \d+ pieces')

    def test_a_dry_run_finds_what_a_run_would(self):
        self.fails(2, 'a +', '-n')
        self.fails(1, 'a + c', '-i', 'in.npz', '-i', 'c=missing.npy', '-n', says='missing.npy: cannot open')
        open('out.npy', 'w', encoding='utf-8').close()
        self.fails(1, 'a', '-i', 'in.npz', '-o', 'out.npy', '-n', says='out.npy: exists already')
        self.fails(1, 'a', '-i', 'in.npz', '-o', 'no/out.npy', '-n', says='no/out.npy: ')
        np.save('c.npy', np.zeros(5))
        self.fails(1, 'a + c', '-i', 'in.npz', '-i', 'c.npy', '-n', says=('a has shape (3, 4)', 'c has shape (5,)'))

    def test_documentation_of_what_is_missing(self):
        done = run('-f', 'p.nexpr', '-s', 'k=2', '-n')
        self.assertEqual((done.returncode, done.stdout), (2, 'A small program\ninputs\n  a: the first\n  b: the second\n'))
        self.assertEqual(done.stderr.splitlines()[-2:], ['nexpr: a: the first', 'nexpr: b: the second'])

    def test_json(self):
        done = run('-f', 'p.nexpr', '-i', 'in.npz', '-s', 'k=2', '-o', 'out.npy', '-n', '--json')
        told = json.loads(done.stdout)
        self.assertEqual(done.stdout.count('\n'), 1)
        self.assertEqual((told['dry_run'], told['title'], told['bytes_written']), (True, 'A small program', 224))
        self.assertNotIn('seconds', told)
        self.assertEqual(told['inputs'][0], {'name': 'k', 'literal': '2'})
        self.assertEqual(told['inputs'][1], {'name': 'a', 'about': 'the first', 'file': 'in.npz', 'format': 'npz', 'member': 'a',
                                             'dtype': 'float32', 'shape': [3, 4], 'bytes': told['inputs'][1]['bytes']})
        self.assertEqual(told['results'], [{'name': 'sum', 'file': 'out.npy', 'format': 'npy', 'member': None,
                                            'dtype': 'float64', 'shape': [3, 4], 'bytes': 96}])
        done = run('-f', 'p.nexpr', '-i', 'in.npz', '-s', 'k=2', '-o', 'out.npy', '--json')
        told = json.loads(done.stdout)
        self.assertEqual((told['dry_run'], done.stderr), (False, ''))
        self.assertGreater(told['seconds'], 0)
        done = run('a*0', '-i', 'in.npz', '--json')
        self.assertEqual(done.stdout, '0.0 0.0 0.0 0.0\n' * 3)
        self.assertEqual(json.loads(done.stderr)['results'][0]['file'], None)
        done = run('b', '-i', 'in.npz', '-o', '-:csv', '--json')
        self.assertEqual((done.stdout.splitlines()[0], json.loads(done.stderr)['results'][0]['format']), ('b', 'csv'))

    def test_sizes(self):
        np.save('x.npy', np.zeros(1_000_000))
        told = [json.loads(run('x', '-i', 'x.npy', '-o', 'y.npy', '-n', '--json', '--max-memory', size).stdout)
                for size in ('64K', '65536', '64kib', '64KB', '65536b', '64000')]
        pieces = [one['pieces'] for one in told]
        self.assertEqual(pieces[:5], pieces[:1] * 5)
        self.assertGreater(pieces[5], pieces[0])
        for one in told:
            self.assertLessEqual(one['buffer_bytes'], 65536)

    def test_json_of_odd_names(self):
        name = b'quo"te\\\n\xff\xc3\xa9.npy'
        np.save('x.npy', np.zeros(2))
        os.rename(b'x.npy', name)
        done = subprocess.run([NEXPR, 'x', '-i', b'x=' + name, '-n', '--json'], capture_output=True)
        self.assertEqual(json.loads(done.stdout)['inputs'][0]['file'], 'quo"te\\\n\ufffd\xe9.npy')


class Terminal(InFolder):
    slow = 'lgamma(' * 100 + 'x' + ')' * 100

    def setUp(self):
        super().setUp()
        np.save('x.npy', np.linspace(1, 2, 1_000_000))

    def work(self, *arguments, **options):
        return run_before_terminal(self.slow, '-i', 'x.npy', '-o', 'out.npy', '--force', '--threads', '1', '--max-memory', '1M',
                                   *arguments, **options)

    def test_progress_and_summary(self):
        status, output, errors = self.work(columns=60)
        self.assertEqual((status, output), (0, ''))
        *bars, last = errors.split('\r')
        self.assertGreater(len(bars), 2)
        for bar in bars[1:]:
            self.assertRegex(bar, r'^ *\d+% \[#* *\] \d[\d.]* ([KMG]iB|bytes)/s, \d+:\d\d left\033\[K$')
            self.assertLess(len(bar), 60 + len('\033[K'))
        done = [int(bar.split('%')[0]) for bar in bars[1:]]
        self.assertEqual(done, sorted(done))
        self.assertRegex(last, r'^\033\[Knexpr: read 7\.63 MiB, wrote 7\.63 MiB to out\.npy in \d+\.\d\d s, [\d.]+ [KMG]iB/s\n$')

    def test_quiet(self):
        self.assertEqual(self.work('-q'), (0, '', ''))

    def test_no_bar_in_a_pipe(self):
        done = run(self.slow, '-i', 'x.npy', '-o', 'out.npy', '--threads', '1', '--max-memory', '1M')
        self.assertEqual((done.returncode, done.stdout, done.stderr), (0, '', ''))

    def test_no_bar_for_short_work(self):
        status, output, errors = run_before_terminal('2*x', '-i', 'x.npy', '-o', 'out.npy')
        self.assertEqual((status, output), (0, ''))
        self.assertNotIn('\r', errors)
        self.assertRegex(errors, r'^nexpr: read 7\.63 MiB, wrote .* to out\.npy in')
        self.assertEqual(run_before_terminal('1 + 1'), (0, '2\n', ''))

    def test_colours(self):
        coloured = '\033[1mnexpr: \033[0m\033[1;31merror: \033[0m'
        self.assertTrue(run_before_terminal('1 +')[2].startswith(coloured))
        self.assertIn('\033[1;32m^^^\033[0m\n', run_before_terminal('1 + foo')[2])
        for environment in ({'NO_COLOR': '1'}, {'TERM': 'dumb'}):
            self.assertTrue(run_before_terminal('1 +', **environment)[2].startswith('nexpr: error: '))
        self.assertNotIn('\033', run('1 +', env={**os.environ, 'TERM': 'xterm', 'NO_COLOR': ''}).stderr)
        self.assertNotIn('\033', run_on_terminal('1 +')[2])

    def test_an_error_erases_the_bar(self):
        master, slave = pty.openpty()
        process = subprocess.Popen([NEXPR, self.slow, '-i', 'x.npy', '-o', 'out.npy', '--threads', '1', '--max-memory', '1M'],
                                   stderr=slave, stdin=subprocess.DEVNULL)
        os.close(slave)
        seen = b''
        while b'left' not in seen:
            seen += os.read(master, 1000)
        process.send_signal(signal.SIGTERM)
        self.assertTrue((seen + read_terminal(master).encode()).endswith(b'\r\033[K'))
        self.assertEqual(process.wait(), -signal.SIGTERM)
        self.assertEqual(os.listdir(), ['x.npy'])


class Printing(InFolder):
    random = np.random.default_rng(11)

    def values(self, n, dtype):
        kind = self.random.integers(0, 7)
        if kind == 0:
            return np.frombuffer(self.random.bytes(n * dtype.itemsize), dtype)
        with np.errstate(all='ignore'):
            return np.asarray([
                lambda: self.random.standard_normal(n), lambda: self.random.integers(-5, 100, n),
                lambda: self.random.integers(-1000, 1000, n) / self.random.choice([2.0, 4, 10, 1000]),
                lambda: 10.0 ** self.random.integers(-5, 17, n) * self.random.choice([1, -1, 1.5, 0.1], n),
                lambda: self.random.choice([np.nan, np.inf, -np.inf, 0.0, -0.0, 1.0, 1e-5, 123456, 0.1], n),
                lambda: self.random.choice([5e-324, 1e-40, 65504, 0.0001, 99999999, 1e8, 1e16, 999999.9, 999.5], n),
            ][kind - 1]()).astype(dtype)

    def array(self):
        shape = tuple(int(self.random.choice([1, 2, 3, 5, 8, 30])) for _ in range(self.random.integers(0, 5)))
        if self.random.random() < 0.15:
            shape = (int(self.random.choice([0, 7, 1000, 1001, 4000])), *shape[:1])
        dtype = np.dtype(str(self.random.choice(['?', 'i1', 'u2', 'i4', 'i8', 'u8', 'f2', 'f4', 'f8', 'f8', 'c8', 'c16'])))
        n = int(np.prod(shape))
        if dtype.kind == 'b':
            return self.random.integers(0, 2, shape).astype(bool)
        if dtype.kind in 'iu':
            return np.frombuffer(self.random.bytes(n * dtype.itemsize), dtype).reshape(shape)
        if dtype.kind == 'f':
            return self.values(n, dtype).reshape(shape)
        part = np.dtype(f'f{dtype.itemsize // 2}')
        array = np.empty(n, dtype)
        array.real, array.imag = self.values(n, part), self.values(n, part)
        return array.reshape(shape)

    def test_terminal_shows_what_numpy_shows(self):
        for i in range(250):
            array = self.array()
            np.save('x.npy', array)
            status, output, errors = run_on_terminal('x', '-i', 'x.npy')
            self.assertEqual((status, errors), (0, ''))
            self.assertEqual(output, str(array) + '\n', f'{array.dtype} {array.shape}')
            precision = int(self.random.choice([0, 3, 12]))
            if array.ndim and i % 3 == 0:
                with np.printoptions(precision=precision):
                    output = run_on_terminal('x', '-i', 'x.npy', '--precision', str(precision))[1]
                    self.assertEqual(output, str(array) + '\n')

    def test_pipe_carries_every_element_exactly(self):
        read = {'b': lambda w: w == 'True', 'i': int, 'u': int, 'f': float, 'c': complex}
        for _ in range(120):
            array = self.array()
            np.save('x.npy', array)
            output = run('x', '-i', 'x.npy').stdout
            rows = [[read[array.dtype.kind](word) for word in line.split()] for line in output.splitlines()]
            with np.errstate(all='ignore'):
                got = np.array([x for row in rows for x in row], object).astype(array.dtype).reshape(array.shape)
            np.testing.assert_array_equal(got, array)
            if array.ndim > 1 and array.size:
                self.assertEqual(len(rows), array.size // array.shape[-1])
                self.assertEqual(set(map(len, rows)), {array.shape[-1]})

    def test_several_results(self):
        np.save('a.npy', np.array([1, 2]))
        self.assertEqual(run_on_terminal('a + 1, a, a*0.5', '-i', 'a.npy')[1],
                         'r0 =\n[2 3]\na =\n[1 2]\nr2 =\n[0.5 1. ]\n')
        self.gives('2\n3\n\n1\n2\n', 'a + 1, a', '-i', 'a.npy')
        self.assertEqual(run_on_terminal('s = 2; s*1.5, s')[1], 'r0 = 3.0\ns = 2\n')

    def test_without_input(self):
        self.gives('2\n', '1+1')
        self.assertEqual(run_on_terminal('1+1'), (0, '2\n', ''))
        self.assertEqual(run_on_terminal('1/3')[1], '0.3333333333333333\n')
        self.assertEqual(run_on_terminal('1/3', '--precision', '3')[1], '0.333\n')


class Backends(InFolder):
    """Nothing that is compiled here is kept."""

    def explain(self, *arguments):
        done = run(*arguments, env={**os.environ, 'XDG_CACHE_HOME': os.devnull})
        self.assertEqual(done.returncode, 0, done.stderr)
        return done.stdout, done.stderr

    def test_all_give_the_same(self):
        for backend in ('auto', 'vm', 'jit'):
            self.assertEqual(self.explain('2*arange(3.) + 1', '--backend', backend), ('1.0\n3.0\n5.0\n', ''))
        self.fails(2, '1', '--backend', 'fast', says="--backend is auto, vm or jit, not 'fast'")

    def test_explain(self):
        output, told = self.explain('2*arange(9.)', '--explain', '--backend', 'vm')
        self.assertEqual(output.count('\n'), 9)
        for text in ('nest 1 of 1, elementwise: 9 elements', 'ran: 1 task on the VM, 0 as machine code', 'the backend is vm'):
            self.assertIn(text, told)
        self.assertIn('reducing: 1000 elements', self.explain('sum(arange(1000.)*3)', '--explain')[1])

    def test_code_is_shown(self):
        for option, heading, word in (('--ir', 'IR', 'define'), ('--asm', 'assembly', 'nexpr_segment:')):
            output, told = self.explain('2*arange(9.)', option)
            self.assertEqual(output.count('\n'), 9)
            if 'refused' not in told:  # built without the JIT, or on a machine without AVX2
                self.assertIn('ran: 0 tasks on the VM, 1 as machine code', told)
                self.assertIn(f'segment 1, {heading}:', told)
                self.assertIn(word, told)


class Checks(InFolder):
    """--check. What is found is check_test.py's matter."""

    def setUp(self):
        super().setUp()
        np.save('x.npy', np.arange(12.0).reshape(3, 4) - 5)

    def test_findings_are_told_with_their_place(self):
        done = run('1/x + sqrt(x)', '-i', 'x.npy', '--check')
        self.assertEqual(done.returncode, 0)
        self.assertEqual(len(done.stdout.splitlines()), 3)
        self.assertIn('check: division by zero, divide as float64: in 1 of 12 elements, first at [1, 1]\n'
                      '  1/x + sqrt(x)\n  ^^^\n', done.stderr)
        self.assertIn('check: outside the domain, sqrt as float64: in 5 of 12 elements, first at [0, 0]\n'
                      '  1/x + sqrt(x)\n        ^^^^^^^\n', done.stderr)

    def test_nothing_is_told_where_nothing_is(self):
        done = run('x*2 + 1', '-i', 'x.npy', '--check=error')
        self.assertEqual((done.returncode, done.stderr), (0, ''))

    def test_an_error_leaves_the_old_output(self):
        for text, wanted in (('1/x', b'old'), ('1/(x + 0.5)', None)):
            with open('y.npy', 'wb') as file:
                file.write(b'old')
            done = run(text, '-i', 'x.npy', '-o', 'y.npy', '--force', '--check=error')
            self.assertEqual(done.returncode, 1 if wanted else 0, done.stderr)
            with open('y.npy', 'rb') as file:
                self.assertEqual(file.read() == b'old', wanted is not None)
            self.assertEqual(sorted(os.listdir('.')), ['x.npy', 'y.npy'])

    def test_piece_by_piece(self):
        x = np.ones(1 << 20)
        x[777_777:] = 0
        np.save('x.npy', x)
        done = run('log(x)', '-i', 'x.npy', '-o', 'y.npy', '--check', '--max-memory', '1M', '--json')
        told = json.loads(done.stdout)
        self.assertGreater(told['pieces'], 4)
        self.assertEqual(told['checks'], [{'kind': 'division by zero', 'operation': 'log', 'dtype': 'float64', 'text': 'log(x)',
                                           'count': x.size - 777_777, 'first': 777_777}])

    def test_lengths_that_depend_on_data(self):
        done = run('1/x[x == 0]', '-i', 'x.npy', '--check')
        self.assertIn('check: division by zero, divide as float64: in 1 elements, first at 0\n', done.stderr)

    def test_misuse(self):
        for arguments, message in ((['--check=foo'], "--check stands alone or is --check=error, not 'foo'"),
                                   (['--check', '--time'], 'choose one'),
                                   (['--check', '--dry-run'], '--check tells what was computed')):
            done = run('x', '-i', 'x.npy', *arguments)
            self.assertEqual(done.returncode, 2)
            self.assertIn(message, done.stderr)


if __name__ == '__main__':
    unittest.main()
