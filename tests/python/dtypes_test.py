#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""The dtype table: every operation on every tuple of dtypes, and with a weak literal in any place, gives NumPy's dtype or
NumPy's refusal. Only compiles, evaluates nothing. Where nexpr differs on purpose, oracle.py says so: see DIFFERS there.
"""

import itertools
import sys

import nexpr
import numpy as np
import oracle
import programs
from layouts import DTYPES

LITERALS = {"True": True, "1": 1, "2": 2, "0.5": 0.5, "1.5": 1.5, "1j": 1j}  # ** treats some of them alone
NAMES = "abc"

def expected_of(function, operands):
    """The name of NumPy's dtype, or None if it refuses."""
    values = [LITERALS[o] if o in LITERALS else np.ones(1, o) for o in operands]
    try:
        return oracle.apply(function, values).dtype.name
    except oracle.Reject:
        return None


def found_of(library, text, operands):
    """The name of nexpr's dtype, None if it refuses because of the types, or the error if that is another one."""
    types = {name: dtype for name, dtype in zip(NAMES, operands) if dtype not in LITERALS}
    try:
        return library.result_dtype(text, types).name
    except nexpr.Error as error:
        return None if error.status == "TYPE" else str(error)


def words_of(operands):
    return [name if operand not in LITERALS else operand for name, operand in zip(NAMES, operands)]


def tuples(arity):
    """All dtypes in all places; and for each place a literal there."""
    yield from itertools.product(DTYPES, repeat=arity)
    for place in range(arity if arity > 1 else 0):
        for dtypes in itertools.product(DTYPES, repeat=arity - 1):
            for literal in LITERALS:
                yield dtypes[:place] + (literal,) + dtypes[place:]


def cases(table):
    """(name, function, text maker, arity) of every way to write an operation."""
    for name in table.info:
        yield name, oracle.meaning_of(name), lambda words, name=name: f"{name}({', '.join(words)})", table.arity(name)
    for symbol in table.infixes:
        yield symbol, oracle.OPERATORS[symbol], lambda words, symbol=symbol: f" {symbol} ".join(words), 2
    for symbol in table.prefixes:
        yield symbol, oracle.PREFIXES[symbol], lambda words, symbol=symbol: f"{symbol}{words[0]}", 1
    for name in oracle.CASTS:
        yield name, oracle.CASTS[name], lambda words, name=name: f"{name}({words[0]})", 1
    for decimals in (-1, 0, 2):
        yield ("round", lambda x, d=decimals: oracle.meaning_of("round")(x, d),
               lambda words, d=decimals: f"round({words[0]}, {d})", 1)
    yield "if", oracle.MEANING["where"], lambda words: f"{words[1]} if {words[0]} else {words[2]}", 3
    yield "and", np.logical_and, " and ".join, 2
    yield "not", np.logical_not, lambda words: f"not {words[0]}", 1


def main():
    library = nexpr.Library(sys.argv[1])
    table = programs.Table(library.ops())
    passed, failed = 0, 0
    for name, function, text_of, arity in cases(table):
        for operands in tuples(arity):
            text = text_of(words_of(operands))
            expected, found = expected_of(function, operands), found_of(library, text, operands)
            if expected == found:
                passed += 1
            else:
                failed += 1
                if failed <= 100:
                    print(f"{text} of {', '.join(operands)}: {expected or 'an error'} in NumPy, "
                          f"{found or 'an error'} in nexpr")
    print(f"{passed} passed, {failed} failed")
    return failed > 0


if __name__ == "__main__":
    sys.exit(main())
