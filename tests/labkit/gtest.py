# SPDX-License-Identifier: GPL-2.0-or-later
"""GoogleTest programs as wholes: one process for all tests of a program, in an order of chance, which finds tests that
lean on each other. ctest gives every test a process of its own, which costs most of the time that short ones take."""

import json
import os
import subprocess
import tempfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from .child import GIVES_WAY
from .paths import LOGS

FILTER = "--gtest_filter="
LONGEST = 300  # seconds of a program
SKIPPED = "SKIPPED"


def filter_of(test: dict) -> str:
    """What ctest tells the program for this test; empty: it is no test of GoogleTest."""
    return next((word.removeprefix(FILTER) for word in test.get("command", ()) if word.startswith(FILTER)), "")


def run(tests: list[dict], add) -> None:
    """Tells add(name, outcome, seconds, text) of each of ctest's tests."""
    programs: dict[str, dict[str, str]] = {}
    folders = {}
    for test in tests:
        program = test["command"][0]
        programs.setdefault(program, {})[filter_of(test)] = test["name"]
        folders[program] = next((item["value"] for item in test.get("properties", ())
                                 if item["name"] == "WORKING_DIRECTORY"), None)
    longest_first = sorted(programs, key=lambda program: -len(programs[program]))
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        for results in pool.map(lambda program: _run_one(program, programs[program], folders[program]), longest_first):
            for result in results:
                add(*result)


def _run_one(program: str, names: dict[str, str], folder) -> list[tuple]:
    with tempfile.TemporaryDirectory() as place:
        report = Path(place) / "report.json"
        command = [*GIVES_WAY, program, FILTER + ":".join(names), f"--gtest_output=json:{report}",
                   "--gtest_also_run_disabled_tests", "--gtest_shuffle"]
        try:
            done = subprocess.run(command, cwd=folder, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                                  stderr=subprocess.STDOUT, text=True, errors="replace", timeout=LONGEST)
            output, status = done.stdout, done.returncode
        except subprocess.TimeoutExpired as expired:
            output, status = (expired.stdout or b"").decode(errors="replace"), f"after {LONGEST} s"
        cases = _cases(report)
    (LOGS / f"{Path(program).name}.log").write_text(output)
    out = [_judge(name, cases.pop(wanted, None), output, status) for wanted, name in names.items()]
    if status != 0 and all(outcome != "failed" for _, outcome, _, _ in out):  # a leak, found at the end
        out.append((Path(program).name, "failed", 0.0, f"ended with status {status}:\n{output}"))
    return out


def _cases(report: Path) -> dict[str, dict]:
    if not report.exists():
        return {}
    suites = json.loads(report.read_text()).get("testsuites", ())
    return {f"{case['classname']}.{case['name']}": case for suite in suites for case in suite["testsuite"]}


def _judge(name: str, case, output: str, status) -> tuple:
    if case is None:
        return name, "failed", 0.0, f"the program ended with status {status} and no word of this test:\n{output}"
    seconds = float(case.get("time", "0s").rstrip("s"))
    if case.get("result") == SKIPPED:
        return name, "skipped", seconds, "GTEST_SKIP"
    failures = "\n".join(failure["failure"] for failure in case.get("failures", ()))
    return name, "failed" if failures else "passed", seconds, failures
