#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""bench/run and bench/compare-runs: the smoke mode from one end to the other, with this Python's NumPy and whatever peers it
has; the schema; what changed between two made-up results.

Usage: harness_test.py LIBNEXPR
"""

import copy
import json
import re
import subprocess
import sys
import tempfile
import unittest
import xml.etree.ElementTree as ElementTree
from pathlib import Path
from types import SimpleNamespace

import numpy as np

ROOT = Path(__file__).resolve().parent.parent.parent
sys.path.insert(0, str(ROOT))

from bench.harness import charts, limits, measure, report, spelling, table  # noqa: E402
from bench.harness.result import problems_of  # noqa: E402
from bench.peers import Call  # noqa: E402

BUILD = Path(sys.argv.pop(1)).resolve().parent.parent
PEERS = "numpy,c,c-fast,c-nexpr-math,nexpr-vm,nexpr-jit"


def run(*arguments):
    return subprocess.run([sys.executable, str(ROOT / "bench" / "run"), "--python", sys.executable, "--build", str(BUILD),
                           *map(str, arguments)], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)


def compare_runs(folder, a, b, *arguments):
    for name, result in (("a", a), ("b", b)):
        (folder / f"{name}.json").write_text(json.dumps(result))
    return subprocess.run([sys.executable, str(ROOT / "bench" / "compare-runs"), str(folder / "a.json"),
                           str(folder / "b.json"), *arguments], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)


class Smoke(unittest.TestCase):
    """One run of the smoke mode, looked at from several sides."""

    @classmethod
    def setUpClass(cls):
        cls.keep = tempfile.TemporaryDirectory()
        cls.folder = Path(cls.keep.name) / "result"
        cls.done = run("--smoke", "--peers", PEERS, "--output", cls.folder)
        assert cls.done.returncode == 0, cls.done.stdout
        cls.result = json.loads((cls.folder / "result.json").read_text())
        cls.report = (cls.folder / "report.md").read_text()

    @classmethod
    def tearDownClass(cls):
        cls.keep.cleanup()

    def cell(self, row, threads=1):
        return max((c for c in self.result["cells"] if c["row"] == row and c["threads"] == threads), key=lambda c: c["n"])

    def test_the_result_is_what_the_schema_says(self):
        self.assertEqual(problems_of(self.result), [])

    def test_the_schema_rejects_what_it_does_not_know(self):
        for spoil in (lambda r: r.pop("machine"), lambda r: r.update(extra=1), lambda r: r.update(mode="slow"),
                      lambda r: r["cells"][0].update(n="many"), lambda r: r["cells"][0].update(n=0),
                      lambda r: r["cells"][0].update(n=True),
                      lambda r: next(iter(r["cells"][0]["peers"].values()))["ns"].append(1.0)):
            spoiled = copy.deepcopy(self.result)
            spoil(spoiled)
            self.assertEqual(len(problems_of(spoiled)), 1)

    def test_all_peers_run_the_first_seed(self):
        self.assertEqual(set(self.cell("linear")["peers"]), {*PEERS.split(","), "nexpr-auto"} -
                         ({"nexpr-jit"} if not (BUILD / "runtime" / "libnexpr-jit.so").exists() else set()))

    def test_no_answer_is_wrong(self):
        wrong = [why for c in self.result["cells"] for why in c["not"].values() if why.startswith("wrong")]
        self.assertEqual(wrong, [])

    def test_quartiles_are_in_order_and_first_calls_take_time(self):
        for cell in self.result["cells"]:
            for figures in cell["peers"].values():
                self.assertEqual(figures["ns"], sorted(figures["ns"]))
                self.assertGreater(figures["first_ns"], 0)
                self.assertGreater(figures["ns"][0], 0)

    def test_rows_of_every_kind_are_measured(self):
        kinds = {self.result["rows"][c["row"]]["kind"] for c in self.result["cells"] if c["peers"]}
        self.assertEqual(kinds, {"table", "op", "chain", "inputs"})

    def test_missing_peers_are_reported_with_the_reason(self):
        text = run("--smoke", "--rows", "linear", "--sizes", "10", "--threads", "1", "--output", self.folder / "all").stdout
        result = json.loads((self.folder / "all" / "result.json").read_text())
        found = {peer.split("-")[0] for peer in result["versions"]}
        for module in ("numba", "blosc2", "jax"):
            self.assertTrue(module in found or module in result["missing"].get(f"with_{module}", ""), text)
        for file, why in result["missing"].items():
            self.assertIn(f"| {file} | missing: {why} |", (self.folder / "all" / "report.md").read_text())

    def test_losses_come_first_with_a_reason(self):
        headings = re.findall(r"^## (.+)$", self.report, re.MULTILINE)
        self.assertEqual(headings[0], "Where nexpr loses")
        for _, cell, peer in limits.losses(self.result):
            self.assertTrue(limits.Limits(self.result).reason(cell, peer))

    def test_charts_are_xml_with_a_label_per_peer(self):
        for name in ("size-linear.svg", "size-sum.svg"):
            texts = [x.text for x in ElementTree.parse(self.folder / name).iter("{http://www.w3.org/2000/svg}text")]
            self.assertIn("nexpr-auto", texts)
            self.assertIn(f"({name})", self.report)

    def test_resume_measures_what_is_missing_and_keeps_the_rest(self):
        before = self.cell("linear")
        shortened = copy.deepcopy(self.result)
        shortened["cells"] = [c for c in shortened["cells"] if c["row"] != "sum"]
        other = self.folder / "resumed"
        other.mkdir()
        (other / "result.json").write_text(json.dumps(shortened))
        done = run("--smoke", "--peers", PEERS, "--output", other, "--resume")
        self.assertEqual(done.returncode, 0, done.stdout)
        result = json.loads((other / "result.json").read_text())
        self.assertEqual(sorted((c["row"], c["asked"], c["threads"]) for c in result["cells"]),
                         sorted((c["row"], c["asked"], c["threads"]) for c in self.result["cells"]))
        self.assertIn(before, result["cells"])

    def test_the_table_of_the_readme_has_a_line_per_row(self):
        table = report.readme_table(self.result)
        self.assertIn("| `2.0*a-4.5*b` |", table)
        self.assertIn("numpy 2.4", table)

    def test_an_unknown_row_is_an_error(self):
        done = run("--smoke", "--rows", "nothing_is_called_so", "--output", self.folder / "none")
        self.assertEqual(done.returncode, 2)
        self.assertIn("no row matches", done.stdout)


class Changes(unittest.TestCase):
    def setUp(self):
        self.keep = tempfile.TemporaryDirectory()
        self.folder = Path(self.keep.name)

    def tearDown(self):
        self.keep.cleanup()

    @staticmethod
    def made_up(times, rows=("linear",)):
        """times: {peer: median}; quartiles are 2 % off."""
        figures = {peer: {"first_ns": 1.0, "ns": [0.98 * t, t, 1.02 * t], "turns": 9} for peer, t in times.items()}
        row = {"text": "a", "note": "", "kind": "table", "layout": "flat", "inputs": {"a": "float64"}, "result": "float64",
               "operations": 1.0}
        machine = {"cpu": "one", "cpus": 1, "memory_gib": 1, "caches": {}, "kernel": "", "python": "", "system": "",
                   "commit": ""}
        return {"format": 1, "date": "", "mode": "full", "seconds": [1.0], "machine": machine, "versions": {}, "missing": {},
                "rows": {name: row for name in rows}, "yardsticks": [], "left_out": {}, "undone": [],
                "cells": [{"row": name, "n": 10, "asked": 10, "threads": 1, "bytes": 80, "peers": figures, "not": {}}
                          for name in rows]}

    def test_what_is_slower_beyond_noise_is_said_and_fails(self):
        done = compare_runs(self.folder, self.made_up({"nexpr-auto": 100.0}), self.made_up({"nexpr-auto": 120.0}))
        self.assertEqual(done.returncode, 1, done.stdout)
        self.assertIn("slower: 1", done.stdout)
        self.assertIn("100 ns -> 120 ns", done.stdout)

    def test_what_is_faster_is_said_and_passes(self):
        done = compare_runs(self.folder, self.made_up({"nexpr-auto": 120.0}), self.made_up({"nexpr-auto": 100.0}))
        self.assertEqual(done.returncode, 0, done.stdout)
        self.assertIn("faster: 1", done.stdout)

    def test_overlapping_quartiles_are_no_change(self):
        a, b = self.made_up({"nexpr-auto": 100.0}), self.made_up({"nexpr-auto": 103.0})
        done = compare_runs(self.folder, a, b, "--least", "1")
        self.assertEqual(done.returncode, 0)
        self.assertIn("slower: 0", done.stdout)

    def test_less_than_the_least_change_is_none(self):
        a, b = self.made_up({"nexpr-auto": 100.0}), self.made_up({"nexpr-auto": 106.0})
        self.assertEqual(compare_runs(self.folder, a, b).returncode, 1)
        self.assertEqual(compare_runs(self.folder, a, b, "--least", "10").returncode, 0)

    def test_a_slower_machine_is_no_change(self):
        a = {"nexpr-auto": 100.0, "c": 50.0, "numpy": 400.0, "numexpr": 300.0}
        done = compare_runs(self.folder, self.made_up(a), self.made_up({peer: 1.3 * t for peer, t in a.items()}))
        self.assertEqual(done.returncode, 0, done.stdout)
        self.assertIn("slower: 0", done.stdout)

    def test_a_slower_peer_is_said_but_passes(self):
        a = self.made_up({"nexpr-auto": 100.0, "c": 50.0})
        done = compare_runs(self.folder, a, self.made_up({"nexpr-auto": 100.0, "c": 70.0}))
        self.assertEqual(done.returncode, 0, done.stdout)
        self.assertIn("slower: 1", done.stdout)

    def test_rows_of_one_result_are_listed(self):
        done = compare_runs(self.folder, self.made_up({"c": 1.0}, ("linear", "gone")), self.made_up({"c": 1.0}))
        self.assertIn("only in A: 1 cells of gone", done.stdout)

    def test_results_without_a_common_cell_and_bad_files_are_errors(self):
        done = compare_runs(self.folder, self.made_up({"c": 1.0}, ("one",)), self.made_up({"c": 1.0}, ("two",)))
        self.assertEqual(done.returncode, 2)
        self.assertEqual(compare_runs(self.folder, {"format": 2}, {}).returncode, 2)


class Reasons(unittest.TestCase):
    """What is said of a loss, from made-up figures."""

    @staticmethod
    def reason(times, peer, n=1000, call=1.0, layout="flat", few=1):
        result = Changes.made_up({})
        result["rows"]["linear"]["layout"] = layout
        memory = [{"bytes": 1, "copy": 10.0, "copy_streamed": 5.0, "triad": 10.0, "triad_streamed": 5.0}]
        result["yardsticks"] = [{"threads": 1, "memory": memory, "fma_per_ns": 100.0, "region_ns": 1.0}]

        def cell(n, times):
            return {"row": "linear", "n": n, "asked": n, "threads": 1, "bytes": 16 * n, "not": {},
                    "peers": {p: {"first_ns": 1.0, "ns": [t] * 3, "ratio": [times["nexpr-auto"] / t] * 3, "turns": 3}
                              for p, t in times.items()}}
        result["cells"] = [cell(few, {"nexpr-auto": call}), cell(n, times)]
        return limits.Limits(result).reason(result["cells"][1], peer)

    def test_reasons(self):
        self.assertTrue(self.reason({"nexpr-auto": 80.0, "c": 20.0}, "c", call=60.0).startswith("call: 60 ns of 80 ns"))
        self.assertTrue(self.reason({"nexpr-auto": 9000.0, "c-fast": 5000.0, "c": 9000.0}, "c-fast").startswith("fast-math"))
        times = {"nexpr-auto": 9000.0, "nexpr-jit": 5000.0, "c": 5000.0}
        self.assertTrue(self.reason(times, "c").startswith("choice of tiers"))
        self.assertTrue(self.reason({"nexpr-auto": 1700.0, "c": 1600.0}, "c").startswith("memory"))
        self.assertTrue(self.reason({"nexpr-auto": 9000.0, "c": 5000.0}, "c", layout="points").startswith("layout"))
        self.assertEqual(self.reason({"nexpr-auto": 9000.0, "c": 5000.0}, "c"), "slower code")
        self.assertEqual(self.reason({"nexpr-auto": 9000.0, "c": 5000.0}, "c", few=100, call=8000.0), "slower code")

    def test_only_losses_beyond_noise_are_listed(self):
        result = Changes.made_up({"nexpr-auto": 100.0, "c": 98.0, "numpy": 300.0, "nexpr-jit": 50.0})
        for figures in result["cells"][0]["peers"].values():
            figures["ratio"] = [100.0 / t for t in figures["ns"][::-1]]
        self.assertEqual(limits.losses(result), [])
        result["cells"][0]["peers"]["c"]["ratio"] = [1.9, 2.0, 2.1]
        self.assertEqual([peer for _, _, peer in limits.losses(result)], ["c"])


class Answers(unittest.TestCase):
    def test_wrong_answers_are_found(self):
        tools = SimpleNamespace(harness=table.Harness(BUILD / "bench" / "libbench_harness.so"))
        right = np.array([1.0, np.nan, np.inf, -2.0])

        def wrong(answer, expected=right, result="float64"):
            row = table.Row("x", "a", "", "table", "flat", {"a": result}, result)
            return measure.compare(tools, row, [np.asarray(answer)], [expected])
        self.assertIsNone(wrong(right.copy()))
        self.assertIsNone(wrong(right * (1 + 1e-12)))
        self.assertIn("element 3", wrong([1.0, np.nan, np.inf, -2.001]))
        self.assertIn("element 1", wrong([1.0, 1.0, np.inf, -2.0]))
        self.assertIn("shape", wrong(right[:3]))
        whole = np.arange(4)
        self.assertIsNone(wrong(whole.copy(), whole, "int64"))
        self.assertIn("element 2", wrong([0, 1, 3, 3], whole, "int64"))
        self.assertIsNone(wrong(whole.astype(np.int32), whole, "int64"))

    def test_a_peer_that_breaks_or_is_wrong_is_left_out_with_the_reason(self):
        tools = SimpleNamespace(harness=table.Harness(BUILD / "bench" / "libbench_harness.so"))
        row = table.Row("x", "a", "", "table", "flat", {"a": "float64"}, "float64")
        right, data = np.ones(3), SimpleNamespace(outputs=[], n=3)

        def peer(prepare):
            return SimpleNamespace(prepare=lambda *arguments: prepare())
        found = {"good": peer(lambda: Call(lambda: None, lambda: [right])),
                 "wrong": peer(lambda: Call(lambda: None, lambda: [2 * right])),
                 "broken": peer(lambda: 1 // 0),
                 "unable": peer(lambda: spelling.c_call("cumsum", ["a"]))}
        ready, reasons = measure.first_calls(tools, found, row, data, 1, [right])
        self.assertEqual(set(ready), {"good"})
        self.assertIn("wrong answer: element 0", reasons["wrong"])
        self.assertIn("failed: ZeroDivisionError", reasons["broken"])
        self.assertEqual(reasons["unable"], "C has no function cumsum")


class Spellings(unittest.TestCase):
    def test_operations_are_counted(self):
        self.assertEqual(spelling.operations("2.0*a-4.5*b"), 3)
        self.assertEqual(spelling.operations("x = a+b; sqrt(x), x**2"), 10)
        self.assertEqual(spelling.operations("a[1:-1] - a[:-2]"), 1)

    def test_running_sums_are_not_elementwise(self):
        row = table.Row("x", "sin(a)", "", "table", "flat", {"a": "float64"}, "float64")
        self.assertTrue(row.is_elementwise)
        row.text = "cumsum(a)"
        self.assertFalse(row.is_elementwise)

    def test_c_has_its_own_names(self):
        [tree] = spelling.parse("arctan2(a, b)*where(a > 2.5, a, -b)")[1]
        self.assertEqual(spelling.c_expression(tree), "(atan2(a, b) * ((a > L(2.5)) ? a : (-b)))")
        with self.assertRaises(spelling.Unsupported):
            spelling.c_expression(spelling.parse("cumsum(a)")[1][0])

    def test_charts_spread_labels_apart(self):
        heights = sorted(charts.spread([100.0, 101.0, 102.0, 400.0, 401.0]))
        self.assertTrue(all(b - a >= charts.LINE_HEIGHT for a, b in zip(heights, heights[1:])))
        self.assertLessEqual(heights[-1], charts.HEIGHT - charts.BOTTOM + 6)


if __name__ == "__main__":
    outcome = unittest.main(exit=False).result
    bad = len(outcome.failures) + len(outcome.errors)
    print(f"{outcome.testsRun - bad} passed, {bad} failed")
    sys.exit(bad > 0)
