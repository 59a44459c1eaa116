# SPDX-License-Identifier: MIT
"""Signals at random moments: kill_test.py NEXPR. 200 times SIGKILL and 50 times SIGTERM; the output is then the old file or the
complete new one. SIGKILL leaves at most one temporary, which the next run removes; SIGTERM leaves nothing."""
import os
import random
import signal
import subprocess
import sys
import tempfile
import time
import unittest

try:
    import numpy as np
except ImportError:
    sys.exit(77)

NEXPR = os.path.abspath(sys.argv.pop(1))
SHARED = '/dev/shm' if os.access('/dev/shm', os.W_OK) else None  # no disk to wait for
KILLS, TERMS = 200, 50


class Victim:
    """A command that replaces its output by one of two, which differ everywhere."""

    def __init__(self, output, *arguments):
        self.output, self.arguments = output, arguments

    def start(self, value):
        return subprocess.Popen([NEXPR, *self.arguments, '-s', f'c={value}', '-o', self.output, '--force', '-q'],
                                stdin=subprocess.DEVNULL, stderr=subprocess.PIPE)

    def finish(self, value):
        process = self.start(value)
        errors = process.communicate()[1]
        assert (process.returncode, errors) == (0, b''), errors
        with open(self.output, 'rb') as file:
            return file.read()

    def temporaries(self):
        return [name for name in os.listdir() if 'nexpr-tmp' in name]


class Signals(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory(dir=SHARED)
        self.addCleanup(folder.cleanup)
        self.addCleanup(os.chdir, os.getcwd())
        os.chdir(folder.name)
        np.save('a.npy', np.linspace(0, 1, 1_000_000))
        np.save('b.npy', np.arange(40_000.0))
        self.random = random.Random(20)
        self.victims = [Victim('out.npy', 'a*c', '-i', 'a.npy', '--max-memory', '256K'),
                        Victim('out.npz', 'p = a + c; p, 2*p', '-i', 'a.npy'),
                        Victim('out.csv', 'u = b/7 + c; u, u*u', '-i', 'b.npy', '--no-fsync')]

    def hit(self, victim, number, value, limit):
        """Sends the signal after a random part of `limit` seconds."""
        process = victim.start(value)
        time.sleep(self.random.uniform(0, limit))
        process.send_signal(number)
        errors = process.communicate()[1]
        self.assertEqual(errors, b'')
        self.assertIn(process.returncode, (0, -number))
        return process.returncode

    def attack(self, victim, number, times):
        """Returns how many were hit, and how many left a temporary."""
        whole = [victim.finish(3), victim.finish(5)]
        begin = time.monotonic()
        victim.finish(3)
        limit = 1.2*(time.monotonic() - begin)
        hits = left = 0
        for i in range(times):
            hits += self.hit(victim, number, 5 if i % 2 else 3, limit) != 0
            with open(victim.output, 'rb') as file:
                self.assertIn(file.read(), whole, 'the output is torn')
            temporaries = victim.temporaries()
            self.assertLessEqual(len(temporaries), number == signal.SIGKILL)
            left += len(temporaries)
            if temporaries:
                self.assertEqual(temporaries, [f'.{victim.output}.nexpr-tmp'])
                self.assertEqual(victim.finish(3), whole[0])
                self.assertEqual(victim.temporaries(), [])
        return hits, left

    def test_kill(self):
        hits = left = 0
        for i, victim in enumerate(self.victims):
            with self.subTest(victim.output):
                more = self.attack(victim, signal.SIGKILL, KILLS//3 + (i < KILLS % 3))
                hits, left = hits + more[0], left + more[1]
        self.assertGreater(hits, KILLS//3)
        self.assertGreater(left, KILLS//20)

    def test_terminate(self):
        hits = 0
        for i, victim in enumerate(self.victims):
            with self.subTest(victim.output):
                hits += self.attack(victim, signal.SIGTERM, TERMS//3 + (i < TERMS % 3))[0]
        self.assertGreater(hits, TERMS//3)


if __name__ == '__main__':
    unittest.main()
