# SPDX-License-Identifier: MIT
"""Results of bench/run: read, and checked against result.schema.json."""

import json
import sys
from pathlib import Path

BENCH = Path(__file__).resolve().parent.parent
sys.path.append(str(BENCH.parent / "tests" / "python"))
import schema  # noqa: E402

SCHEMA = json.loads((BENCH / "result.schema.json").read_text())


class BadResult(Exception):
    """What is wrong with a file."""


def problems_of(result):
    return schema.errors(result, SCHEMA)


def read(path):
    try:
        result = json.loads(Path(path).read_text())
    except (OSError, ValueError) as error:
        raise BadResult(f"{path}: {error}") from error
    problems = problems_of(result)
    if problems:
        raise BadResult(f"{path}: {problems[0]}")
    return result
