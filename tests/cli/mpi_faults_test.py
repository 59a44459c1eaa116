# SPDX-License-Identifier: MIT
"""Ranks that die: mpi_faults_test.py NEXPR MPIRUN FAIL_CALLS [RUNS [SEED]]. SIGKILL, SIGTERM and SIGINT to a rank or to
the launcher at random moments, RUNS of them (20), half of which are SIGKILL, and calls to the system that fail on one rank.
All ranks end within seconds, the exit status says so, the output is the old file or the complete new one, at most one
temporary is left, and the next run removes it."""
import errno
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

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), '..', 'mpi'))
import launch

NEXPR, MPIRUN, FAIL_CALLS = map(os.path.abspath, sys.argv[1:4])
NUMBERS = [int(text) for text in sys.argv[4:6] if text.isdigit()]
RUNS, SEED = (NUMBERS + [20, 8][len(NUMBERS):])
del sys.argv[1:4 + len(NUMBERS)]
IS_OPEN_MPI = b'Open' in subprocess.run([MPIRUN, '--version'], capture_output=True, env=launch.environment()).stdout
QUIET = ['-q'] if IS_OPEN_MPI else []
SHARED = '/dev/shm' if os.access('/dev/shm', os.W_OK) else None  # no disk to wait for
COUNT = 3
LIMIT = 20  # seconds for a run
TEXT = 'c*(' + ' + '.join(f'sin({i}.5*a)' for i in range(60)) + ')'  # long enough to be hit
ENDS_WITHIN = 6  # seconds


def ranks_of(mark):
    """The processes of the command that have this text in their environment, by rank."""
    found = {}
    for pid in filter(str.isdigit, os.listdir('/proc')):
        try:
            with open(f'/proc/{pid}/comm') as comm, open(f'/proc/{pid}/environ', 'rb') as file:
                values = dict(line.split(b'=', 1) for line in file.read().split(b'\0') if b'=' in line)
                if comm.read() == 'nexpr\n' and values.get(b'TEST_MARK') == mark.encode():
                    found[int(values.get(b'OMPI_COMM_WORLD_RANK', values.get(b'PMI_RANK', b'-1')))] = int(pid)
        except (OSError, ValueError):
            continue
    return found


class Job:
    """Ranks that write c*a in pieces to out.npy, where an older one is."""

    number = 0

    def __init__(self, value, *arguments, environment=()):
        Job.number += 1
        self.mark = f'{os.getpid()}-{Job.number}'
        self.process = subprocess.Popen(
            [MPIRUN, *QUIET, '-n', str(COUNT), NEXPR, TEXT, '-i', 'a.npy', '-s', f'c={value}', '-o', 'out.npy', '--force',
             '-q', '--max-memory', '1M', '--threads', '1', *arguments],
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
            env={**launch.environment(), **dict(environment), 'TEST_MARK': self.mark}, start_new_session=True)

    def wait_for_ranks(self):
        end = time.monotonic() + 10
        while len(ranks_of(self.mark)) < COUNT and self.process.poll() is None and time.monotonic() < end:
            time.sleep(0.01)
        return ranks_of(self.mark)

    def wait_for_work(self):
        """A rank that dies while MPI starts is mpirun's to see to, and that of Open MPI 4.1 may then wait for ever."""
        pids, end = self.wait_for_ranks(), time.monotonic() + 10
        while not os.path.exists('.out.npy.nexpr-tmp') and self.process.poll() is None and time.monotonic() < end:
            time.sleep(0.002)
        return pids

    def finish(self):
        """Status and errors; then nothing of it is there."""
        try:
            errors = self.process.communicate(timeout=LIMIT)[1].decode()
        except subprocess.TimeoutExpired:
            os.killpg(self.process.pid, signal.SIGKILL)
            for pid in ranks_of(self.mark).values():
                os.kill(pid, signal.SIGKILL)
            raise
        end = time.monotonic() + ENDS_WITHIN
        while ranks_of(self.mark) and time.monotonic() < end:
            time.sleep(0.05)
        left = ranks_of(self.mark)
        for pid in left.values():
            os.kill(pid, signal.SIGKILL)
        assert not left, f'ranks {list(left)} are still there'
        return self.process.returncode, errors


class Faults(unittest.TestCase):
    whole = None  # the outputs that there may be

    def setUp(self):
        folder = tempfile.TemporaryDirectory(dir=SHARED)
        self.addCleanup(folder.cleanup)
        self.addCleanup(os.chdir, os.getcwd())
        os.chdir(folder.name)
        np.save('a.npy', np.linspace(0, 1, 2_000_000))
        self.random = random.Random(SEED)
        if not Faults.whole:
            Faults.whole = [self.make(value) for value in (3, 5)]
        with open('out.npy', 'wb') as file:
            file.write(self.whole[1])

    def make(self, value):
        status, errors = Job(value).finish()
        self.assertEqual((status, errors), (0, ''))
        with open('out.npy', 'rb') as file:
            return file.read()

    def check_folder(self, may_leave):
        """The output is whole. Returns whether there was a temporary, which the next run removes."""
        with open('out.npy', 'rb') as file:
            self.assertIn(file.read(), self.whole, 'the output is torn')
        left = sorted(set(os.listdir()) - {'a.npy', 'out.npy'})
        self.assertIn(left, [[], ['.out.npy.nexpr-tmp']] if may_leave else [[]])
        if left:
            self.make(3)
            self.assertEqual(sorted(os.listdir()), ['a.npy', 'out.npy'])
        return bool(left)

    def duration(self):
        """Of the work."""
        job = Job(3)
        job.wait_for_work()
        begin = time.monotonic()
        self.assertEqual(job.finish()[0], 0)
        return time.monotonic() - begin

    def hit(self, number, whom, moment, value):
        job = Job(value)
        pids = job.wait_for_ranks() if whom == 'launcher' else job.wait_for_work()
        time.sleep(moment)
        pid = job.process.pid if whom == 'launcher' else pids.get(whom, -1)
        begin = time.monotonic()
        if pid < 0 or job.process.poll() is not None:
            job.finish()
            return None
        try:
            os.kill(pid, number)
        except ProcessLookupError:
            pass
        status, errors = job.finish()
        self.assertLess(time.monotonic() - begin, ENDS_WITHIN, f'{number} to {whom}')
        self.assertLessEqual(errors.count('nexpr: '), 1, errors)
        return status, errors

    def test_signals(self):
        """A few may come before or behind the work; most hit it."""
        limit = self.duration()
        whoms = [*range(COUNT), 'launcher']
        hits = left = 0
        for i in range(RUNS):
            number = (signal.SIGKILL, signal.SIGKILL, signal.SIGTERM, signal.SIGINT)[i//len(whoms) % 4]
            whom, value = whoms[i % len(whoms)], 5 if i % 2 else 3
            with self.subTest(run=i, signal=number, whom=whom):
                outcome = self.hit(number, whom, self.random.uniform(0, limit), value)
                hits += bool(outcome and outcome[0])
                limit *= 0.7 if outcome is None else 1  # the machine was busier when it was measured
                left += self.check_folder(True)
        print(f'{RUNS} signals, {hits} jobs ended by them, {left} temporaries left', file=sys.stderr)
        self.assertGreater(hits, RUNS//3)
        self.assertLess(left, RUNS//4 if IS_OPEN_MPI else RUNS)  # Hydra leaves the others no time

    def test_message(self):
        """A rank that dies in the middle is named once, unless Hydra is quicker: it kills the others at once."""
        os.mkfifo('pipe')  # nobody writes: the first rank waits, the others wait for it
        for whom in range(COUNT):
            with self.subTest(whom):
                job = Job(3, '-i', 'x=pipe')
                pids = job.wait_for_ranks()
                time.sleep(1)
                os.kill(pids[whom], signal.SIGKILL)
                status, errors = job.finish()
                self.assertNotEqual(status, 0)
                message = f'nexpr: error: rank {whom} has died; all others end\n'
                self.assertIn(errors, [message] if IS_OPEN_MPI else ['', message])
        os.remove('pipe')
        self.check_folder(False)

    def test_stalled(self):
        os.mkfifo('pipe')
        job = Job(3, '-i', 'x=pipe', '--stall-timeout', '1.5')
        begin = time.monotonic()
        status, errors = job.finish()
        self.assertNotEqual(status, 0)
        self.assertEqual(errors, 'nexpr: error: nothing has moved for 1.5 s (--stall-timeout)\n')
        self.assertLess(time.monotonic() - begin, 1.5 + ENDS_WITHIN)
        os.remove('pipe')
        self.check_folder(False)

    def fail_on(self, rank, call, at, number):
        """The rank loads the library that makes its calls fail."""
        with open('one.sh', 'w') as file:
            file.write('#!/bin/sh\nif [ "${OMPI_COMM_WORLD_RANK:-$PMI_RANK}" = $FAIL_RANK ]\n'
                       'then export LD_PRELOAD="$FAIL_CALLS"; fi\nexec "$@"\n')
        os.chmod('one.sh', 0o755)
        environment = {**launch.environment(), 'FAIL_CALLS': FAIL_CALLS, 'FAIL_RANK': str(rank), 'FAIL_AT': str(at),
                       'FAIL_CALL': call, 'FAIL_ERRNO': str(number), 'FAIL_FOREVER': '1'}
        try:
            return subprocess.run([MPIRUN, *QUIET, '-n', str(COUNT), './one.sh', NEXPR, 'a*5', '-i', 'a.npy', '-o',
                                   'out.npy', '--force', '-q', '--max-memory', '2M'], capture_output=True, text=True, env=environment,
                                  stdin=subprocess.DEVNULL, timeout=LIMIT)
        finally:
            os.remove('one.sh')

    def test_calls(self):
        """One rank has no room, or cannot read: all say so once, and the old output stays."""
        old = self.whole[1]
        cases = ((0, 'pwrite', 1, errno.ENOSPC), (0, 'pwrite', 3, errno.ENOSPC), (1, 'pwrite', 1, errno.EIO),
                 (2, 'pwrite', 2, errno.ENOSPC), (0, 'fsync', 1, errno.EIO), (0, 'rename', 1, errno.EACCES),
                 (0, 'pread', 2, errno.EIO), (1, 'pread', 3, errno.EIO), (2, 'pread', 1, errno.EIO))
        for rank, call, at, number in cases:
            with self.subTest(rank=rank, call=call, at=at):
                found = self.fail_on(rank, call, at, number)
                self.assertEqual((found.returncode, found.stdout), (1, ''), found.stderr)
                self.assertEqual(found.stderr.count('nexpr: error'), 1, found.stderr)
                self.assertIn(os.strerror(number), found.stderr)
                self.assertEqual(f'rank {rank}: ' in found.stderr, rank > 0, found.stderr)
                with open('out.npy', 'rb') as file:
                    self.assertEqual(file.read(), old)
                self.assertEqual(sorted(os.listdir()), ['a.npy', 'out.npy'])

    @unittest.skipUnless(os.getuid() == 0, 'mounting needs root')
    def test_real_full_disk(self):
        os.mkdir('small')
        if subprocess.run(['mount', '-t', 'tmpfs', '-o', 'size=2m', 'none', 'small'], capture_output=True).returncode:
            self.skipTest('mounting is not allowed')
        try:
            found = subprocess.run([MPIRUN, *QUIET, '-n', str(COUNT), NEXPR, 'a*5', '-i', 'a.npy', '-o', 'small/out.npy'],
                                   capture_output=True, text=True, env=launch.environment(), stdin=subprocess.DEVNULL,
                                   timeout=LIMIT)
            left = os.listdir('small')
        finally:
            subprocess.run(['umount', 'small'], check=True)
        self.assertEqual((found.returncode, left, found.stderr.count('nexpr: error')), (1, [], 1))
        self.assertIn('No space left', found.stderr)


if __name__ == '__main__':
    unittest.main()
