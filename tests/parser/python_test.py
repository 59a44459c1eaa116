# SPDX-License-Identifier: MIT
"""Compares the parser and the arithmetic of literals with Python's own, on random texts.

usage: python_test.py DRIVER [COUNT] [SEED]

DRIVER is tests/parser/driver.c. Python's ast module is the oracle for the grammar: a tree of it is written in the driver's
form. eval is not used, because and, or, not and chained comparisons give bool and evaluate all operands in nexpr; a walk
over Python's tree applies Python's operators instead. Python says what is an error, the driver has to agree.
"""
import ast
import cmath
import fractions
import itertools
import math
import operator
import random
import re
import struct
import subprocess
import sys
import warnings

warnings.simplefilter('ignore')

MAX_BITS = 2048
INFIX = {ast.Add: 'add', ast.Sub: 'subtract', ast.Mult: 'multiply', ast.Div: 'divide', ast.FloorDiv: 'floor_divide',
         ast.Mod: 'remainder', ast.Pow: 'power', ast.LShift: 'left_shift', ast.RShift: 'right_shift',
         ast.BitAnd: 'bitwise_and', ast.BitOr: 'bitwise_or', ast.BitXor: 'bitwise_xor', ast.Eq: 'equal',
         ast.NotEq: 'not_equal', ast.Lt: 'less', ast.LtE: 'less_equal', ast.Gt: 'greater', ast.GtE: 'greater_equal',
         ast.UAdd: 'positive', ast.USub: 'negative', ast.Invert: 'invert', ast.Not: 'logical_not', ast.And: 'logical_and',
         ast.Or: 'logical_or'}
PYTHON = {'add': operator.add, 'subtract': operator.sub, 'multiply': operator.mul, 'divide': operator.truediv,
          'floor_divide': operator.floordiv, 'remainder': operator.mod, 'power': operator.pow,
          'left_shift': operator.lshift, 'right_shift': operator.rshift, 'bitwise_and': operator.and_,
          'bitwise_or': operator.or_, 'bitwise_xor': operator.xor, 'equal': operator.eq, 'not_equal': operator.ne,
          'less': operator.lt, 'less_equal': operator.le, 'greater': operator.gt, 'greater_equal': operator.ge,
          'positive': operator.pos, 'negative': operator.neg, 'invert': operator.invert,
          'logical_not': lambda x: not x, 'logical_and': lambda x, y: bool(x) and bool(y),
          'logical_or': lambda x, y: bool(x) or bool(y), 'where': lambda c, x, y: x if c else y}


# Beyond the grammar of nexpr.
SKIPPED = (ast.AugAssign, ast.AnnAssign, ast.Starred, ast.Lambda, ast.NamedExpr, ast.Set, ast.Dict)
# Deprecated in Python, an error in nexpr.
GLUED = re.compile(r'[0-9a-fA-FjJ.](and|or|not|if|else|in|is)')


class Raises(Exception):
    """Python raises, or the result is beyond nexpr's limit of integers."""


def apply(name, args):
    """The value of an operator on literals. Integers that would explode are cut off before Python computes them."""
    ints = all(isinstance(x, int) for x in args)
    if ints and name == 'power' and args[1] > 1 and int(args[0]).bit_length() > 1:
        if (int(args[0]).bit_length() - 1) * args[1] > MAX_BITS:
            raise Raises
    if ints and name == 'left_shift' and args[0] and args[1] > MAX_BITS:
        raise Raises
    if name in ('add', 'subtract', 'multiply', 'divide') and any(isinstance(x, complex) for x in args):
        args = [complex(x) for x in args]  # Python 3.14 keeps signs of zeros of mixed operands
    try:
        value = PYTHON[name](*args)
    except (ArithmeticError, ValueError, TypeError) as error:
        raise Raises from error
    if isinstance(value, int) and abs(value).bit_length() > MAX_BITS:
        raise Raises
    return value


class Tree:
    """A value, if `known`, or an operation whose text is `text`."""
    def __init__(self, text=None, value=None):
        self.text, self.value, self.known = text, value, text is None

    def __str__(self):
        return repr(self.value) if self.known else self.text


def operation(name, *args):
    if all(a.known for a in args):
        return Tree(value=apply(name, [a.value for a in args]))
    return Tree(text='(%s)' % ' '.join([name, *map(str, args)]))


def index_items(node):
    return node.slice.elts if isinstance(node.slice, ast.Tuple) else [node.slice]


def is_special(node):
    """What is a value in Python, and in nexpr only a whole argument or an item of an index."""
    return isinstance(node, ast.Tuple) or (isinstance(node, ast.Constant) and node.value in (None, ...))


def misplaced(nodes, body):
    """Whether one of them stands elsewhere. The list of results is a tuple in Python."""
    allowed = [s.value for s in body[-1:] if isinstance(s, ast.Expr) and isinstance(s.value, ast.Tuple)]
    for node in nodes:
        if isinstance(node, ast.Call):
            args = [*node.args, *(k.value for k in node.keywords)]
            allowed += [x for x in args if not (isinstance(x, ast.Constant) and x.value is ...)]
        if isinstance(node, ast.Subscript):
            allowed += [node.slice] if isinstance(node.slice, ast.Tuple) else []
            allowed += [x for x in index_items(node) if not isinstance(x, ast.Tuple)]
    return any(is_special(n) and not any(n is x for x in allowed) for n in nodes)


def convert(node):
    """Python's tree as nexpr's."""
    if isinstance(node, ast.Name):
        return Tree(text=node.id)
    if isinstance(node, (ast.BinOp,)):
        return operation(INFIX[type(node.op)], convert(node.left), convert(node.right))
    if isinstance(node, ast.UnaryOp):
        return operation(INFIX[type(node.op)], convert(node.operand))
    if isinstance(node, ast.BoolOp):
        values = [convert(v) for v in node.values]
        return list(itertools.accumulate(values, lambda x, y: operation(INFIX[type(node.op)], x, y)))[-1]
    if isinstance(node, ast.Compare):
        operands = [convert(v) for v in [node.left, *node.comparators]]
        links = [operation(INFIX[type(op)], *pair) for op, pair in zip(node.ops, itertools.pairwise(operands))]
        return list(itertools.accumulate(links, lambda x, y: operation('logical_and', x, y)))[-1]
    if isinstance(node, ast.IfExp):
        value, condition, other = convert(node.body), convert(node.test), convert(node.orelse)
        return operation('where', condition, value, other)
    if isinstance(node, ast.Constant):
        return Tree(text=str(node.value).replace('Ellipsis', '...')) if node.value in (None, ...) else Tree(value=node.value)
    if isinstance(node, ast.Subscript):
        return Tree(text='([] %s)' % ' '.join(str(convert(x)) for x in [node.value, *index_items(node)]))
    if isinstance(node, ast.Slice):
        parts = [node.lower, node.upper, node.step]
        return Tree(text='(: %s)' % ' '.join('None' if x is None else str(convert(x)) for x in parts))
    if isinstance(node, ast.Tuple):
        return Tree(text='(,%s)' % ''.join(' %s' % convert(x) for x in node.elts))
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
        method = ast.Call(func=ast.Name(id='.' + node.func.attr), args=[node.func.value, *node.args], keywords=node.keywords)
        return convert(method)
    if isinstance(node, ast.Call):
        args = [str(convert(a)) for a in node.args] + ['%s=%s' % (k.arg, convert(k.value)) for k in node.keywords]
        return Tree(text='(%s)' % ' '.join([node.func.id, *args]))
    if isinstance(node, ast.Attribute):
        return Tree(text='(.%s %s)' % (node.attr, convert(node.value)))
    raise AssertionError(node)


# ---------------------------------------------------------------------------------------------------------- texts

INTS = ['0', '1', '2', '3', '7', '10', '63', '64', '100', '255', '65537', '2147483648', '9007199254740993',
        '18446744073709551616', '0x1F', '0o17', '0b101', '1_000', '340282366920938463463374607431768211455']
FLOATS = ['0.0', '1.0', '.5', '2.', '1.5', '3.25', '0.1', '1e308', '1e-320', '4.9e-324', '1e16', '123456789.123',
          '1e400', '1_0.5e1_0', '1E+2', '9007199254740993.0', '2.5e-8']
COMPLEX = ['0j', '1j', '2.5j', '1e300j', '1_0J']
LEAVES = [INTS, INTS, FLOATS, COMPLEX, ['True', 'False']]
BINARY = ['+', '-', '*', '/', '//', '%', '**', '<<', '>>', '&', '|', '^', '==', '!=', '<', '<=', '>', '>=', 'and', 'or']


def blank(r):
    return r.choice(['', '', '', ' ', '  ', '\t', '\\\n'])


def random_leaf(r, names):
    if names and r.random() < 0.6:
        return r.choice('abcxyz')
    if r.random() < 0.3:
        real = r.uniform(0, 1) * 10 ** r.randint(-20, 20)
        return r.choice([str(r.getrandbits(r.randint(1, 400))), repr(real), hex(r.getrandbits(100))])
    return r.choice(r.choice(LEAVES))


def random_text(r, depth, names):
    """Without regard for levels, so that the parsers have to find the structure."""
    what = r.random()
    if depth == 0 or what < 0.15:
        return random_leaf(r, names)
    sub = lambda: random_text(r, depth - 1, names)
    if what < 0.65:
        return f'{sub()} {r.choice(BINARY)}{blank(r)} {sub()}'
    if what < 0.77:
        return f'{r.choice(["-", "+", "~", "not "])}{blank(r)}{sub()}'
    if what < 0.92:
        return f'({blank(r)}{sub()}{blank(r)})'
    if what < 0.97 or not names:
        return f'{sub()} if {sub()} else {sub()}'
    if what < 0.98:
        return f'({sub()}){random_index(r, sub)}'
    if what < 0.985:
        return f'({sub()}).{r.choice(["real", "T", "f()", "f(1)"])}'
    if what < 0.99:
        return f'f({sub()}, axis={r.choice(["None", "()", "(1,)", "(1, 2)", "(0, a,)"])})'
    return f'f({sub()},{blank(r)}{sub()}, k={sub()}{r.choice(["", ","])})'


def random_index(r, sub):
    parts = lambda: r.choice(['', '', '1', '-2', sub()])
    item = lambda: r.choice(['...', 'None', sub(), '0', f'{parts()}:{parts()}', f'{parts()}:{parts()}:{parts()}', ':'])
    items = [item() for _ in range(r.randint(1, 3))]
    return f"[{', '.join(items)}{r.choice(['', ','])}]"


def random_integer(r):
    """Up to the limit of bits, with runs of ones and zeros, where carries and quotient digits go wrong."""
    value, bits = 0, r.choice([8, 40, 64, 65, 200, 1000, 1024, 2047, MAX_BITS])
    while value.bit_length() < bits:
        run = r.randint(1, 70)
        value = value << run | r.choice([0, (1 << run) - 1, r.getrandbits(run)])
        value = value or 1
    return (value & ((1 << bits) - 1)) * r.choice([1, -1])


def random_arithmetic(r):
    """Two numbers and an operator: integers of all sizes, or an integer and the float next to it."""
    x, y, op = random_integer(r), random_integer(r), r.choice(BINARY)
    if op in ('<<', '>>', '**'):
        y = r.choice([r.randint(0, 80), r.randint(0, 2100), y])
    if r.random() < 0.2 and abs(x).bit_length() < 1024:
        y = math.nextafter(float(x), r.choice([0, 1e999, float(x)])) if abs(x) < 2 ** 1023 else 0.5
    return f'({x}) {op} ({y!r})'


def random_float(r):
    """A decimal near the middle between two floats, or at the edges of the range."""
    x = struct.unpack('d', struct.pack('Q', r.getrandbits(63)))[0]
    if r.random() < 0.3:
        x = r.choice([5e-324, 2.2250738585072014e-308, 1.7976931348623157e308, 1.0, 2.0 ** r.randint(-1074, 1023)])
    if not math.isfinite(x):
        return '1e309'
    middle = (fractions.Fraction(x) + fractions.Fraction(math.nextafter(x, 0.0))) / 2
    exponent = r.choice([0, 30, 400, 1074, 1100])
    digits = str(middle * 10 ** exponent // 1 + r.choice([-1, 0, 0, 1]))
    return r.choice([repr(x), f'{abs(int(digits))}e-{exponent}', f'{x:.{r.randint(0, 20)}e}', f'{x:.{r.randint(1, 17)}e}'])


def mutate(r, text):
    """Breaks a text in one place, or not."""
    at = r.randrange(len(text) + 1)
    junk = r.choice(['', ' ', '(', ')', '[', ']', ':', '[0]', '...', ',', '+', '*', 'not ', ' if ', ' else ', '=', '.', '0', 'a', '_', '-', ' < ', ';',
                     '; b = '])
    return text[:at] + junk + text[at + r.randint(0, 1):]


def expected(text):
    """The driver's answer by Python; None if it has to be an error."""
    try:
        tree = ast.parse(text.strip(' \t'))
    except (SyntaxError, ValueError):
        return None
    nodes = list(ast.walk(tree))
    if any(isinstance(n, SKIPPED) for n in nodes):
        return ''
    calls = [n for n in nodes if isinstance(n, ast.Call)]
    if any(not isinstance(n.func, (ast.Name, ast.Attribute)) or any(k.arg is None for k in n.keywords) for n in calls):
        return None
    if re.search(r'[[,]\s*\(', text) and any(isinstance(n, ast.Tuple) for n in nodes):
        return ''  # a tuple in an index: Python's tree does not tell
    if isinstance(tree.body[-1:] and getattr(tree.body[-1], 'value', None), ast.Tuple):
        return ''  # a list of results, or a tuple
    if any(isinstance(n, (ast.Is, ast.IsNot, ast.In, ast.NotIn)) for n in nodes):
        return None
    if any(isinstance(n, ast.List) or (isinstance(n, ast.Constant) and isinstance(n.value, str)) for n in nodes):
        return None
    if misplaced(nodes, tree.body):
        return None
    if any(not isinstance(s, ast.Assign) for s in tree.body[:-1]):
        return None
    assigned = [(s, s.targets) for s in tree.body if isinstance(s, ast.Assign)]
    if any(len(t) > 1 or not isinstance(t[0], ast.Name) or t[0].col_offset != s.col_offset for s, t in assigned):
        return None  # several targets, or one in parentheses
    try:
        values = [str(convert(s.value)) for s in tree.body]
    except Raises:
        return None
    targets = [s.targets[0].id + ' = ' if isinstance(s, ast.Assign) else '' for s in tree.body]
    return '; '.join(map(''.join, zip(targets, values)))


def close(got, want):
    """repr of numbers: exactly equal, but complex ones by pow are libm's."""
    if got == want:
        return True
    try:
        x, y = complex(got.replace('(nan', 'nan')), complex(want)
    except ValueError:
        return False
    if 'j' not in want or any(map(cmath.isnan, (x, y))):
        return False
    return abs(x - y) <= 1e-14 * abs(y) or math.isclose(abs(x - y), 0, abs_tol=5e-324)


def main():
    driver, count, seed = sys.argv[1], int((sys.argv[2:] or [8000])[0]), int((sys.argv[3:] or [1])[0])
    sys.set_int_max_str_digits(0)
    r = random.Random(seed)
    texts = []
    for i in range(count):
        text = random_text(r, r.randint(1, 4), names=i % 3 == 0)
        texts.append([mutate(r, text), text, text, random_arithmetic(r), random_float(r)][i % 5])
    source = ''.join(t.replace('\\', '\\\\').replace('\n', '\\n') + '\n' for t in texts)
    answers = subprocess.run([driver], input=source, capture_output=True, text=True, check=True).stdout.splitlines()
    assert len(answers) == len(texts), 'the driver answered %d of %d texts' % (len(answers), len(texts))
    failures = errors = 0
    for text, got in zip(texts, answers):
        want = expected(text)
        if want == '' or GLUED.search(text):
            continue
        failed = got.startswith('error ')
        errors += failed
        if failed == (want is None) and (failed or close(got, want)):
            continue
        failures += 1
        if failures <= 20:
            print('text %r\n  got  %s\n  want %s' % (text, got[:300], want and want[:300]))
    print('%d texts, %d of them errors, %d failures, seed %d' % (count, errors, failures, seed))
    return failures != 0


sys.exit(main())
