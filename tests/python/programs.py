# SPDX-License-Identifier: MIT
"""Random programs that are right by construction: a tree that prints itself as nexpr text and computes itself with NumPy.

Every node knows its value (an array, or a Python literal as long as it is weak) and how far nexpr may be from it (`slack`,
per element; None: not at all) from the moment it is made, so that the next draw can look at both. A draw that NumPy
refuses raises Reject and is drawn again. The program's result shape is that of the inputs, broadcast.
"""

import functools
import random

import layouts
import numpy as np
import oracle
import views
import whole
from oracle import Reject, is_weak

# Precedences of Python's grammar, loosest first.
TERNARY, OR, AND, NOT, COMPARE, BIT_OR, BIT_XOR, BIT_AND, SHIFT, SUM, PRODUCT, UNARY, POWER, ATOM = range(14)
INFIX = {"|": BIT_OR, "^": BIT_XOR, "&": BIT_AND, "<<": SHIFT, ">>": SHIFT, "+": SUM, "-": SUM, "*": PRODUCT, "/": PRODUCT,
         "//": PRODUCT, "%": PRODUCT, "**": POWER, "==": COMPARE, "!=": COMPARE, "<": COMPARE, "<=": COMPARE, ">": COMPARE,
         ">=": COMPARE}
LITERALS = ["0", "1", "2", "3", "7", "10", "100", "255", "1000", "0x1f", "0b101", "1_000", "0.0", "0.5", "1.0", "1.5", "2.0", "0.1",
            "3.25", "1e3", "1e-3", ".5", "2.", "1e300", "1j", "2.5j", "True", "False"]
NEGATIVE_LITERALS = ["-1", "-2", "-128", "-1.0", "-0.5", "-0.0", "-2j"]
CONSTANTS = {"pi": np.pi, "e": np.e, "inf": np.inf, "nan": np.nan}


def refuse_large(args):
    """An outer product of long vectors, say, before NumPy computes it."""
    try:
        shape = np.broadcast_shapes(*[np.shape(arg.value) for arg in args])
    except ValueError as error:
        raise Reject(str(error)) from None
    if np.prod(shape, dtype=np.float64) > whole.MOST_ITEMS:
        raise Reject("large")


class Node:
    """`kind` says how it prints; `args` are nodes; `detail` is what else the kind needs."""

    __slots__ = ("kind", "args", "detail", "value", "slack")

    def __init__(self, kind, args, detail, table):
        self.kind, self.args, self.detail = kind, tuple(args), detail
        if kind not in whole.COMPUTE:
            refuse_large(self.args)
        self.value, self.slack = COMPUTE[kind](self, table)

    def text(self):
        return PRINT[self.kind](self)[0]

    def text_at(self, precedence):
        """In parentheses where it binds less tightly than `precedence`."""
        text, own = PRINT[self.kind](self)
        return f"({text})" if own < precedence else text

    def size(self):
        return 1 + sum(arg.size() for arg in self.args)


class Table:
    """The library's op table, by name, and what the programs draw from: what works element by element, and whole.py."""

    RANDOM = "random normal integers".split()  # random_test.py
    OTHERS = (b"views", b"reductions", b"running functions", b"generators", b"selection", b"random numbers")

    def __init__(self, infos):
        self.info = {info.name.decode(): info for info in infos if info.group not in self.OTHERS}
        self.names, self.prefixes, self.infixes = {}, {}, {}
        for name, info in self.info.items():
            self.names[name] = [name] + info.aliases.decode().split()
            spelling = info.spelling.decode()
            if spelling and self.arity(name) == 2:
                self.infixes[spelling] = name
            elif spelling:
                self.prefixes[spelling] = name
        missing = [name for name in self.info if name not in oracle.MEANING and not hasattr(np, name)]
        assert not missing, f"no meaning in NumPy for {missing}"
        forgotten = {info.name.decode() for info in infos} - set(self.info) - whole.DRAWN - set(self.RANDOM)
        assert not forgotten, f"never drawn: {forgotten}"

    def parameters(self, name):
        return [p.strip() for p in self.info[name].params.decode().split(",")]

    def arity(self, name):
        """The number of parameters without a default."""
        return sum("=" not in p for p in self.parameters(name))


# ------------------------------------------------------------------------------------------------------------ computing

def passes_on(name, args, value):
    """The slack of a value made of inexact operands by an operation that they may pass through."""
    slacks = [0 if arg.slack is None else arg.slack for arg in args]
    slack = np.where(args[0].value, slacks[1], slacks[2]) if name == "where" else sum(slacks)
    return np.broadcast_to(slack, value.shape)


def judged(name, table, function, args, value):
    """(value, slack) of an operation: those of the reference, if it is not exact."""
    if any(arg.slack is not None for arg in args):
        allowed = {"f": oracle.PASSES, "c": oracle.PASSES_COMPLEX}.get(value.dtype.kind, ())
        if name not in allowed or name == "where" and args[0].slack is not None:
            raise Reject("an inexact operand")
        return value, passes_on(name, args, value)
    if is_weak(value):
        return value, None
    if name == "isclose" and any(np.iscomplexobj(arg.value) for arg in args):
        raise Reject("it compares inexact moduli")
    if name == "clip" and value.dtype.kind == "f" and np.any(value == 0):
        return value, np.zeros(value.shape)  # which zero it is depends on the path that NumPy takes
    return oracle.reference(name, table.info[name], function, [arg.value for arg in args], value)


def compute_variable(node, table):
    name, value, slack = node.detail
    return value, slack


def compute_literal(node, table):
    return node.detail[1], None


def compute_infix(node, table):
    name = table.infixes[node.detail]
    function = oracle.OPERATORS[node.detail]
    value = oracle.apply_operator(function, [arg.value for arg in node.args])
    return judged(name, table, function, node.args, value)


def compute_prefix(node, table):
    name = table.prefixes[node.detail]
    function = oracle.PREFIXES[node.detail]
    value = oracle.apply_operator(function, [arg.value for arg in node.args])
    return judged(name, table, function, node.args, value)


def compute_call(node, table):
    name, _, keywords = node.detail
    function = oracle.meaning_of(name)
    value = oracle.apply(function, [arg.value for arg in node.args], dict(keywords))
    return judged(name, table, functools.partial(function, **dict(keywords)), node.args, value)


def compute_cast(node, table):
    value = oracle.apply(oracle.CASTS[node.detail], [node.args[0].value])
    slack = node.args[0].slack
    if slack is not None:
        if value.dtype.kind not in "fc":
            raise Reject("an inexact operand")
        is_real = value.dtype.kind == "f"
        slack = slack + (oracle.spacing(value) if is_real else 4 * np.finfo(value.dtype).eps * oracle.modulus(value))
    return value, slack


def compute_attribute(node, table):
    if is_weak(node.args[0].value):
        raise Reject("an attribute of a literal")
    whole, slack = node.args[0].value, node.args[0].slack
    value = oracle.apply(oracle.meaning_of(node.detail), [whole])
    if slack is not None and whole.dtype.kind == "c":
        slack = np.where(np.isfinite(whole), slack, np.inf)
    return value, slack


def compute_ternary(node, table):
    value = oracle.apply(oracle.MEANING["where"], [arg.value for arg in node.args])
    return judged("where", table, None, node.args, value)


def logical(function, node):
    """DIFFERS: and, or, not work element by element; literals alone are left out."""
    if all(is_weak(arg.value) for arg in node.args) or any(arg.slack is not None for arg in node.args):
        raise Reject("literals alone, or inexact")
    return oracle.apply(function, [arg.value for arg in node.args]), None


def compute_and(node, table):
    return logical(np.logical_and, node)


def compute_or(node, table):
    return logical(np.logical_or, node)


def compute_not(node, table):
    return logical(np.logical_not, node)


def compute_chain(node, table):
    """DIFFERS: a < b < c is (a < b) and (b < c), element by element."""
    if any(arg.slack is not None for arg in node.args) or sum(is_weak(arg.value) for arg in node.args) > 1:
        raise Reject("inexact, or two literals")
    values = [arg.value for arg in node.args]
    first = oracle.apply_operator(oracle.OPERATORS[node.detail[0]], values[:2])
    second = oracle.apply_operator(oracle.OPERATORS[node.detail[1]], values[1:])
    return oracle.apply(np.logical_and, [first, second]), None


COMPUTE = {"variable": compute_variable, "literal": compute_literal, "infix": compute_infix, "prefix": compute_prefix,
           "call": compute_call, "cast": compute_cast, "attribute": compute_attribute, "ternary": compute_ternary,
           "and": compute_and, "or": compute_or, "not": compute_not, "chain": compute_chain, **whole.COMPUTE}


# ------------------------------------------------------------------------------------------------------------- printing

def print_infix(node):
    level = INFIX[node.detail]
    left, right = node.args
    if level == POWER:
        return f"{left.text_at(ATOM)}**{right.text_at(UNARY)}", POWER
    loose = level + 1 if level == COMPARE else level
    return f"{left.text_at(loose)} {node.detail} {right.text_at(level + 1)}", level


def print_call(node):
    name, spelling, keywords = node.detail
    words = [arg.text() for arg in node.args] + [f"{key}={value!r}" for key, value in keywords]
    return f"{spelling}({', '.join(words)})", ATOM


def print_ternary(node):
    condition, x, y = node.args
    return f"{x.text_at(OR)} if {condition.text_at(OR)} else {y.text_at(TERNARY)}", TERNARY


def print_chain(node):
    """The middle is never a bare a & b: that is nearly always a mistake, and nexpr says so."""
    levels = (COMPARE + 1, SHIFT, COMPARE + 1)
    x, y, z = [arg.text_at(level) for arg, level in zip(node.args, levels)]
    return f"{x} {node.detail[0]} {y} {node.detail[1]} {z}", COMPARE


PRINT = {
    "variable": lambda node: (node.detail[0], ATOM),
    "literal": lambda node: (node.detail[0], UNARY if node.detail[0].startswith("-") else ATOM),
    "infix": print_infix,
    "prefix": lambda node: (f"{node.detail}{node.args[0].text_at(UNARY)}", UNARY),
    "call": print_call,
    "cast": lambda node: (f"{node.detail}({node.args[0].text()})", ATOM),
    "attribute": lambda node: (f"{node.args[0].text_at(ATOM)}.{node.detail}", ATOM),
    "ternary": print_ternary,
    "and": lambda node: (f"{node.args[0].text_at(AND)} and {node.args[1].text_at(AND + 1)}", AND),
    "or": lambda node: (f"{node.args[0].text_at(OR)} or {node.args[1].text_at(OR + 1)}", OR),
    "not": lambda node: (f"not {node.args[0].text_at(NOT)}", NOT),
    "chain": print_chain,
    **{kind: functools.partial(lambda print_node, node: (print_node(node)[0], ATOM), function)
       for kind, function in whole.PRINT.items()},
}


# -------------------------------------------------------------------------------------------------------------- drawing

class Drawer:
    """Draws nodes from named values. `variables`: {name: (value, slack)}. is_whole: not only element by element."""

    def __init__(self, rng, table, variables, is_whole=False):
        self.rng, self.table, self.variables, self.is_whole = rng, table, variables, is_whole

    def pick(self, things):
        return things[int(self.rng.integers(0, len(things)))]

    def leaf(self):
        if self.rng.integers(0, 4):
            name = self.pick(list(self.variables))
            return Node("variable", [], (name, *self.variables[name]), self.table)
        choice = self.rng.integers(0, 8)
        if choice == 0:
            name = self.pick(list(CONSTANTS))
            return Node("literal", [], (name, CONSTANTS[name]), self.table)
        text = self.pick(NEGATIVE_LITERALS if choice == 1 else LITERALS)
        return Node("literal", [], (text, eval(text)), self.table)  # a Python literal of the list above

    def node(self, depth):
        """A tree of at most this depth."""
        if depth > 0 and self.rng.integers(0, 8):
            for _ in range(12):
                try:
                    return self.inner(depth - 1)
                except Reject:
                    pass
        return self.leaf()

    def inner(self, depth):
        if self.is_whole and self.rng.integers(0, 5) < 3:
            return self.pick([self.reduce] * 4 + [self.running] * 2 + [self.view] * 4 + [self.mask, self.take, self.search,
                                                                                         self.generator])(depth)
        others = [self.prefix, self.cast, self.ternary, self.words, self.chain, self.attribute]
        draw = self.pick([self.infix] * 10 + [self.call] * 12 + others)
        return draw(depth)

    def infix(self, depth):
        return Node("infix", [self.node(depth), self.node(depth)], self.pick(list(self.table.infixes)), self.table)

    def prefix(self, depth):
        arg = self.node(depth)
        if arg.kind == "literal":
            raise Reject("that is a literal with a sign")
        return Node("prefix", [arg], self.pick(list(self.table.prefixes)), self.table)

    def call(self, depth):
        name = self.pick(list(self.table.info))
        args = [self.node(depth) for _ in range(self.table.arity(name))]
        return Node("call", args, (name, self.pick(self.table.names[name]), self.keywords(name)), self.table)

    def keywords(self, name):
        if name == "round" and self.rng.integers(0, 2):
            return (("decimals", int(self.rng.integers(-2, 4))),)
        if name == "isclose" and self.rng.integers(0, 2):
            return (("rtol", 0.125), ("atol", 0.5))[:int(self.rng.integers(1, 3))]
        return ()

    def cast(self, depth):
        return Node("cast", [self.node(depth)], self.pick(list(oracle.CASTS)), self.table)

    def ternary(self, depth):
        node = Node("ternary", [self.node(depth) for _ in range(3)], None, self.table)
        if all(is_weak(arg.value) for arg in node.args):
            raise Reject("literals alone")
        return node

    def words(self, depth):
        kind = self.pick(["and", "or", "not"])
        return Node(kind, [self.node(depth) for _ in range(1 if kind == "not" else 2)], None, self.table)

    def chain(self, depth):
        symbols = [self.pick(["<", "<=", ">", ">=", "==", "!="]) for _ in range(2)]
        return Node("chain", [self.node(depth) for _ in range(3)], tuple(symbols), self.table)

    def attribute(self, depth):
        return Node("attribute", [self.node(depth)], self.pick(["real", "imag"]), self.table)


    # Of whole arrays.

    def chance(self, part):
        return self.rng.random() < part

    def array(self, depth):
        """A node that is no literal."""
        node = self.node(depth)
        if is_weak(node.value):
            raise Reject("a literal")
        return node

    def axis(self, ndim):
        return int(self.rng.integers(-ndim, ndim)) if ndim else None

    def axes(self, ndim):
        """None, (), an axis, or some."""
        choice = self.rng.integers(0, 8)
        if choice < 2 or not ndim:
            return None
        if choice < 5:
            return self.axis(ndim)
        chosen = self.rng.permutation(ndim)[:int(self.rng.integers(0, ndim + 1))]
        return tuple(int(k) - ndim * int(self.rng.integers(0, 2)) for k in chosen)

    def mask_of(self, x, depth):
        """A bool node of x's shape: a comparison, mostly."""
        symbol = self.pick(["<", "<=", ">", ">=", "!="])
        for other in (lambda: self.node(depth), self.leaf, self.leaf):
            node = Node("infix", [x, other()], symbol, self.table)
            if node.value.shape == x.value.shape:
                return node
        raise Reject("no mask")

    def options(self, name, x):
        """Options of a reduction, in an order of their own."""
        ndim, options = x.value.ndim, []
        axis = self.axis(ndim) if name in whole.PLACES + ["cummin"] else self.axes(ndim)
        if axis is not None:
            options.append(("axis", axis))
        if self.chance(0.3):
            options.append(("keepdims", bool(self.rng.integers(0, 4))))
        if name in whole.TAKES_INITIAL and self.chance(0.15):
            options.append(("initial", int(self.rng.integers(0, 4))))
        if name in whole.TAKES_DTYPE and self.chance(0.2):
            options.append(("dtype", self.pick(["float32", "float64", "complex128", "int64", "uint8", "int16"])))
            is_mean = name in whole.SUMS[2:] + whole.SPREADS
            if np.dtype(options[-1][1]).kind not in "fc" and (x.value.dtype.kind in "fc" or is_mean):
                options.pop()  # NumPy's casts out of range are undefined, and so are its means of integers
        if name in whole.SPREADS and self.chance(0.3):
            options.append(("ddof", 1))
        self.rng.shuffle(options)
        return tuple(map(tuple, options))

    def reduce(self, depth):
        name, x = self.pick(whole.REDUCTIONS), self.array(depth)
        args, options = [x], self.options(name, x) if name != "dot" else ()
        if name == "dot":
            args.append(self.array(depth))
        elif name == "average":
            args.append(self.array(depth))
        elif name in whole.TAKES_WHERE and self.chance(0.3):
            args.append(self.mask_of(x, depth))
        return Node("reduce", args, (name, name in whole.METHODS and self.chance(0.3), options), self.table)

    def running(self, depth):
        name, x = self.pick(whole.RUNNING), self.array(depth)
        options = [] if name == "diff" or self.chance(0.3) else [("axis", self.axis(x.value.ndim))]
        if name == "diff":
            options = [("n", int(self.rng.integers(0, 4)))] * int(self.rng.integers(0, 2))
            options.append(("axis", self.axis(x.value.ndim)))
        return Node("running", [x], (name, name in whole.METHODS and self.chance(0.3), tuple(options)), self.table)

    def view(self, depth):
        """Up to four views, one upon the other."""
        node, r = self.array(depth), random.Random(int(self.rng.integers(0, 2**62)))
        for _ in range(int(self.rng.integers(1, 5))):
            node = Node("view", [node], views.view(r, "X", node.value), self.table)
        return node

    def mask(self, depth):
        x = self.array(depth)
        return Node("mask", [x, self.mask_of(x, depth)], None, self.table)

    def take(self, depth):
        """By indices that are in bounds: a remainder of any integers."""
        x, i = self.array(depth), self.array(depth)
        axis = None if self.chance(0.3) else self.axis(x.value.ndim)
        length = x.value.size if axis is None else x.value.shape[axis]
        if i.value.dtype.kind not in "iu" or not 0 < length < 128:
            raise Reject("no indices")
        within = Node("infix", [i, Node("literal", [], (str(length), length), self.table)], "%", self.table)
        is_index = axis is not None and axis >= 0 and self.chance(0.5) and i.value.dtype.kind in "iu"
        return Node("take", [x, within], (axis, is_index), self.table)

    def search(self, depth):
        """In a vector that was made to ascend."""
        name, v, x = self.pick(whole.SEARCHES), self.array(depth), self.array(depth)
        flat = Node("view", [v], "(X).reshape(-1)", self.table)
        if name == "polyval":
            return Node("search", [flat, x], (name, ()), self.table)
        ascending = Node("running", [flat], ("cummax", False, ()), self.table)
        if name == "interp":
            ascending = Node("generator", [flat], "arange(X.size)*0.5", self.table)
            return Node("search", [x, ascending, flat], (name, ()), self.table)
        side = self.pick([(), (("side", "left"),), (("side", "right"),)])
        return Node("search", [ascending, x], (name, side), self.table)

    def generator(self, depth):
        x = self.pick(list(self.variables))
        value = self.variables[x][0]
        arg = Node("variable", [], (x, *self.variables[x]), self.table)
        n, dtype = int(self.rng.integers(0, 9)), self.pick(layouts.DTYPES)
        if is_weak(value):
            raise Reject("a literal")
        if self.chance(0.5) and value.ndim:
            k = int(self.rng.integers(0, value.ndim))
            text = self.pick([f"index(X, {k})", f"arange(X.shape[{k}])", "arange(X.size)", "zeros_like(X)",
                              f"ones_like(X, dtype={dtype})", f"full_like(X, {n})", f"full(X.shape[{k}], {n})",
                              f"zeros((X.shape[{k}], {n % 3}))"])
            return Node("generator", [arg], text, self.table)
        counted = dtype if dtype != "bool" else "uint8"
        text = self.pick([f"arange({n})", f"arange({-n}, {n}, {n % 3 + 1})", f"arange({n}, dtype={counted})",
                          f"linspace({-n}, 1, {n})", f"zeros(({n}, {n % 3}))", f"ones({n}, dtype={dtype})",
                          f"full({n}, 2.5)", f"full((2, {n}), {n}, dtype={dtype})"])
        return Node("generator", [], text, self.table)


def rebuild(node, variables, table):
    """The same tree over other values of the variables."""
    if node.kind == "variable":
        name = node.detail[0]
        return Node("variable", [], (name, *variables[name]), table)
    return Node(node.kind, [rebuild(arg, variables, table) for arg in node.args], node.detail, table)


class Program:
    """Statements {name: node}, results [node], input arrays {name: array}, outputs [array or None], threads, block_items."""

    def __init__(self, arrays, statements, results, outputs, threads=0, block_items=0):
        self.arrays, self.statements, self.results, self.outputs = arrays, statements, results, outputs
        self.threads, self.block_items = threads, block_items

    def rebuilt(self, table, arrays=None, statements=None, results=None, outputs=None):
        """A program with some parts replaced, everything computed anew; raises Reject if that is no program."""
        arrays = self.arrays if arrays is None else arrays
        variables, computed = variables_of(arrays), {}
        for name, node in (self.statements if statements is None else statements).items():
            computed[name] = rebuild(node, variables, table)
            variables[name] = (computed[name].value, computed[name].slack)
        results = [rebuild(node, variables, table) for node in (self.results if results is None else results)]
        outputs = self.outputs if outputs is None else outputs
        return Program(arrays, computed, results, outputs, self.threads, self.block_items)

    def text(self):
        lines = [f"{name} = {node.text()}" for name, node in self.statements.items()]
        return "; ".join(lines + [", ".join(node.text() for node in self.results)])

    def used_arrays(self):
        used = set()

        def visit(node):
            if node.kind == "variable":
                used.add(node.detail[0])
            for arg in node.args:
                visit(arg)
        for node in list(self.statements.values()) + self.results:
            visit(node)
        return {name: array for name, array in self.arrays.items() if name in used}


def native_copy(array):
    return np.array(array, dtype=array.dtype.newbyteorder("="))


def variables_of(arrays):
    """Arrays as values of variables: copies, because an output may lie over an input."""
    return {name: (native_copy(array), None) for name, array in arrays.items()}


def make_small(rng, arrays):
    """Small integers in place of what was drawn, so that sums are exact in any order."""
    for array in arrays.values():
        if array.dtype.kind in "fciu" and array.flags.writeable:
            with np.errstate(all="ignore"):
                array[...] = rng.integers(0 if array.dtype.kind == "u" else -4, 5, array.shape)
                if array.dtype.kind == "c":
                    array.imag = rng.integers(-4, 5, array.shape)


def draw_variables(rng, shape, dtypes):
    arrays = {}
    for name in "abcd"[:int(rng.integers(1, 5))]:
        layout = layouts.LAYOUTS[int(rng.integers(0, len(layouts.LAYOUTS)))] if rng.integers(0, 2) else "contiguous"
        dtype = dtypes[int(rng.integers(0, len(dtypes)))]
        arrays[name] = layouts.draw_array(rng, layouts.draw_part_of(rng, shape), dtype, layout)
    return arrays


def draw_dtypes(rng):
    """Often one or two dtypes, so that operations of one dtype are common."""
    count = int(rng.choice([1, 2, 14]))
    return [layouts.DTYPES[i] for i in rng.choice(len(layouts.DTYPES), count, replace=False)]


def overlapping(rng, arrays, shape, dtype):
    """A writable array of this shape and dtype that shares memory with an input, or None."""
    for array in arrays.values():
        if array.shape == shape and array.dtype == dtype and array.flags.writeable and array.size:
            choice = rng.integers(0, 3)
            if choice == 0 or array.ndim == 0:
                return array
            if choice == 1:
                return array[::-1]
    return None


def make_overlapping_input(rng, array):
    """The same values in a larger buffer, and a shifted view of that buffer to write to."""
    flat = np.zeros(array.size + 3, array.dtype)
    shift = int(rng.integers(0, 4))
    source = flat[:array.size].reshape(array.shape)
    source[...] = array
    return source, flat[shift:shift + array.size].reshape(array.shape)


def draw_output(rng, node, arrays, free):
    """Where a result goes: None (the library allocates), or an array of a same_kind dtype, maybe over an input."""
    value = np.asarray(node.value)
    if rng.integers(0, 2) == 0:
        return None
    if free and rng.integers(0, 2):
        output = overlapping(rng, arrays, value.shape, value.dtype)
        if output is not None:
            return output
        for name, array in arrays.items():
            if array.shape == value.shape and array.dtype == value.dtype and array.size:
                arrays[name], output = make_overlapping_input(rng, array)
                return output
    dtypes = [t for t in layouts.DTYPES if np.can_cast(value.dtype, t, "same_kind")]
    dtype = value.dtype if rng.integers(0, 2) else dtypes[int(rng.integers(0, len(dtypes)))]
    layout = layouts.LAYOUTS[int(rng.integers(0, len(layouts.LAYOUTS)))]
    return layouts.allocate(rng, value.shape, dtype, layout)


def draw_program(seed, index, table, depth=4, dtypes=None):
    """Program `index` of a seed, always the same one."""
    rng = np.random.Generator(np.random.PCG64([seed, index]))
    arrays = draw_variables(rng, layouts.draw_shape(rng), dtypes or draw_dtypes(rng))
    is_whole = bool(rng.integers(0, 2))
    if is_whole and rng.integers(0, 4):
        make_small(rng, arrays)
    variables = variables_of(arrays)
    drawer = Drawer(rng, table, variables, is_whole)
    statements = {}
    for name in ["s", "t"][:max(0, int(rng.integers(-3, 3)))]:
        statements[name] = drawer.node(2)
        variables[name] = (statements[name].value, statements[name].slack)
    count = 1 if rng.integers(0, 6) else int(rng.integers(2, 4))
    results = [drawer.node(int(rng.integers(1, depth + 1))) for _ in range(count)]
    outputs = [draw_output(rng, node, arrays, count == 1) for node in results]
    threads, block_items = int(rng.choice([0, 0, 1, 2, 3, 8])), int(rng.choice([0, 0, 1, 7, 64, 1000]))
    return Program(arrays, statements, results, outputs, threads, block_items)
