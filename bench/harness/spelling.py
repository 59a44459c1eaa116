# SPDX-License-Identifier: MIT
"""The text of a row in the languages of the peers. nexpr's language is that of NumPy, so that most of it is Python's own
syntax tree, written out with other names; what a peer cannot say ends with Unsupported, and its reason is reported."""

import ast

SYMBOLS = {ast.Add: "+", ast.Sub: "-", ast.Mult: "*", ast.Div: "/", ast.BitAnd: "&", ast.BitOr: "|", ast.BitXor: "^",
           ast.LShift: "<<", ast.RShift: ">>", ast.Gt: ">", ast.Lt: "<", ast.GtE: ">=", ast.LtE: "<=", ast.Eq: "==",
           ast.NotEq: "!=", ast.USub: "-", ast.UAdd: "+", ast.Invert: "~"}
UFUNCS = {ast.Add: "add", ast.Sub: "subtract", ast.Mult: "multiply", ast.Div: "divide", ast.Pow: "power",
          ast.FloorDiv: "floor_divide", ast.Mod: "remainder", ast.BitAnd: "bitwise_and", ast.BitOr: "bitwise_or",
          ast.BitXor: "bitwise_xor", ast.LShift: "left_shift", ast.RShift: "right_shift", ast.Gt: "greater",
          ast.Lt: "less", ast.GtE: "greater_equal", ast.LtE: "less_equal", ast.Eq: "equal", ast.NotEq: "not_equal"}
# C's names of functions, where they are not NumPy's. What is in neither list has no name in C.
C_NAMES = {"arcsin": "asin", "arccos": "acos", "arctan": "atan", "arctan2": "atan2", "arcsinh": "asinh", "arccosh": "acosh",
           "arctanh": "atanh", "power": "pow", "absolute": "fabs", "abs": "fabs", "gamma": "tgamma"}
C_SAME = set("sin cos tan sinh cosh tanh exp exp2 expm1 exp10 log log2 log10 log1p sqrt cbrt erf erfc lgamma floor ceil "
             "trunc rint fabs hypot fmod copysign nextafter fmin fmax fma isnan isinf isfinite signbit".split())
# What a function is in C where it is no function.
C_FORMULAS = {"add": "({0} + {1})", "subtract": "({0} - {1})", "multiply": "({0} * {1})", "divide": "({0} / {1})",
              "negative": "(-{0})", "positive": "(+{0})", "square": "({0} * {0})", "reciprocal": "(1 / {0})",
              "where": "({0} ? {1} : {2})", "greater": "({0} > {1})", "less": "({0} < {1})", "equal": "({0} == {1})",
              "not_equal": "({0} != {1})", "greater_equal": "({0} >= {1})", "less_equal": "({0} <= {1})",
              "logical_and": "({0} && {1})", "logical_or": "({0} || {1})", "logical_not": "(!{0})",
              "maximum": "({0} > {1} ? {0} : {1})", "minimum": "({0} < {1} ? {0} : {1})", "sign": "(({0} > 0) - ({0} < 0))",
              "clip": "({0} < {1} ? {1} : {0} > {2} ? {2} : {0})", "floor_divide": "floor({0} / {1})",
              "logaddexp": "log(exp({0}) + exp({1}))", "conjugate": "{0}", "real": "{0}",
              "logical_xor": "(!{0} != !{1})", "deg2rad": "({0} * L(0.017453292519943295))",
              "rad2deg": "({0} * L(57.29577951308232))"}


class Unsupported(Exception):
    """A peer cannot do a row; the text says why."""


class Names(ast.NodeTransformer):
    """Rewrites names by a function; those of functions that are called stay."""

    def __init__(self, rename):
        self.rename = rename

    def visit_Call(self, node):
        node.args = [self.visit(x) for x in node.args]
        node.keywords = [ast.keyword(k.arg, self.visit(k.value)) for k in node.keywords]
        return node

    def visit_Name(self, node):
        return ast.parse(self.rename(node.id), mode="eval").body


class Literals(ast.NodeTransformer):
    """Gives floating literals the dtype of the row: `float32(2.5)`, for peers whose literals are float64."""

    def visit_Constant(self, node):
        if not isinstance(node.value, float):
            return node
        return ast.Call(ast.Name("float32", ast.Load()), [node], [])


def parse(text):
    """(assignments, results): [(name, tree)], [tree]."""
    *firsts, last = [ast.parse(part.strip()).body[0] for part in text.split(";")]
    results = last.value.elts if isinstance(last.value, ast.Tuple) else [last.value]
    return [(part.targets[0].id, part.value) for part in firsts], results


def with_literals(tree, dtype):
    return ast.fix_missing_locations(Literals().visit(tree)) if dtype == "float32" else tree


def renamed(tree, rename):
    return ast.fix_missing_locations(Names(rename).visit(tree))


def into(tree, target):
    """A statement that computes a tree into `target`, in NumPy: the last operation has out=, so there is no copy."""
    operator = type(tree.ops[0]) if isinstance(tree, ast.Compare) else type(getattr(tree, "op", None))
    if isinstance(tree, ast.BinOp):
        return f"{UFUNCS[operator]}({ast.unparse(tree.left)}, {ast.unparse(tree.right)}, out={target})"
    if isinstance(tree, ast.Compare):
        return f"{UFUNCS[operator]}({ast.unparse(tree.left)}, {ast.unparse(tree.comparators[0])}, out={target})"
    return f"{target}[...] = {ast.unparse(tree)}"


def function(row, names, fresh=False):
    """Source of `run(names..., outputs...)` in NumPy. fresh: outputs are returned."""
    assignments, results = parse(row.text)
    body = [f"{name} = {ast.unparse(tree)}" for name, tree in assignments]
    outputs = [] if fresh else [f"out{k}" for k in range(len(results))]
    body += [f"return {', '.join(map(ast.unparse, results))}"] if fresh else list(map(into, results, outputs))
    return f"def run({', '.join([*names, *outputs])}):\n" + "".join(f"    {line}\n" for line in body)


# ------------------------------------------------------------------------------------------------------------------ in C

def c_expression(tree):
    """A tree in C; L() is a literal of the row's dtype."""
    if isinstance(tree, ast.Name):
        return tree.id
    if isinstance(tree, ast.Constant):
        return f"L({tree.value!r})"
    if isinstance(tree, ast.UnaryOp):
        return f"({SYMBOLS[type(tree.op)]}{c_expression(tree.operand)})"
    if isinstance(tree, ast.Compare) and len(tree.ops) == 1:
        return f"({c_expression(tree.left)} {SYMBOLS[type(tree.ops[0])]} {c_expression(tree.comparators[0])})"
    if isinstance(tree, ast.BinOp) and type(tree.op) in SYMBOLS:
        return f"({c_expression(tree.left)} {SYMBOLS[type(tree.op)]} {c_expression(tree.right)})"
    if isinstance(tree, ast.Call) and not tree.keywords:
        return c_call(tree.func.id, [c_expression(x) for x in tree.args])
    raise Unsupported(f"no C for {ast.unparse(tree)}")


def c_call(name, arguments):
    if name in C_FORMULAS:
        return C_FORMULAS[name].format(*arguments)
    if name in C_SAME or name in C_NAMES:
        return f"{C_NAMES.get(name, name)}({', '.join(arguments)})"
    raise Unsupported(f"C has no function {name}")


# ------------------------------------------------------------------------------------------------------------ operations

# What an operation is counted as, in additions: quotients and roots take the divider about so long; functions of a
# polynomial have about so many terms.
WEIGHTS = {"sqrt": 8, "divide": 8, "reciprocal": 8, "power": 40, "float_power": 40, "arctan2": 30, "hypot": 20, "gamma": 40,
           "lgamma": 40, "erf": 30, "erfc": 40, "logaddexp": 40, "logaddexp2": 40, "ndtri": 40}
POLYNOMIALS = set("sin cos tan exp exp2 expm1 exp10 log log2 log10 log1p sinh cosh tanh arcsin arccos arctan arcsinh "
                  "arccosh arctanh cbrt sinc random normal logsumexp".split())


def operations(text):
    """Operations of a text per element, in additions."""
    assignments, results = parse(text)
    return sum(map(weight, [tree for _, tree in assignments] + results))


def weight(tree):
    if isinstance(tree, ast.Subscript):
        return weight(tree.value)
    inside = sum(weight(child) for child in ast.iter_child_nodes(tree))
    if isinstance(tree, ast.Call):
        name = tree.func.id if isinstance(tree.func, ast.Name) else tree.func.attr
        return inside + (20 if name in POLYNOMIALS else WEIGHTS.get(name, 1))
    if isinstance(tree, ast.BinOp):
        is_square = isinstance(tree.right, ast.Constant) and tree.right.value == 2
        return inside + (8 if isinstance(tree.op, ast.Div) else
                         40 if isinstance(tree.op, ast.Pow) and not is_square else 1)
    return inside + (1 if isinstance(tree, (ast.UnaryOp, ast.Compare, ast.BoolOp)) else 0)
