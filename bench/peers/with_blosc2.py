# SPDX-License-Identifier: MIT
"""Blosc2's lazy expressions on NumPy arrays, into a NumPy array of their own: they have no way to write into a given one."""

import blosc2
import numpy as np

from bench.harness.spelling import Unsupported, parse
from bench.peers import Call


class Blosc2:
    name = "blosc2"

    def version(self, tools):
        return blosc2.__version__

    def prepare(self, row, data, threads, tools):
        assignments, results = parse(row.text)
        if assignments or len(results) > 1 or row.layout in ("few", "most", "gather"):
            raise Unsupported("a lazy expression is one expression of whole arrays")
        blosc2.set_nthreads(threads)
        kept = []

        def call():
            kept[:] = [np.asarray(expr[()])]
        try:
            expr = blosc2.lazyexpr(row.text, dict(data.inputs))
            call()
        except Exception as error:  # its errors have no common class
            raise Unsupported(f"Blosc2: {type(error).__name__}: {error}"[:200]) from None
        return Call(call, lambda: kept, was_run=True)


PEERS = [Blosc2()]
