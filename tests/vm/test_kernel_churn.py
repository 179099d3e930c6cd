# SPDX-License-Identifier: GPL-2.0-or-later
"""A short churn of our own module; tests/kernel/churn.py with --seconds 120 is the long one."""

import subprocess
import sys
from pathlib import Path

import pytest

LAB = {"ipvs": "bundled", "memory": 2048, "timeout": 900}
CHURN = Path(__file__).resolve().parents[1] / "kernel/churn.py"


@pytest.mark.limit(600)
def test_nothing_is_left_after_churn():
    done = subprocess.run([sys.executable, CHURN, "--seconds", "24", "--round", "6"], stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT, text=True)
    subprocess.run(["modprobe", "ip_vs"], check=True)  # for the tests that follow
    assert done.returncode == 0, done.stdout
    assert "no complaint, no leak" in done.stdout
