# SPDX-License-Identifier: MIT
"""The man page and the completions: pages_test.py NEXPR MAN BASH ZSH FISH. They name the options of --help, and the programs
that read them, where these are there, find nothing wrong."""
import os
import re
import shutil
import subprocess
import sys
import tempfile
import unittest

NEXPR, MAN, BASH, ZSH, FISH = map(os.path.abspath, sys.argv[1:6])
del sys.argv[1:]


def read(path):
    with open(path, encoding='utf-8') as file:
        return file.read()


def help_text():
    return subprocess.run([NEXPR, '--help'], check=True, stdout=subprocess.PIPE, text=True).stdout


def pairs(found):
    """(letter, word) of every option; the letter is '' where there is none."""
    return sorted((letter or '', word) for letter, word in found)


OPTIONS = pairs(re.findall(r'^  (?:-(\w),|   ) --([\w-]+)', help_text(), re.MULTILINE))


def complete(*words):
    """What bash proposes for the last word."""
    script = f'''source {BASH}; COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1))
        _nexpr nexpr "${{COMP_WORDS[COMP_CWORD]}}" "${{COMP_WORDS[COMP_CWORD - 1]}}"; printf '%s\\n' "${{COMPREPLY[@]}}"'''
    done = subprocess.run(['bash', '--norc', '-c', script, 'bash', 'nexpr', *words], check=True, stdout=subprocess.PIPE,
                          text=True)
    return sorted(done.stdout.split('\n')[:-1])


class Pages(unittest.TestCase):
    def accepted(self, *command):
        if not shutil.which(command[0]):
            self.skipTest(f'{command[0]} is not installed')
        done = subprocess.run(command, capture_output=True, text=True, env={**os.environ, 'LC_ALL': 'C.UTF-8'})
        self.assertEqual((done.returncode, done.stderr), (0, ''))
        return done.stdout

    def test_there_are_options(self):
        self.assertIn(('i', 'input'), OPTIONS)
        self.assertIn(('', 'force'), OPTIONS)

    def test_the_man_page_names_them(self):
        text = re.sub(r'\\-', '-', read(MAN))
        self.assertEqual(pairs(re.findall(r'^\.TP\n(?:\\fB-(\w)\\fR, )?\\fB--([\w-]+)\\fR', text, re.MULTILINE)), OPTIONS)

    def test_bash_names_them(self):
        letters = [letter for letter, _ in OPTIONS if letter]
        words = [word for _, word in OPTIONS]
        self.assertEqual(complete('-'), sorted([f'-{letter}' for letter in letters] + [f'--{word}' for word in words]))

    def test_zsh_names_them(self):
        found = re.findall(r"^    '(?:\*|\(-\w --[\w-]+\)|)'?(?:\{-(\w)\+?,)?--([\w-]+)", read(ZSH), re.MULTILINE)
        self.assertEqual(pairs(found), OPTIONS)

    def test_fish_names_them(self):
        found = re.findall(r'^complete -c nexpr(?: -s (\w))? -l ([\w-]+)', read(FISH), re.MULTILINE)
        self.assertEqual(pairs(found), OPTIONS)

    def test_mandoc_accepts_the_page(self):
        if shutil.which('mandoc'):
            self.assertEqual(subprocess.run(['mandoc', '-T', 'lint', '-W', 'warning', MAN], capture_output=True,
                                            text=True).stdout, '')

    def test_man_shows_the_page(self):
        text = self.accepted('man', '-l', '--warnings', MAN)
        for _, word in OPTIONS:
            self.assertIn(f'--{word}', text.replace('\N{HYPHEN}', '-'))

    def test_shells_accept_their_completions(self):
        for shell, path in (('bash', BASH), ('zsh', ZSH), ('fish', FISH)):
            with self.subTest(shell):
                self.accepted(shell, '-n', path)

    def test_bash_completes(self):
        self.addCleanup(os.chdir, os.getcwd())
        with tempfile.TemporaryDirectory() as folder:
            os.chdir(folder)
            for name in ('data one.npy', 'data.csv', 'other.npy'):
                open(name, 'w', encoding='utf-8').close()
            self.assertEqual(complete('--dtype', 'float'), ['float16', 'float32', 'float64'])
            self.assertEqual(complete('--dtype', '=', 'complex'), ['complex128', 'complex64'])
            self.assertEqual(complete('--fp', '='), ['contract', 'strict'])
            self.assertEqual(complete('-i', 'x', '=', 'data'), ['data one.npy', 'data.csv'])
            self.assertEqual(complete('--input', 'oth'), ['other.npy'])
            self.assertEqual(complete('--threads', ''), [''])
            self.assertIn('--dtype', complete('1+1', '--d'))
            os.chdir('/')

    def test_zsh_completes(self):
        if not shutil.which('zsh'):
            self.skipTest('zsh is not installed')
        lines = read(ZSH).splitlines()
        specs = ''.join(lines[lines.index('_arguments -s -S \\'):]).replace('\\    ', ' ')
        script = '_arguments() { print -rl -- "$@" }; ' + specs
        words = subprocess.run(['zsh', '-f', '-c', script], check=True, capture_output=True, text=True).stdout.splitlines()
        for letter, word in OPTIONS:
            wanted = [f'-{letter}', f'--{word}'] if letter else [f'--{word}']
            for option in wanted:
                self.assertTrue(any(re.match(rf'(\*|\([^)]*\))?{option}([+=]-?)?\[', spec) for spec in words), option)

    def test_fish_completes(self):
        found = self.accepted('fish', '--no-config', '-c', f'source {FISH}; complete -C "nexpr --dtype float3"')
        self.assertIn('float32', found)


if __name__ == '__main__':
    unittest.main()
