# SPDX-License-Identifier: GPL-2.0-or-later
"""The pytest plugin between a test run and the lab's runner: it tells on stdout what is collected, begun and ended,
one JSON object per line after a marker, so that a run that is cut off (a kernel that panics) still says where.

It also ends a test that takes longer than 120 s, or than @pytest.mark.limit(SECONDS) allows.
"""

import json
import os
import signal
import sys

import pytest

from .suites import MARK

LIMIT = 120.0


def _tell(**message) -> None:
    # Written to the descriptor pytest started with: capturing replaces descriptor 1 while a test runs.
    os.write(_channel, (MARK + json.dumps(message) + "\n").encode())


_channel = os.dup(1)


class TookTooLong(BaseException):
    """No Exception, and above all no OSError: what waits takes those for "not yet", or for the end of what it reads."""


def pytest_configure(config):
    config.addinivalue_line("markers", "limit(seconds): end the test after so many seconds instead of 120")
    # A shell gives what it runs in the background SIGINT ignored, and everybody started from there inherits it: a test
    # that interrupts somebody would wait in vain.
    signal.signal(signal.SIGINT, signal.default_int_handler)


def pytest_collection_finish(session):
    _tell(kind="collected", ids=[item.nodeid for item in session.items])


def pytest_collectreport(report):
    if report.failed:
        _tell(kind="ended", id=report.nodeid or "collection", outcome="failed", seconds=0.0,
              text=str(report.longrepr))


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_protocol(item):
    mark = item.get_closest_marker("limit")
    limit = float(mark.args[0]) if mark else LIMIT

    def too_long(*_):
        raise TookTooLong(f"the test took longer than {limit:g} s")

    _tell(kind="begun", id=item.nodeid)
    previous = signal.signal(signal.SIGALRM, too_long)
    signal.setitimer(signal.ITIMER_REAL, limit)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, previous)


_phases: dict[str, list] = {}


def pytest_runtest_logreport(report):
    """One test has up to three reports: setup, call, teardown. The worst counts."""
    phases = _phases.setdefault(report.nodeid, [])
    phases.append(report)
    if report.when != "teardown":
        return
    del _phases[report.nodeid]
    worst = next((phase for phase in phases if phase.failed), None) or \
        next((phase for phase in phases if phase.skipped), None)
    outcome = "passed" if worst is None else worst.outcome
    _tell(kind="ended", id=report.nodeid, outcome=outcome, seconds=sum(phase.duration for phase in phases),
          text=_text(worst))


def _text(report) -> str:
    if report is None:
        return ""
    if report.skipped:
        return str(report.longrepr[2]) if isinstance(report.longrepr, tuple) else str(report.longrepr)
    parts = [report.longreprtext] + [f"--- {name}\n{content}" for name, content in report.sections]
    return "\n".join(parts)


def pytest_sessionfinish(session):
    sys.stdout.flush()
