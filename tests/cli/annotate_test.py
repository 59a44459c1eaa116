# SPDX-License-Identifier: MIT
"""The page of --annotate: annotate_test.py NEXPR. It is parsed strictly: what is opened is closed, ids are there once and
links lead to one, nothing is loaded and no script is there; hostile texts stay text; what it says is what --profile --json
says."""
import collections
import html
import html.parser
import json
import os
import re
import resource
import subprocess
import sys
import tempfile
import unittest

try:
    import numpy as np
except ImportError:
    sys.exit(77)

NEXPR = os.path.abspath(sys.argv.pop(1))
SHARED = '/dev/shm' if os.access('/dev/shm', os.W_OK) else None  # no disk to wait for
ENVIRONMENT = {**os.environ, 'XDG_CACHE_HOME': os.devnull}

VOID = {'meta', 'circle', 'path'}  # of those in use; circle and path end themselves
SVG = {'svg', 'g', 'path', 'circle', 'text', 'title'}
INLINE_ONLY = {'span', 'a', 'i', 'b', 'code', 'small'}  # may hold no blocks
BLOCKS = {'div', 'p', 'pre', 'table', 'ul', 'section', 'dl', 'h1', 'h2', 'h3', 'details', 'header', 'footer', 'main'}
PARENTS = {'li': {'ul'}, 'tr': {'thead', 'tbody'}, 'td': {'tr'}, 'th': {'tr'}, 'thead': {'table'}, 'tbody': {'table'},
           'dt': {'div'}, 'dd': {'div'}, 'summary': {'details'}, 'title': {'head', 'svg', 'g'}, 'meta': {'head'},
           'style': {'head'}, 'head': {'html'}, 'body': {'html'}, 'main': {'body'}}
ATTRIBUTES = {'id', 'class', 'title', 'href', 'lang', 'charset', 'name', 'content', 'style', 'role', 'aria-hidden',
              'aria-labelledby', 'open', 'viewbox', 'd', 'x', 'y', 'cx', 'cy', 'r', 'text-anchor', 'transform'}
CHARACTERS = {'amp': '&', 'lt': '<', 'gt': '>', 'quot': '"'}


class Page(html.parser.HTMLParser):
    """Raises AssertionError at what is not in order."""

    def __init__(self, text):
        super().__init__(convert_charrefs=False)
        self.stack, self.ids, self.links, self.tags = [], [], [], collections.Counter()
        self.texts = collections.defaultdict(str)  # by path of tags, such as 'head/title'
        self.titles, self.cells, self.rows, self.source = [], [], [], ''
        assert text.startswith('<!DOCTYPE html>\n')
        assert not re.search('[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069\u200e\u200f]', text)
        for place in re.finditer('&', text):  # in elements and attributes alike
            assert re.match('&(amp|lt|gt|quot|#39|#10);', text[place.start():]), text[place.start():][:40]
        self.feed(text)
        self.close()
        assert not self.stack, self.stack
        assert not self.rawdata
        repeated = [i for i, n in collections.Counter(self.ids).items() if n > 1]
        assert not repeated, repeated
        missing = [link for link in self.links if link[0] != '#' or link[1:] not in self.ids]
        assert not missing, missing

    def handle_starttag(self, tag, attributes):
        self.begin(tag, attributes)
        if tag in VOID:
            assert tag == 'meta', f'<{tag}> has to end itself'
            self.stack.pop()

    def handle_startendtag(self, tag, attributes):
        assert tag in ('path', 'circle'), tag
        self.begin(tag, attributes)
        self.stack.pop()

    def begin(self, tag, attributes):
        around = self.stack[-1][0] if self.stack else None
        names = [name for name, _ in attributes]
        assert len(names) == len(set(names)), names
        assert set(names) <= ATTRIBUTES, names
        assert tag not in ('script', 'img', 'link', 'iframe', 'object', 'embed', 'base', 'form', 'input'), tag
        assert tag not in PARENTS or around in PARENTS[tag], (tag, around)
        assert not (tag in BLOCKS and any(t in INLINE_ONLY for t, _ in self.stack)), tag
        assert not (tag == 'a' and any(t == 'a' for t, _ in self.stack)), 'a link in a link'
        assert ('svg' in (t for t, _ in self.stack)) <= (tag in SVG), tag
        values = dict(attributes)
        self.tags[tag] += 1
        if 'id' in values:
            self.ids.append(values['id'])
        if 'href' in values:
            self.links.append(values['href'])
        if 'title' in values:
            self.titles.append(values['title'])
        assert re.fullmatch(r'width:[0-9.]+(px|%)', values.get('style') or 'width:1px'), values
        self.stack.append((tag, values))
        if tag == 'tr':
            self.rows.append([])
        if tag in ('td', 'th'):
            self.rows[-1].append('')

    def handle_endtag(self, tag):
        assert self.stack and self.stack[-1][0] == tag, (tag, [t for t, _ in self.stack][-4:], self.getpos())
        self.stack.pop()

    def add(self, text):
        if not self.stack:
            assert not text.strip(), text
            return
        if any(t in ('td', 'th') for t, _ in self.stack):
            self.rows[-1][-1] += text
        if any(values.get('class') == 'source' for _, values in self.stack):
            self.source += text
        self.texts['/'.join(t for t, _ in self.stack[-2:])] += text

    def handle_data(self, text):
        assert self.stack and self.stack[-1][0] == 'style' or '<' not in text, text
        self.add(text)

    def handle_entityref(self, name):
        self.add(CHARACTERS[name])

    def handle_charref(self, name):
        assert name in ('39', '10'), name
        self.add(chr(int(name)))

    def handle_comment(self, text):
        raise AssertionError(f'a comment: {text}')

    def unknown_decl(self, text):
        raise AssertionError(text)

    def handle_pi(self, text):
        raise AssertionError(text)

    def table(self, *heading):
        """The rows below those that have this heading."""
        found, inside = [], False
        for row in self.rows:
            if row and row[0] in ('share', 'name'):
                inside = row[:len(heading)] == list(heading)
            elif inside:
                found.append(row)
        return found


class InFolder(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory(dir=SHARED)
        self.addCleanup(folder.cleanup)
        self.addCleanup(os.chdir, os.getcwd())
        os.chdir(folder.name)
        np.save('x.npy', np.linspace(0.1, 2, 6000).reshape(60, 100))
        np.save('y.npy', np.arange(100, dtype='f4'))

    def run_nexpr(self, *arguments, status=0, **options):
        options.setdefault('env', ENVIRONMENT)
        done = subprocess.run([NEXPR, *arguments], capture_output=True, stdin=subprocess.DEVNULL, timeout=60, **options)
        self.assertEqual(done.returncode, status, done.stderr.decode())
        return done.stdout.decode(), done.stderr.decode()

    def annotate(self, *arguments, **options):
        """The page, checked, and what was printed."""
        told = self.run_nexpr(*arguments, '--annotate', 'page.html', '--force', **options)
        with open('page.html', encoding='utf-8') as file:
            text = file.read()
        page = Page(text)
        self.assertIn('nexpr: ', page.texts['head/title'])
        self.assertEqual((page.tags['h1'], page.tags['title']), (1, 1 + page.tags['svg'] + page.tags['circle']))
        self.assertIn('<html lang="en">', text)
        self.assertNotRegex(text, r'https?:|//[a-z]|@import|url\(|javascript')
        return page, told

    def fails(self, status, *arguments, says, **options):
        _, errors = self.run_nexpr(*arguments, status=status, **options)
        self.assertIn(says, errors)
        self.assertEqual(errors.count('nexpr: error:'), 1, errors)


XY = ('-i', 'x=x.npy', '-i', 'y=y.npy')


class Pages(InFolder):
    def test_expressions_of_all_kinds(self):
        """Each backend; the text comes back as it is, and results are those without a page."""
        for text in ('1', 'x', '2*x + y', 'sum(x)', 'mean(x, axis=1), std(x)', 'x[x > 1]', 'cumsum(y)', 'x.T', '-(-(y))',
                     'a = x*2; b = a + y; a, b', 'x < y < 2 < x', 'sin(x)**2 + sin(x)**2 - exp(-y)*sqrt(x)',
                     'where(x > 1, y, 0)',
                     'arange(0)', 'clip(y, 2, 5)', '(x + 1j).real', "u = x/4 # it's <b>\n\n  # end\nu + (y\n - 1)\n"):
            for backend in ('vm', 'jit', 'auto'):
                with self.subTest(text=text, backend=backend):
                    names = [name for name in 'xy' if re.search(rf'\b{name}\b', text)]
                    used = [option for name in names for option in ('-i', f'{name}={name}.npy')]
                    page, told = self.annotate('--backend', backend, text, *used)
                    self.assertEqual(page.source.removeprefix('\n'), text)
                    self.assertEqual(told, self.run_nexpr('--backend', backend, text, *used))

    def test_options_go_together(self):
        for options in (['--time'], ['--profile'], ['--explain'], ['--asm'], ['--check'], ['--json'], ['-o', 'out.npy'],
                        ['--threads', '1'], ['--fp', 'contract'], ['--max-memory', '8K', '-o', 'out.npy'],
                        ['--dtype', 'float32']):
            with self.subTest(options=options):
                self.annotate('x*y + 1', *XY, *options)

    def test_explain_tells_no_more_code_than_asked_for(self):
        """The page has the machine code all the same."""
        for option, words in (('--explain', []), ('--asm', ['assembly']), ('--ir', ['IR'])):
            _, (_, told) = self.annotate('x*y + 1', *XY, '--backend', 'jit', option)
            if 'ran: 0 tasks on the VM' in told:
                self.assertEqual(sorted(set(re.findall('segment 1, (IR|assembly):', told))), words)
                with open('page.html', encoding='utf-8') as file:
                    self.assertIn('nexpr_segment:', file.read())

    def test_every_sub_expression_has_its_dtype_and_shape(self):
        page, _ = self.annotate('s = sum(x, axis=0); r = (x - s)*y > 2; where(r, x, y*k), any(r)', *XY, '--set', 'k=3')
        self.assert_titles(page, {
            'x': 'float64 (60, 100)', 'y': 'float32 (100,)', 'k': None, '2': 'a literal', 'sum(x, axis=0)': 'float64 (100,)',
            's': 'float64 (100,)', 'x - s': 'float64 (60, 100)', '(x - s)*y': 'float64 (60, 100)',
            '(x - s)*y > 2': 'bool (60, 100)', 'r': 'bool (60, 100)', 'y*k': 'float32 (100,)',
            'where(r, x, y*k)': 'float64 (60, 100)', 'any(r)': 'bool ()'})

    def assert_titles(self, page, wanted):
        lines = [title.split('\n') for title in page.titles]
        for text, what in wanted.items():
            found = [line[1] for line in lines if line[0] == text]
            self.assertTrue(found, text)
            if what:
                self.assertEqual(set(found), {what}, text)

    def test_values_stand_beside_their_bytecode(self):
        page, _ = self.annotate('mean(x)*y - y', *XY)
        listing, _ = self.run_nexpr('mean(x)*y - y', *XY, '--bytecode')
        wanted = [line for line in listing.splitlines() if re.match('r[0-9]+ = ', line)]
        rows = page.table('share', 'text', 'typed value', 'shape', 'bytecode')
        self.assertEqual([row[4] for row in rows], wanted)
        for number, row in enumerate(rows, 1):
            self.assertTrue(row[2].startswith(f'%{number} = '), row)
            self.assertIn(row[1], ('y', 'mean(x)', 'mean(x)*y', 'mean(x)*y - y'))
        self.assertEqual(rows[-1][3], '(100,)')

    def test_shares_are_those_of_the_profile(self):
        for backend in ('vm', 'jit'):
            command = ['exp(x)*sin(y) + log(x), sum(x)', *XY, '--backend', backend, '--json', '-o', 'r.npz']
            self.assertNotIn('profile', json.loads(self.annotate(*command)[1][0]))  # only if it is asked for
            page, (output, _) = self.annotate(*command, '--profile')
            operations = [o for nest in json.loads(output)['profile']['nests'] for o in nest['operations']]
            rows = page.table('share', 'time', 'elements')
            self.assertEqual(len(rows), len(operations))
            told = sorted(float(row[0].rstrip(' %') or 0) for row in rows)
            for shown, share in zip(told, sorted(100*o['share'] for o in operations), strict=True):
                self.assertAlmostEqual(shown, share, delta=0.051)
            self.assertAlmostEqual(sum(told), 100, delta=0.06*len(rows) + 0.1)
            names = [re.sub(', segment .*', '', row[6]) for row in rows]
            self.assertEqual(sorted(names), sorted(o['name'] for o in operations))

    def test_segments_are_shown_where_they_are(self):
        page, (_, told) = self.annotate('exp(x*2 + 1)/(x + 3)', *XY[:2], '--backend', 'jit', '--explain')
        if 'ran: 0 tasks on the VM' not in told:
            return  # built without the JIT, or on a machine without AVX2
        titles = {title.split('\n')[0]: title for title in page.titles}
        for text in ('x*2', 'x*2 + 1', 'x + 3'):
            self.assertRegex(titles[text], r'segment \d of nest 1: .* % of the time')
        self.assertRegex(titles['exp(x*2 + 1)'], r'exp: .* % of the time')

    def test_long_programs(self):
        lines = ['v0 = x'] + [f'v{i} = sin(v{i - 1})*{i} + y # {i}' for i in range(1, 61)] + ['v60']
        page, _ = self.annotate('\n'.join(lines), *XY)
        self.assertEqual(page.source.removeprefix('\n'), '\n'.join(lines))
        page, _ = self.annotate('+'.join(['y']*4000), '-i', 'y=y.npy')  # deeper than browsers nest
        self.assertEqual(page.source.count('y'), 4000)
        page, _ = self.annotate('('*900 + 'y' + ')'*900, '-i', 'y=y.npy')

    def test_programs_from_files(self):
        with open('p.nexpr', 'w', encoding='utf-8') as file:
            file.write('# name: A <title> & more\r\n# inputs:\r\n#   x: <i>slanted</i>\r\nt = x*2\r\nt + 1\r\n')
        page, _ = self.annotate('-f', 'p.nexpr', '-i', 'x=x.npy')
        self.assertIn('nexpr: A <title> & more', page.texts['head/title'])
        self.assertIn(['x', 'float64', '(60, 100)', 'x.npy', '<i>slanted</i>'], page.rows)


HOSTILE = ['<script>alert(1)</script>', '</style></title><script>', '"><img src=x onerror=alert(1)>', "' onmouseover='x",
           '&amp;&lt;&#0;', '<!--', ']]>', '&', '\u202egnp.exe', '\u2066x\u2069', '\ufeff\u200b', '\x01\x1b[31m', '\x85',
           '\ufffe', '{}</pre></span>', '漢字 é 🎉', 'x'*300]


class HostileTexts(InFolder):
    def test_names(self):
        for name in HOSTILE:
            with self.subTest(name=name):
                page, _ = self.annotate(f'`{name}`*2 + 1', '-i', f'`{name}`=y.npy')
                self.assertEqual(len(page.table('share', 'text')), 2)

    def test_comments_and_titles(self):
        for text in HOSTILE:
            with open('p.nexpr', 'w', encoding='utf-8') as file:
                file.write(f'# name: {text}\n# inputs:\n#   y: {text}\ny*2 # {text}\n')
            with self.subTest(text=text):
                self.annotate('-f', 'p.nexpr', '-i', 'y=y.npy')

    def test_text_that_is_shown_is_the_text(self):
        for name in ('<b>&"\'>', '漢字 é 🎉', '</a></span></pre>'):
            text = f'# {name}\nr = `{name}` - (`{name}` > 1) # {name}'
            page, _ = self.annotate(text, '-i', f'`{name}`=y.npy')
            self.assertEqual(page.source.removeprefix('\n'), text)
            self.assertIn(f'`{name}`', [title.split('\n')[0] for title in page.titles])

    def test_what_cannot_be_seen_is_named(self):
        page, _ = self.annotate('`\u202ex`*2', '-i', '`\u202ex`=y.npy')
        self.assertIn('`[U+202E]x`*2', page.source)

    def test_file_names_and_literals(self):
        """Names of files are bytes: overlong, surrogate, cut short."""
        name = b'<script> & "y" \xff\xc0\xaf\xed\xa0\x80\xf4\x90\x80\x80\xe2\x82.npy'
        os.rename('y.npy', name)
        page, _ = self.annotate('y*k', '-i', b'y=' + name, '--set', 'k= 2 ')
        rows = sorted(row for row in page.rows if len(row) == 5 and row[0] in 'ky')
        self.assertEqual([row[3] for row in rows], ['--set:  2 ', '<script> & "y" ' + '\ufffd'*12 + '.npy'])

    def test_columns_of_tables(self):
        with open('t.csv', 'w', encoding='utf-8') as file:
            file.write('"<u>&""",b\n1,2\n3,4\n')
        page, _ = self.annotate('`<u>&"` + b', '-i', 't.csv')
        self.assertIn(['<u>&"', 'int64', '(2,)', 't.csv : <u>&"', ''], page.rows)


class Files(InFolder):
    def assert_untouched(self, *others):
        self.assertEqual(sorted(os.listdir('.')), sorted(['x.npy', 'y.npy', *others]))

    def test_the_page_is_replaced_with_force_only(self):
        self.run_nexpr('1', '--annotate', 'page.html')
        self.fails(1, '1', '--annotate', 'page.html', says='page.html: exists already; --force')
        self.run_nexpr('1', '--annotate', 'page.html', '--force')
        self.assert_untouched('page.html')

    def test_paths_that_cannot_be_written(self):
        os.mkdir('folder')
        for path, says in (('folder', 'folder'), ('none/page.html', 'none/page.html'), ('page/', 'page/')):
            self.fails(1, 'y', '-i', 'y=y.npy', '--annotate', path, '--force', says=says)
        self.fails(1, '1', '--annotate', '/dev/full', '--force', says='/dev/full')
        self.fails(2, '1', '--annotate', '-', says='--annotate needs the name of a file')
        self.fails(2, '1', '--annotate', says='--annotate needs PAGE')
        self.assert_untouched('folder')

    def test_a_full_disk_leaves_the_old_page(self):
        with open('page.html', 'wb') as file:
            file.write(b'old')
        self.fails(1, 'y', '-i', 'y=y.npy', '--annotate', 'page.html', '--force', says='page.html',
                   preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (5000, 5000)))
        with open('page.html', 'rb') as file:
            self.assertEqual(file.read(), b'old')
        self.assert_untouched('page.html')

    def test_inputs_programs_and_results_are_safe(self):
        with open('p.nexpr', 'w', encoding='utf-8') as file:
            file.write('y*2')
        os.symlink('y.npy', 'link')
        for path in ('y.npy', './y.npy', 'link'):
            self.fails(2, 'y', '-i', 'y=y.npy', '--annotate', path, '--force', says='this file is an input')
        self.fails(2, '-f', 'p.nexpr', '-i', 'y=y.npy', '--annotate', 'p.nexpr', '--force', says='this file is the program')
        self.fails(2, 'y', '-i', 'y=y.npy', '-o', 'r.npy', '--annotate', 'r.npy', says='results go to this file')
        self.assert_untouched('p.nexpr', 'link')

    def test_nothing_is_written_if_it_fails(self):
        self.fails(2, 'y +', '-i', 'y=y.npy', '--annotate', 'page.html', says='error:')
        self.fails(1, 'x + y[1:]', *XY, '--annotate', 'page.html', says='error:')
        self.fails(1, '1/(y*0)', '-i', 'y=y.npy', '--annotate', 'page.html', '--check=error', says='nothing was written')
        self.assert_untouched()

    def test_options_that_make_no_sense(self):
        for option in ('--bytecode', '--dry-run'):
            self.fails(2, '1', '--annotate', 'page.html', option, says='--annotate shows where time went')
        self.fails(2, '1', '--force', says='there is no --output')
        self.run_nexpr('1', '--no-fsync', '--annotate', 'page.html')


if __name__ == '__main__':
    unittest.main()
