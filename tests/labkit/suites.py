# SPDX-License-Identifier: GPL-2.0-or-later
"""The three kinds of test programs, each run so that every single test is counted."""

import json
import os
import re
import subprocess
import time
from pathlib import Path
from xml.etree import ElementTree

from . import gtest
from .child import GIVES_WAY, reading
from .paths import LOGS, ROOT

MARK = "@lab "  # begins a message of pytest_lab.py, which this module must not import: pytest may not be there yet
SKIPPED_STATUS = 77
MAX_PATTERN = 60_000  # of one command line argument; the kernel's limit is 128 KiB


def _result(suite: str, name: str, outcome: str, seconds: float, text: str = ""):
    from .testing import Result
    return Result(f"{suite}/{name}", outcome, seconds, text)


def _is_slow(test: dict) -> bool:
    return any(item["name"] == "LABELS" and "slow" in item["value"] for item in test.get("properties", ()))


def ctest_suite(suite: str, directory: Path, tally, wanted, quick: bool = False) -> None:
    """Programs of GoogleTest as wholes, the rest by ctest; with `quick`, what is labelled slow waits for the whole run."""
    if not (directory / "CTestTestfile.cmake").exists():
        return
    listed = subprocess.run(["ctest", "--test-dir", directory, "--show-only=json-v1"], stdout=subprocess.PIPE,
                            text=True, check=True)
    tests = json.loads(listed.stdout)["tests"]
    meant = [test for test in tests if not (quick and _is_slow(test)) and wanted.search(f"{suite}/{test['name']}")]
    gtest.run([test for test in meant if gtest.filter_of(test)], lambda *result: tally.add(_result(suite, *result)))
    selected = [test["name"] for test in meant if not gtest.filter_of(test)]
    for chunk in _chunks(selected):
        _ctest_run(suite, directory, tally, ["-R", "^(" + "|".join(map(_escape, chunk)) + ")$"], len(chunk))


def _escape(name: str) -> str:
    """For CMake's regular expressions, which know fewer escapes than Python's."""
    return re.sub(r"([][^$.|?*+()\\])", r"\\\1", name)


def _chunks(names: list[str]):
    chunk, size = [], 0
    for name in names:
        if chunk and size + len(name) * 2 > MAX_PATTERN:
            yield chunk
            chunk, size = [], 0
        chunk.append(name)
        size += len(name) * 2
    if chunk:
        yield chunk


ENDED = re.compile(r"\s*\d+/\d+ Test\s+#\d+: (.*?) \.*\s*(\*\*\*)?(Passed|Failed|Skipped|Timeout|Not Run|Exception: \S+"
                   r"|[A-Z]\S*)\s.*?([\d.]+) sec")


def _ctest_run(suite: str, directory: Path, tally, arguments: list[str], expected: int) -> None:
    junit = LOGS / f"{suite}-{len(tally.results)}.xml"
    command = [*GIVES_WAY, "ctest", "--test-dir", str(directory), "-j", str(os.cpu_count()), "--output-junit", str(junit),
               "--timeout", "300", *arguments]
    before = tally.told(suite)
    with open(LOGS / f"{suite}.log", "a") as log, reading(command) as running:
        failed = []
        for line in running.stdout:
            log.write(line)
            ended = ENDED.match(line)
            if ended and ended[3] == "Passed":
                tally.add(_result(suite, ended[1], "passed", float(ended[4])))
            elif ended:
                failed.append(ended[1])
    for case in ElementTree.parse(junit).getroot().iter("testcase") if junit.exists() else ():
        if case.get("name") in failed:
            _add_unpassed(suite, tally, case)
    missing = expected - (tally.told(suite) - before)
    if missing:
        tally.add(_result(suite, "ctest", "failed", 0.0, f"{missing} of {expected} tests did not report; see "
                          f"{LOGS}/{suite}.log"))


def _add_unpassed(suite: str, tally, case) -> None:
    """ctest calls a test skipped also when its program is missing; only those that asked for it are."""
    text = (case.findtext("system-out") or "").strip()
    skipped = case.find("skipped")
    message = skipped.get("message", "") if skipped is not None else ""
    asked = message.startswith("SKIP_") or message == "Disabled"
    if asked:
        text = text.splitlines()[-1] if text else "no reason given"
    tally.add(_result(suite, case.get("name"), "skipped" if asked else "failed", float(case.get("time") or 0),
                      text or message))


def lint_suite(suite: str, directory: Path, tally, wanted) -> None:
    """Where the folder tells CMake about its scripts, ctest runs them already."""
    if (directory / "CMakeLists.txt").exists() or not directory.is_dir():
        return
    for script in sorted(directory.iterdir()):
        if not (script.is_file() and os.access(script, os.X_OK) and wanted.search(f"{suite}/{script.name}")):
            continue
        started = time.monotonic()
        done = subprocess.run([script], cwd=ROOT, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                              stderr=subprocess.STDOUT, text=True, errors="replace")
        outcome = {0: "passed", SKIPPED_STATUS: "skipped"}.get(done.returncode, "failed")
        tally.add(_result(suite, script.name, outcome, time.monotonic() - started, done.stdout))


class PytestRun:
    """Turns the plugin's messages into results, and what never came into failures."""

    def __init__(self, suite: str, tally):
        self.suite = suite
        self.tally = tally
        self.open: dict[str, float] = {}  # collected and not yet ended
        self.running = ""
        self.output: list[str] = []

    def take(self, line: str) -> None:
        _, mark, rest = line.partition(MARK)  # pytest's own dots may stand before it
        if not mark:
            self.output.append(line)
            return
        message = json.loads(rest)
        if message["kind"] == "collected":
            self.open = dict.fromkeys(message["ids"], 0.0)
        elif message["kind"] == "begun":
            self.running = message["id"]
        elif message["kind"] == "ended":
            self.open.pop(message["id"], None)
            self.running = ""
            self._add(message["id"], message["outcome"], message["seconds"], message["text"])

    def finish(self, file: str, status: int) -> None:
        said = "".join(self.output)
        for name in self.open:
            why = "the run was cut off in this test" if name == self.running else "did not run: the run was cut off"
            self._add(name, "failed", 0.0, f"{said}\n{why} (status {status})")
        # 0 all passed, 1 some failed, 5 nothing selected: those speak for themselves.
        if status not in (0, 1, 5) and not self.open:
            self._add(file, "failed", 0.0, f"{said}\nthe run ended with status {status}")

    def _add(self, name: str, outcome: str, seconds: float, text: str) -> None:
        self.tally.add(_result(self.suite, _short(name), outcome, seconds, text))


def _short(name: str) -> str:
    """The suite says the folder already."""
    return re.sub(r"^tests/\w+/", "", name)


def pytest_suite(suite: str, files: list[Path], tally, wanted, command, environment) -> None:
    """Runs the files as one. command(arguments) gives the command line, which may be one that boots a machine."""
    names = [str(file.relative_to(ROOT)) for file in files]
    arguments = names
    if wanted.pattern:
        arguments = [test for name in names for test in _collect(name, suite, wanted, environment)]
        if not arguments:
            return
    run = PytestRun(suite, tally)
    log_path = LOGS / f"{suite}-{files[0].stem}.log"
    with open(log_path, "w") as log, reading(command(arguments), cwd=ROOT, env=environment) as running:
        for line in running.stdout:
            log.write(line)
            log.flush()
            run.take(line)
    run.finish(names[0], running.returncode)


def _collect(name: str, suite: str, wanted, environment) -> list[str]:
    """The ids in the file that match; if it cannot be collected, the file itself, so that the failure is seen."""
    listed = subprocess.run(["/usr/bin/python3", "-m", "pytest", "--collect-only", "-q", "-p", "no:cacheprovider",
                             "-p", "labkit.pytest_lab", "--rootdir", str(ROOT), "--import-mode", "importlib", name],
                            cwd=ROOT, env=environment, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True)
    ids = [line.strip() for line in listed.stdout.splitlines() if "::" in line and MARK not in line]
    if not ids and listed.returncode != 5:
        return [name]
    return [test for test in ids if wanted.search(f"{suite}/{_short(test)}")]
