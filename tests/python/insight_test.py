# SPDX-License-Identifier: MIT
"""What the command tells of time: insight_test.py NEXPR SCHEMAS. --time, --profile and --explain; JSON keeps to its schema."""
import json
import os
import re
import subprocess
import sys
import tempfile
import unittest

import schema

try:
    import numpy as np
except ImportError:
    sys.exit(77)

NEXPR, SCHEMAS = map(os.path.abspath, sys.argv[1:3])
del sys.argv[1:3]
ENVIRONMENT = {**os.environ, 'XDG_CACHE_HOME': os.devnull}
N = 300000


def run(*arguments, **options):
    return subprocess.run([NEXPR, *arguments], capture_output=True, text=True, timeout=120, env=ENVIRONMENT,
                          stdin=subprocess.DEVNULL, **options)


def inputs(text):
    return [x for name in 'ab' if re.search(rf'\b{name}\b', text) for x in ('-i', f'{name}={name}.npy')]


def operations(profile):
    return [operation for nest in profile['nests'] for operation in nest['operations']]


class Insight(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.folder = tempfile.TemporaryDirectory()
        cls.addClassCleanup(cls.folder.cleanup)
        cls.addClassCleanup(os.chdir, os.getcwd())
        os.chdir(cls.folder.name)
        random = np.random.default_rng(1)
        for name in 'ab':
            np.save(name + '.npy', random.random(N))
        np.save('few.npy', random.random(10))

    def succeeds(self, *arguments, **options):
        done = run(*arguments, **options)
        self.assertEqual(done.returncode, 0, done.stderr)
        return done

    def told(self, member, *arguments):
        """The member of the JSON on standard output, which is valid."""
        whole = json.loads(self.succeeds(*arguments, '--json').stdout.splitlines()[-1])
        with open(os.path.join(SCHEMAS, member + '.json'), encoding='utf-8') as file:
            self.assertEqual(schema.errors(whole[member], json.load(file)), [])
        return whole[member]

    def profile(self, text, *arguments):
        return self.told('profile', text, '--profile', *inputs(text), '-o', 'out.npy', '--force', *arguments)

    def test_a_profile_names_operations_places_and_counts(self):
        found = self.profile('sin(a)*2 + b', '--backend', 'vm')
        sin = next(x for x in operations(found) if x['name'] == 'sin')
        self.assertEqual((sin['text'], sin['dtype'], sin['elements'], sin['begin'], sin['end']), ('sin(a)', 'float64', N, 0, 6))
        last = next(x for x in operations(found) if x['text'] == 'sin(a)*2 + b')
        self.assertEqual((last['name'], last['operations'], last['elements']), ('multiply_add', 2, N))
        self.assertEqual(sum(nest['elements'] for nest in found['nests']), N)
        self.assertTrue(found['parse_ns'] and found['compile_ns'] and found['plan_ns'] and found['read_ns'] and found['write_ns'])

    def test_shares_add_up_to_the_time_of_one_thread(self):
        for text in ('sin(a)*2 + b', '(a - mean(a))/std(a)', 'cumsum(a) - b[::-1]', 'a[a > 0.5]', 'sum(a*b)',
                     'random(a, key=3) + a.reshape(500, 600).T.reshape(300000)'):
            for backend in ('vm', 'jit'):
                ratio = 0
                for _ in range(10):  # another process may come between the clocks
                    found = self.profile(text, '--backend', backend, '--threads', '1')
                    ns = sum(x['ns'] for x in operations(found))
                    ratio = ns / found['compute_ns']
                    if abs(ratio - 1) <= 0.05:
                        break
                self.assertAlmostEqual(ratio, 1, delta=0.05, msg=text)
                self.assertAlmostEqual(sum(x['share'] for x in operations(found)), 1, delta=1e-4)

    def test_the_table_is_on_standard_error(self):
        done = self.succeeds('sum(a*b)', '--profile', '-i', 'a=a.npy', '-i', 'b=b.npy', '--threads', '1')
        self.assertEqual(len(done.stdout.split()), 1)
        self.assertRegex(done.stderr, r'^parse .*, compile .*, plan .*, read .*, compute .*; run in ')
        self.assertIn('nest 1, reducing, ', done.stderr)
        self.assertIn('   share    elements  ns/element    GB/s  operation\n', done.stderr)
        self.assertRegex(done.stderr, rf'% +{N} +\d+\.\d+ +\d+\.\d+  sum  sum\(a\*b\)\n')
        shares = [float(x) for x in re.findall(r' (\d+\.\d) %', done.stderr)]
        self.assertAlmostEqual(sum(shares), 100, delta=1)

    def test_long_and_hostile_texts_stay_on_their_line(self):
        done = self.succeeds('(a +\n\t' + ' + '.join(['`b\x1b[31m`'] * 20) + ')', '--profile', '-i', 'a=a.npy',
                             '-i', '`b\x1b[31m`=b.npy', '-o', 'out.npy', '--force', '--backend', 'vm')
        rows = [line for line in done.stderr.splitlines() if ' % ' in line]
        self.assertTrue(rows and all(len(row) < 140 for row in rows) and '\x1b' not in done.stderr)
        self.assertTrue(any('...' in row for row in rows))

    def test_sets_are_no_part_of_the_places(self):
        found = self.profile('sin(a)*k', '--backend', 'vm', '-s', 'k=3')
        sin = next(x for x in operations(found) if x['name'] == 'sin')
        self.assertEqual((sin['begin'], sin['end'], sin['text']), (0, 6, 'sin(a)'))

    def test_streamed_jobs_tell_what_overlaps(self):
        for text in ('sin(a)*b', '(a - mean(a))*b'):
            found = self.profile(text, '--max-memory', '300K', '--backend', 'vm')
            self.assertEqual(sum(x['elements'] for x in found['nests'] if x['kind'] == 'elementwise' and x['elements'] > 99), N)
            self.assertTrue(found['read_ns'] > 20000 and found['write_ns'] > 20000 and found['compute_ns'] <= found['wall_ns'])
            self.assertEqual(len({nest['pass'] for nest in found['nests']}), 1 + ('mean' in text))
            self.assertGreater(found['runs'], 3)
            self.assertLess(len(found['nests']), 4)

    def test_time(self):
        found = self.told('time', 'sin(a)*2', '--time', '-i', 'a=a.npy', '--threads', '1')
        self.assertEqual((found['elements'], found['bytes']), (N, 2*8*N))
        self.assertEqual(found['repeats_ns'], sorted(found['repeats_ns']))
        self.assertEqual((found['best_ns'], found['median_ns']), (found['repeats_ns'][0], found['repeats_ns'][3]))
        self.assertGreater(found['loops']*found['repeats_ns'][-1], 1e8)
        self.assertAlmostEqual(found['ns_per_element'], found['best_ns']/N, delta=1e-3*found['ns_per_element'])
        self.assertAlmostEqual(found['copy_share'], found['bytes_per_second']/found['copy_bytes_per_second'], delta=1e-3)

    def test_time_for_people_and_files(self):
        done = self.succeeds('few*2', '--time', '-i', 'few.npy')
        self.assertRegex(done.stdout, r'^\d+ loops, best of 7: .* per loop; median .*, first .*\n10 elements, .* ns each; .* GB/s')
        self.assertEqual(done.stdout.count('\n'), 2)
        with open('few.npy', 'rb') as pipe:
            done = subprocess.run([NEXPR, 'few[few > 0]*2', '--time', '-i', 'few=-', '-o', 'two.npy'], stdin=pipe, env=ENVIRONMENT,
                                  capture_output=True, text=True, timeout=120, check=True)
        self.assertEqual(done.stdout.count('\n'), 2)
        np.testing.assert_array_equal(np.load('two.npy'), np.load('few.npy')*2)
        self.assertEqual(self.told('time', '1 + 1', '--time')['elements'], 1)

    def test_errors_are_those_of_an_evaluation(self):
        done = run('a + few', '--time', '-i', 'a=a.npy', '-i', 'few.npy')
        self.assertNotEqual(done.returncode, 0)
        self.assertIn('shape', done.stderr)
        done = run('a[int64(b*0) + 999999999]', '--profile', '-i', 'a=a.npy', '-i', 'b=b.npy')
        self.assertNotEqual(done.returncode, 0)
        self.assertIn('out of bounds', done.stderr)
        for other, says in (('--bytecode', 'no time to tell'), ('--dry-run', 'no time to tell'), ('-q', 'leave out one')):
            done = run('1', '--time', other)
            self.assertEqual(done.returncode, 2)
            self.assertIn(says, done.stderr)

    def explain(self, text, *arguments):
        return self.succeeds(text, '--explain', *inputs(text), '-o', 'out.npy', '--force', '--backend', 'vm', *arguments).stderr

    def test_explain_tells_ir_and_rewrites(self):
        told = self.explain('1*sin(a)/2 + sin(a)*b')
        self.assertTrue(told.startswith('input a: float64\ninput b: float64\n'), told)
        for line in (r'%1 = float64 sin a +# sin\(a\); common to 2', r'%2 = float64 multiply %1, 0\.5 +# 1\*sin\(a\)/2',
                     r'%4 = float64 add %2, %3 +# 1\*sin\(a\)/2 \+ sin\(a\)\*b', r'return %4',
                     r'rewritten: 1\*sin\(a\) changes nothing, and was left out',
                     r'rewritten: 1\*sin\(a\)/2 divides by a power of two: became a multiplication'):
            self.assertRegex(told, f'(?m)^{line}$')
        self.assertIn('rewritten: a*b + 1 became fma, rounded once\n', self.explain('a*b + 1', '--fp', 'contract'))
        self.assertIn('rewritten: sqrt(2.0) is constant, and was computed\n', self.explain('a*sqrt(2.0)*b'))

    def test_explain_tells_nests_and_limits(self):
        told = self.explain('sin(a)*b + mean(a)')
        self.assertIn('nest 1 of 2, reducing', told)
        self.assertRegex(told, r'blocks of \d+ elements, \d+ registers? of \d+ bytes')
        self.assertIn('moves 24 bytes per element', told)
        self.assertRegex(told, r'nest 2 is .*: 24 bytes per element, 0\.12 operations per byte; reached \d+ % of copy speed')
        self.assertRegex(self.succeeds('few + 1', '--explain', '-i', 'few.npy').stderr,
                         r'nest 1 is bound by getting going: .* for 10 elements')
        slow = self.explain('lgamma(a) + b', '--time', '--threads', '1')
        self.assertRegex(slow, r'nest 1 is compute-bound: .*; \d+ % of the time is in lgamma\(a\) \(lgamma\)')


if __name__ == '__main__':
    unittest.main()
