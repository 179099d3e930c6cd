# SPDX-License-Identifier: GPL-2.0-or-later
"""The demo, as somebody who types the command sees it."""

import re
import subprocess
from pathlib import Path

import pytest

LAB = Path(__file__).resolve().parents[1] / "lab"

pytestmark = pytest.mark.limit(900)


def demo(*options: str) -> subprocess.CompletedProcess:
    return subprocess.run([LAB, "demo", *options], text=True, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                          stderr=subprocess.PIPE)


def test_everything_that_must_be_seen_is_seen():
    done = demo()
    print(done.stdout[-6000:])  # for the report of a failure
    assert done.returncode == 0, done.stderr
    assert len(re.findall(r"^  ok    ", done.stdout, re.M)) == 3
    assert "FAILED" not in done.stdout
    for event in ("s2: its web server is killed", "d1 sees that s2 is down", "s2 answers requests again",
                  "d1, the master, loses power", "d2 is master", "d1 is back and master again"):
        assert event in done.stdout, event
    assert re.search(r"Requests: \d{3,} sent, \d{3,} answered, \d+ failed; the longest time between two answers "
                     r"was \d+ ms", done.stdout)


def test_keeping_the_cluster_needs_a_terminal():
    done = demo("--keep")
    assert done.returncode == 125
    assert "needs a terminal" in done.stderr
