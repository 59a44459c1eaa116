# SPDX-License-Identifier: MIT
"""numexpr, as its users call it: evaluate(text, out=...), with its cache of texts warm. Slices and transposes are views that
are made beforehand; in rows of float32 literals are variables, because numexpr's literals are float64."""

import ast

import numexpr
import numpy as np

from bench.harness.spelling import Unsupported, parse
from bench.peers import Call


class Lift(ast.NodeTransformer):
    """Names for what numexpr cannot say: views, and literals of float32."""

    def __init__(self, arrays, single):
        self.arrays, self.single, self.names = arrays, single, dict(arrays)

    def name(self, value):
        self.names[f"v{len(self.names)}"] = value
        return ast.Name(f"v{len(self.names) - 1}", ast.Load())

    def visit_Subscript(self, node):
        return self.name(eval(ast.unparse(node), {"newaxis": np.newaxis, **self.arrays}))

    visit_Attribute = visit_Subscript

    def visit_Constant(self, node):
        return self.name(np.float32(node.value)) if self.single and isinstance(node.value, (int, float)) else node

    def visit_Call(self, node):
        if node.func.id == "float32":
            return self.visit(node.args[0])
        if node.func.id in ("sum", "min", "max", "prod"):  # their axis is a literal
            return ast.Call(node.func, [self.visit(node.args[0])], node.keywords)
        return self.generic_visit(node)


class NumExpr:
    name = "numexpr"

    def version(self, tools):
        return numexpr.__version__ + (" with VML" if numexpr.use_vml else "")

    def prepare(self, row, data, threads, tools):
        assignments, results = parse(row.text)
        if assignments or len(results) > 1 or row.layout in ("few", "most", "gather"):
            raise Unsupported("numexpr has one expression of whole arrays")
        numexpr.set_num_threads(threads)
        lift = Lift(data.inputs, row.result == "float32")
        text = ast.unparse(lift.visit(results[0]))
        casting = "unsafe" if row.result in ("int8", "int16") else "same_kind"
        names, evaluate = lift.names, numexpr.evaluate
        if row.is_fresh:
            kept = []

            def call():
                kept[:] = [evaluate(text, local_dict=names)]
        else:
            kept = data.outputs

            def call():
                evaluate(text, local_dict=names, out=kept[0], casting=casting)
        try:
            call()
        except (KeyError, NotImplementedError, TypeError, ValueError, SyntaxError, AttributeError) as error:
            what = "it has no such function" if "not callable" in str(error) else error
            raise Unsupported(f"numexpr: {what}") from error
        return Call(call, lambda: kept, was_run=True)


PEERS = [NumExpr()]
