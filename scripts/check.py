# SPDX-License-Identifier: MIT
"""The parts of scripts/check: each builds a variant, runs its tests and counts them. The last line sums up."""

import json
import os
import re
import shutil
import subprocess
import sys
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
FUZZ_SECONDS = 30
SANITIZER_ENVIRONMENT = {
    "ASAN_OPTIONS": "detect_leaks=1:abort_on_error=1:allocator_may_return_null=1",
    "UBSAN_OPTIONS": "print_stacktrace=1:halt_on_error=1",
    "TSAN_OPTIONS": "halt_on_error=1:die_after_fork=0:atexit_sleep_ms=20", # which is 1000, and there are hundreds of children
    "NEXPR_ISA": "avx2", # at most: see meson.build
    # What random tests try under sanitizers; all of it is tried by the release build.
    "NEXPR_TEST_POINTS": "2900", # one round of 3,000 in math_complex
    "NEXPR_TEST_PROGRAMS": "500",
}
# Tests with several threads, by name: their programs; with `tier` comes the plug-in, which the others then find too.
THREAD_TESTS = {**{name: f"tests/runtime/{name}_test" for name in ("buffers", "evaluate", "fork", "plan", "threads")},
                "tier": "tier_tests",
                **{f"io {name}": f"tests/io/io_{name}_test" for name in ("csv", "job")},
                **{f"jit_{name}": "jit_tests" for name in ("arena", "disk", "jit", "process")}}


class Tally:
    def __init__(self):
        self.passed, self.failed, self.lines = 0, 0, []

    def add(self, passed, failed):
        self.passed += passed
        self.failed += failed


def say(text):
    print(f"check: {text}", flush=True)


def run(command, **environment):
    """Runs a command from the root; its exit status."""
    return subprocess.run([str(word) for word in command], cwd=ROOT, stdin=subprocess.DEVNULL,
                          env={**os.environ, **environment}).returncode


def build(folder, options, targets=(), **environment):
    """Sets up and compiles a variant, or some targets of it; True if it worked."""
    if not (ROOT / folder / "build.ninja").is_file():
        shutil.rmtree(ROOT / folder, ignore_errors=True)
        if run(["meson", "setup", folder, *options], **environment):
            return False
    elif run(["meson", "configure", folder, *options]):
        return False
    return run(["ninja", "-C", folder, "--quiet", *targets]) == 0


# ------------------------------------------------------------------------------------------------------------- counting

CMOCKA_RUN = re.compile(r"\[==========\] (\d+) test\(s\) run")
CMOCKA_FAILED = re.compile(r"\[  FAILED  \] (\d+) test\(s\), listed below")
PLAIN = re.compile(r"^(\d+) passed, (\d+) failed", re.MULTILINE)


def count_one(result, output):
    """(passed, failed) of one program: what its output counts, or 1. A program that fails has failed at least once, and so
    has one that was skipped: here nothing may be."""
    passed = sum(int(m[1]) for m in PLAIN.finditer(output)) + sum(int(m[1]) for m in CMOCKA_RUN.finditer(output))
    failed = sum(int(m[2]) for m in PLAIN.finditer(output))
    cmocka_failed = sum(int(m[1]) for m in CMOCKA_FAILED.finditer(output))
    passed, failed = passed - cmocka_failed, failed + cmocka_failed
    if result == "OK":
        return max(passed, 1), failed
    return passed, max(failed, 1)


def count_log(log, tally):
    """Adds up meson's log of one run."""
    for line in log.read_text(encoding="utf-8").splitlines():
        entry = json.loads(line)
        tally.add(*count_one(entry["result"], entry.get("stdout", "") + entry.get("stderr", "")))
        if entry["result"] != "OK":
            tally.lines.append(f"{log.parent.parent.name}: {entry['name']}: {entry['result']}")


def run_tests(folder, tally, *arguments, **environment):
    logs = ROOT / folder / "meson-logs"
    for old in logs.glob("testlog*.json"):
        old.unlink()
    status = run(["meson", "test", "-C", folder, "--no-rebuild", "--print-errorlogs", *arguments], **environment)
    failed_before = tally.failed
    for log in logs.glob("testlog*.json"):  # its name tells the wrapper, if there is one
        count_log(log, tally)
    if status and tally.failed == failed_before:
        tally.add(0, 1)
        tally.lines.append(f"{folder}: meson test ended with {status}")


def compile_or_fail(folder, options, tally, targets=(), **environment):
    if build(folder, options, targets, **environment):
        return True
    tally.add(0, 1)
    tally.lines.append(f"{folder}: does not build")
    return False


# ---------------------------------------------------------------------------------------------------------------- parts

def release(tally):
    """The release build and the whole suite."""
    if compile_or_fail("build-release", ["--buildtype=release", "-Dtests=enabled", "-Dbench=enabled"], tally):
        run_tests("build-release", tally)


def sanitizer_options(which):
    return ["--buildtype=debugoptimized", f"-Db_sanitize={which}", "-Db_lundef=false", "-Dbench=disabled"]


def build_with_clang(tally):
    """One build serves the suite under sanitizers and the fuzzers."""
    options = [*sanitizer_options("address,undefined"), "-Dfuzz=true", "-Dc_args=-fsanitize=fuzzer-no-link"]
    return compile_or_fail("build-sanitize", options, tally, CC="clang")


def sanitize(tally):
    """The C tests and those of the command under AddressSanitizer, LeakSanitizer and UndefinedBehaviorSanitizer."""
    if build_with_clang(tally):
        slowly = ["--timeout-multiplier", "5"]
        run_tests("build-sanitize", tally, "--suite", "unit", "--suite", "library", *slowly, **SANITIZER_ENVIRONMENT)
        run_tests("build-sanitize", tally, "cli", "io roundtrip", *slowly, **SANITIZER_ENVIRONMENT)


def without_address_randomisation():
    """ThreadSanitizer of older compilers does not find its way in a randomised address space."""
    wrap = "setarch -R"
    works = shutil.which("setarch") and subprocess.run([*wrap.split(), "true"], stderr=subprocess.DEVNULL).returncode == 0
    return ["--wrap", wrap] if works else []


def thread(tally):
    """Threads, concurrent evaluations and files under ThreadSanitizer, with the pool: libgomp is not made for it."""
    if compile_or_fail("build-thread", sanitizer_options("thread"), tally, sorted(set(THREAD_TESTS.values())), CC="clang"):
        run_tests("build-thread", tally, *without_address_randomisation(), "--timeout-multiplier", "5", *THREAD_TESTS,
                  NEXPR_THREADING="pool", **SANITIZER_ENVIRONMENT)


def start_fuzzer(program, found):
    """(name, log, process) of one that runs from the corpus that is kept; what it finds goes to the folder `found`."""
    (found / program.name).mkdir(parents=True, exist_ok=True)
    log = found / f"{program.name}.log"
    kept = ROOT / "tests" / "fuzz" / "corpus" / program.name.removeprefix("fuzz_")
    command = [program, f"-max_total_time={FUZZ_SECONDS}", "-timeout=20", "-rss_limit_mb=4096", f"-artifact_prefix={found}/",
               found / program.name, *([kept] if kept.is_dir() else [])]
    with open(log, "w", encoding="utf-8") as output:
        process = subprocess.Popen(list(map(str, command)), stdin=subprocess.DEVNULL, stdout=output, stderr=output,
                                   env={**os.environ, **SANITIZER_ENVIRONMENT})
    return program.name, log, process


def finish_fuzzer(tally, name, log, process):
    status = process.wait()
    text = log.read_text(encoding="utf-8", errors="replace")
    tally.add(status == 0, status != 0)
    say(f"{name}: {text.strip().splitlines()[-1] if text.strip() else 'no output'}")
    if status:
        print(text[-4000:])
        tally.lines.append(f"build-sanitize: {name} found something")


def fuzz(tally):
    """Every fuzzer for half a minute on a CPU of its own, from the corpus that is kept."""
    if not build_with_clang(tally):
        return
    programs = [path for path in sorted((ROOT / "build-sanitize" / "tests" / "fuzz").glob("fuzz_*"))
                if path.is_file() and os.access(path, os.X_OK)]
    if not programs:
        tally.add(0, 1)
        tally.lines.append("build-sanitize: there are no fuzzers")
    at_once = len(os.sched_getaffinity(0))
    for first in range(0, len(programs), at_once):
        batch = programs[first:first + at_once]
        for running in [start_fuzzer(program, ROOT / "build-sanitize" / "found") for program in batch]:
            finish_fuzzer(tally, *running)


PARTS = {"release": release, "sanitize": sanitize, "thread": thread, "fuzz": fuzz}


def main():
    wanted = sys.argv[1:] or list(PARTS)
    unknown = [name for name in wanted if name not in PARTS]
    if unknown:
        sys.exit(f"check: there is no part {unknown[0]}; there are {', '.join(PARTS)}")
    total, times = Tally(), []
    for name in wanted:
        say(f"{name}: {PARTS[name].__doc__}")
        start, tally = time.monotonic(), Tally()
        PARTS[name](tally)
        times.append(f"{name}: {tally.passed} passed, {tally.failed} failed in {time.monotonic() - start:.0f} s")
        total.add(tally.passed, tally.failed)
        total.lines += tally.lines
    for line in times + total.lines:
        say(line)
    print(f"{total.passed} passed, {total.failed} failed")
    return total.failed > 0 or total.passed == 0


if __name__ == "__main__":
    sys.exit(main())
