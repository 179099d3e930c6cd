# SPDX-License-Identifier: GPL-2.0-or-later
"""The short form of tests/bench/vrrp_soak.py, with intervals that a machine with other work can keep."""

from pathlib import Path

from labkit.loading import load

LAB = {"when": "whole", "alone": True}

BENCH = Path(__file__).resolve().parents[1] / "bench" / "vrrp_soak.py"


def test_no_false_failover_while_reloading_under_load():
    soak = load(BENCH)
    row = soak.soak(20, "100ms", 4)
    assert row["reloads"] >= 15 and row["false_failovers"] == 0 and row["checks"] == soak.CHECKS
