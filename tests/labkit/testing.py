# SPDX-License-Identifier: GPL-2.0-or-later
"""`lab test`: every test of the tree, with a line for each as it ends, and one line to sum up.

    unit   ctest in build/asan: units, simulation, fuzz corpora
    lint   the executable files of tests/lint
    net    pytest in tests/net: real programs in namespaces of this machine, no IPVS
    vm     pytest in tests/vm, inside virtual machines. A file may say what it needs, as a literal:
           LAB = {"kernels": ["6.1"], "systemd": True, "ipvs": "bundled", "cpus": 1, "memory": 2048, "icount": True,
           "timeout": 900}; files that need the same share a machine, and its time is the sum of theirs. Those for
           {"kernels": ["debug"]} come last
    lab    pytest in tests/lab_tests: tests of the lab itself that boot machines

A file of pytest that says LAB = {"when": "long"} takes many minutes and is run with --long only; one of net that says
"when": "whole" takes more than some seconds and waits for the whole run, and one that says "alone": True as well is not
run beside the units: it measures times. A run that leaves files out says so.

A test's id is SUITE/NAME; the pattern is searched in it. Logs are kept in build/test-logs.
"""

import ast
import os
import re
import shutil
import threading
import time
from contextlib import nullcontext
from dataclasses import dataclass
from pathlib import Path

from . import ahead, build, debug_kernel, kernels, packages
from .child import side_by_side
from .paths import BUILD, CACHE, LOGS, ROOT, TESTS, bin_dir
from .say import LabError, tail
from .suites import ctest_suite, lint_suite, pytest_suite

TIMEOUT = 300  # seconds, of a file that does not say
QUICK = ("unit", "lint", "net")
SUITES = (*QUICK, "vm", "lab")


@dataclass
class Result:
    id: str
    outcome: str  # passed, failed, skipped
    seconds: float
    text: str = ""  # why it was skipped, or what it said when it failed


class Tally:
    """Prints each result and keeps the count."""

    def __init__(self):
        self.results: list[Result] = []
        self.lock = threading.Lock()

    def add(self, result: Result) -> None:
        with self.lock:
            self._add(result)

    def _add(self, result: Result) -> None:
        self.results.append(result)
        word = {"passed": "ok", "failed": "FAILED", "skipped": "skipped"}[result.outcome]
        why = f"  ({result.text.strip().splitlines()[-1]})" if result.outcome == "skipped" and result.text else ""
        print(f"{word:8}{result.seconds:8.2f} s  {result.id}{why}", flush=True)
        if result.outcome == "failed":
            log = LOGS / (re.sub(r"[^\w.\[\]-]+", "_", result.id)[:150] + ".log")
            log.write_text(result.text + "\n")
            print(tail(result.text) + f"\n    (all of it: {log})", flush=True)

    def told(self, suite: str) -> int:
        """How many results there are of the suite; others may come at the same time."""
        return sum(result.id.startswith(f"{suite}/") for result in self.results)

    def count(self, outcome: str) -> int:
        return sum(result.outcome == outcome for result in self.results)

    def finish(self, seconds: float) -> int:
        failed = [result for result in self.results if result.outcome == "failed"]
        print(f"\nin {seconds:.0f} s")
        for result in failed:
            print(f"FAILED  {result.id}")
        if not self.results:
            print("no test matches")
        skipped = f", {self.count('skipped')} skipped" if self.count("skipped") else ""
        print(f"{self.count('passed')} passed, {len(failed)} failed{skipped}", flush=True)
        return 1 if failed or not self.results else 0


def run(quick: bool, long: bool, pattern: str) -> int:
    try:
        wanted = re.compile(pattern)
    except re.error as error:
        raise LabError(f"the pattern is not a regular expression: {error}") from None
    started = time.monotonic()
    packages.ensure("build", "cluster", "test", *(() if quick else ("vm", "module", "package", "debug-kernel")))
    shutil.rmtree(LOGS, ignore_errors=True)
    LOGS.mkdir(parents=True)
    tally = Tally()
    when = "quick" if quick else "long" if long else "whole"
    suites = [suite for suite in (QUICK if quick else (*SUITES, "debug")) if _may_match(pattern, suite)]
    with ahead.making(_environment()) if not quick and not pattern else nullcontext() as ahead_of_it:
        if build.has_sources():
            build.build("release", *build.WHAT_RUNS, "lvsd-test-tools")

        def work_off(*some: str) -> None:
            for suite in some:
                if suite in suites:
                    RUNNERS[suite](tally, wanted, when)

        units = _Units(lambda: work_off("unit"))

        def work_off_others() -> None:
            work_off("lint", "net")
            if not quick:
                units.begin_no_more()
                work_off("vm", "lab")

        # The compiler and the units give way to the others, which wait most of the time.
        side_by_side(*([units.compile_and_run] if "unit" in suites else ()), work_off_others)
        units.run()
        if not quick:
            if "net" in suites:
                _net_alone(tally, wanted, when)
            if "debug" in suites:
                _debug(tally, wanted, when, ahead_of_it)
    return tally.finish(time.monotonic() - started)


def _may_match(pattern: str, suite: str) -> bool:
    """A pattern that begins with the name of a suite spares the others, above all building what they need; so does each
    side of a bar."""
    named = [re.match(r"(unit|lint|net|vm|lab)[-/]", side) for side in pattern.split("|")]
    return None in named or {"debug": "vm"}.get(suite, suite) in {match[1] for match in named}


class _Units:
    """Beside the machines the units are compiled and not run: there they would get too little time for their
    deadlines. Those that are not compiled before the machines wait until these have ended."""

    def __init__(self, work_off):
        self.work_off = work_off
        self.left = True
        self.mine = threading.Lock()
        self.may_begin = True

    def compile_and_run(self) -> None:
        if build.has_sources():
            build.build("asan", beside=True)
        with self.mine:
            if self.may_begin:
                self.run()

    def run(self) -> None:
        if self.left:
            self.left = False
            self.work_off()

    def begin_no_more(self) -> None:
        """Returns when those that have begun have ended."""
        with self.mine:
            self.may_begin = False


def _unit(tally: Tally, wanted, when: str) -> None:
    ctest_suite("unit", BUILD / "asan", tally, wanted, when == "quick")


def _lint(tally: Tally, wanted, _) -> None:
    lint_suite("lint", TESTS / "lint", tally, wanted)


def _net(tally: Tally, wanted, when: str) -> None:
    _natively("net", [file for file in _files("net", when) if not needs_of(file).get("alone")], tally, wanted)


def _net_alone(tally: Tally, wanted, when: str) -> None:
    _natively("net", [file for file in _files("net", when, say=False) if needs_of(file).get("alone")], tally, wanted)


def _lab(tally: Tally, wanted, when: str) -> None:
    _natively("lab", _files("lab_tests", when), tally, wanted)


def _natively(suite: str, files: list[Path], tally: Tally, wanted) -> None:
    for file in files:
        pytest_suite(suite, [file], tally, wanted, _python_command, _environment())


def _vm(tally: Tally, wanted, when: str) -> None:
    for machine, files in machines(_files("vm", when), kernels.DEBIAN).items():
        _in_machine(tally, wanted, machine, files)


def _debug(tally: Tally, wanted, when: str, ahead_of_it) -> None:
    """The kernel that watches comes last: a fresh machine builds it meanwhile. A run of chosen tests builds it only
    where nothing else is asked for, and says what it leaves out."""
    for machine, files in machines(_files("vm", when), ("debug",)).items():
        if ahead_of_it:
            ahead.wait(ahead_of_it)
        if debug_kernel.is_current(CACHE / "debug") or ahead_of_it or wanted.pattern.startswith("vm-debug"):
            _in_machine(tally, wanted, machine, files)
        elif wanted.search(f"vm-debug/{files[0].name}"):
            tally.add(Result(f"vm-debug/{files[0].name}", "skipped", 0.0, "the debug kernel is not built; "
                             "`tests/lab test vm-debug` builds it, in 13 minutes of two processors"))


def _in_machine(tally: Tally, wanted, machine: tuple, files: list[Path]) -> None:
    timeout = sum(needs_of(file).get("timeout", TIMEOUT) for file in files)
    options = ["--kernel", machine[0], *_machine_options(dict(machine[1:])), "--timeout", str(timeout)]
    pytest_suite(f"vm-{machine[0]}", files, tally, wanted,
                 lambda arguments: [str(TESTS / "lab"), "run", *options, "--", *_python_command(arguments)], _environment())


def machines(files: list[Path], names: tuple) -> dict[tuple, list[Path]]:
    """What each machine is, and the files that run in it. To boot one costs as much as a file of tests."""
    out: dict[tuple, list[Path]] = {}
    for kernel in names:
        for file in files:
            needs = needs_of(file)
            if kernel in needs.get("kernels", kernels.DEBIAN):
                wants = sorted(item for item in needs.items() if item[0] not in ("kernels", "when", "timeout"))
                out.setdefault((kernel, *wants), []).append(file)
    return out


RUNNERS = {"unit": _unit, "lint": _lint, "net": _net, "vm": _vm, "lab": _lab}


def needs_of(file: Path) -> dict:
    """The file's LAB literal; read without running the file, which may only make sense inside the machine."""
    for statement in ast.parse(file.read_text()).body:
        if isinstance(statement, ast.Assign) and getattr(statement.targets[0], "id", "") == "LAB" and \
                isinstance(statement.value, ast.Dict):
            return ast.literal_eval(statement.value)
    return {}


def _machine_options(needs: dict) -> list[str]:
    options = []
    for key, value in needs.items():
        if value is True:
            options.append(f"--{key}")
        elif value is not False:
            options += [f"--{key}", str(value)]
    return options


WHEN = ("quick", "whole", "long")  # each runs what those before it do


def _files(directory: str, when: str, say: bool = True) -> list[Path]:
    """Those of the run; the others are named."""
    out = []
    for file in sorted((TESTS / directory).glob("test_*.py")):
        wants = needs_of(file).get("when", "quick" if directory == "net" else "whole")
        if WHEN.index(wants) <= WHEN.index(when):
            out.append(file)
        elif say:
            how = {"whole": "tests/lab test", "long": "tests/lab test --long"}[wants]
            print(f"left out  tests/{directory}/{file.name}: {how}", flush=True)
    return out


def _python_command(arguments: list[str]) -> list[str]:
    return ["/usr/bin/python3", "-m", "pytest", "-p", "labkit.pytest_lab", "-p", "no:cacheprovider",
            "--rootdir", str(ROOT), "--import-mode", "importlib", "-q", *arguments]


def _environment() -> dict[str, str]:
    path = f"{bin_dir()}:/usr/sbin:/usr/bin:/sbin:/bin:{os.environ.get('PATH', '')}"
    return dict(os.environ, PYTHONPATH=str(TESTS), PYTHONPYCACHEPREFIX=str(CACHE / "pycache"), PATH=path)
