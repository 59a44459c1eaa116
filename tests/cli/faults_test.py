# SPDX-License-Identifier: MIT
"""Every call to the system fails in turn, over what the command does: faults_test.py NEXPR FAIL_CALLS. Whatever fails, an
output is the old file or the complete new one, nothing else is left, and the error is one message that says what the system
said. fail_calls.c makes the calls fail."""
import errno
import os
import shutil
import subprocess
import sys
import tempfile
import unittest

try:
    import numpy as np
except ImportError:
    sys.exit(77)

NEXPR, FAIL_CALLS = map(os.path.abspath, sys.argv[1:3])
del sys.argv[1:]
SHARED = '/dev/shm' if os.access('/dev/shm', os.W_OK) else None  # no disk to wait for


class Scenario:
    """Arguments, the outputs that have to come out, and what stands there before."""

    def __init__(self, name, *arguments, outputs=(), old=(), stdin=None, stale=()):
        self.name, self.arguments, self.outputs, self.old = name, arguments, outputs, old
        self.stdin, self.stale = stdin, stale

    def prepare(self, data):
        for file in os.listdir('.'):
            os.remove(file)
        for file in os.listdir(data):
            if file.startswith('in.'):
                shutil.copyfile(f'{data}/{file}', file)
        for file in self.old:
            with open(file, 'wb') as out:
                out.write(b'old')
        for file in self.stale:
            with open(f'.{file}.nexpr-tmp', 'wb') as out:
                out.write(b'torn')

    def run(self, **environment):
        stdin = open(self.stdin, 'rb') if self.stdin else subprocess.DEVNULL
        try:
            return subprocess.run([NEXPR, *self.arguments], stdin=stdin, capture_output=True, timeout=60,
                                  env={**os.environ, 'LD_PRELOAD': FAIL_CALLS, **environment})
        finally:
            if self.stdin:
                stdin.close()


SCENARIOS = [
    Scenario('npy', '2*a', '-i', 'a=in.npy', '-o', 'out.npy', outputs=['out.npy']),
    Scenario('replace', '2*a', '-i', 'a=in.npy', '-o', 'out.npy', '--force', outputs=['out.npy'], old=['out.npy']),
    Scenario('in place', '2*a', '-i', 'a=in.npy', '-o', 'in.npy', '--force', '--no-fsync', outputs=['in.npy']),
    Scenario('pieces', '2*a + x', '-i', 'a=in.npy', '-i', 'in.npz', '-o', 'out.npy', '--max-memory', '4K', outputs=['out.npy']),
    Scenario('npz', 's = x + y; s, s*y', '-i', 'in.npz', '-o', 'out.npz', outputs=['out.npz']),
    Scenario('csv', 'sum = p + q; sum, p', '-i', 'in.csv', '-o', 'out.csv', outputs=['out.csv']),
    Scenario('raw', 'v*2', '-i', 'v=in.bin:f4,<,40x50', '-o', 'out.bin', '--threads', '1', outputs=['out.bin']),
    Scenario('two files', 'p, q', '-i', 'in.csv', '-o', 'p=p.npy', '-o', 'q=q.csv', outputs=['p.npy', 'q.csv']),
    Scenario('pipes', 'x*2', '-i', 'x=-', '-o', '-', stdin='in.npy'),
    Scenario('a pipe with an archive', 'x*2', '-i', '-', '-o', 'out.npy', stdin='in.npz', outputs=['out.npy']),
    Scenario('printed', 'p - q', '-i', 'in.csv'),
    Scenario('program', '-f', 'in.nexpr', '-i', 'in.csv', '-o', 'out.tsv', outputs=['out.tsv']),
    Scenario('dry run', 'x + y', '-i', 'in.npz', '-o', 'out.npy', '--dry-run', '--json'),
    Scenario('stale', '2*a', '-i', 'a=in.npy', '-o', 'out.npy', outputs=['out.npy'], stale=['out.npy']),
]


def read(path):
    try:
        with open(path, 'rb') as file:
            return file.read()
    except FileNotFoundError:
        return None


class Faults(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        folders = [tempfile.TemporaryDirectory(dir=SHARED) for _ in range(2)]
        for folder in folders:
            cls.addClassCleanup(folder.cleanup)
        cls.addClassCleanup(os.chdir, os.getcwd())
        cls.data = folders[0].name
        os.chdir(cls.data)
        n = 2000
        np.save('in.npy', np.arange(n, dtype='f8'))
        np.savez_compressed('in.npz', x=np.arange(n, dtype='f8'), y=np.ones(n, 'f4'))
        np.arange(n, dtype='f4').tofile('in.bin')
        with open('in.csv', 'w', encoding='utf-8') as file:
            file.write('p,q\n' + ''.join(f'{i},{i/8}\n' for i in range(n)))
        with open('in.nexpr', 'w', encoding='utf-8') as file:
            file.write('# name: difference\nd = p - q\n')
        os.chdir(folders[1].name)

    def learn(self, scenario):
        """Runs without a fault: what comes out, and how many calls there are."""
        scenario.prepare(self.data)
        before = {name: read(name) for name in scenario.outputs}
        count = f'{self.data}/count'
        done = scenario.run(FAIL_COUNT=count)
        self.assertEqual((done.returncode, done.stderr), (0, b''))
        calls = int(read(count).split()[0])
        self.assertGreater(calls, 4)
        return before, {name: read(name) for name in scenario.outputs}, done.stdout, calls

    def check(self, scenario, done, learned, what):
        before, after, printed, _ = learned
        found = {name: read(name) for name in scenario.outputs}
        self.assertIn(done.returncode, (0, 1), what)
        if done.returncode == 0:
            self.assertEqual((found, done.stdout), (after, printed), what)
        else:
            self.assertRegex(done.stderr.decode(), r'^nexpr: error: [^\n]+\n(  [^\n]*\n)*(nexpr: [^\n]+\n)?$', what)
            for name in scenario.outputs:
                self.assertIn(found[name], (before[name], after[name]), f'{what}: {name} is torn')
        present = [name for name in os.listdir() if not name.startswith('in.') and read(name) is not None]
        left = set(present) - set(scenario.outputs)
        if not (scenario.stale and done.returncode):
            self.assertFalse(left, what)

    def sweep(self, scenario, reasons, **environment):
        learned = self.learn(scenario)
        count = f'{self.data}/count'
        messages = 0
        for number in range(1, learned[3] + 3):
            reason = reasons[number % len(reasons)]
            scenario.prepare(self.data)
            done = scenario.run(FAIL_AT=str(number), FAIL_ERRNO=str(reason), FAIL_COUNT=count, **environment)
            failed = (read(count).split() + [b''])[1].decode()
            what = f'{scenario.name}: call {number} ({failed}) with {errno.errorcode[reason]}: {done.stderr.decode()}'
            self.check(scenario, done, learned, what)
            if done.returncode and failed not in ('stat64', 'stat'):
                messages += os.strerror(reason) in done.stderr.decode()
        return messages

    def test_every_call_fails_once(self):
        for scenario in SCENARIOS:
            with self.subTest(scenario.name):
                for reasons in ([errno.EIO, errno.ENOSPC, errno.EDQUOT], [errno.ENOSPC, errno.EDQUOT, errno.EIO]):
                    self.assertGreater(self.sweep(scenario, reasons), 3)

    def test_calls_fail_from_then_on(self):
        """As on a disk that is full or gone."""
        for scenario in SCENARIOS:
            with self.subTest(scenario.name):
                self.sweep(scenario, [errno.ENOSPC, errno.EIO], FAIL_FOREVER='1')

    def test_interrupted_and_short_calls_are_continued(self):
        for scenario in SCENARIOS:
            with self.subTest(scenario.name):
                learned = self.learn(scenario)
                for environment in ({'FAIL_EINTR': '1'}, {'FAIL_SHORT': '1'}, {'FAIL_EINTR': '1', 'FAIL_SHORT': '1'}):
                    scenario.prepare(self.data)
                    done = scenario.run(**environment)
                    self.assertEqual((done.returncode, done.stderr), (0, b''), environment)
                    self.check(scenario, done, learned, str(environment))


if __name__ == '__main__':
    unittest.main()
