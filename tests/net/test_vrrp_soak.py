# SPDX-License-Identifier: GPL-2.0-or-later
"""The short form of tests/bench/vrrp_soak.py, with intervals that a machine with other work can keep."""

import importlib.util
import os
from pathlib import Path

from labkit.paths import bin_dir

BENCH = Path(__file__).resolve().parents[1] / "bench" / "vrrp_soak.py"


def test_no_false_failover_while_reloading_under_load():
    spec = importlib.util.spec_from_file_location("vrrp_soak", BENCH)
    soak = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(soak)
    row = soak.soak(Path(os.environ.get("LVSD_BIN", bin_dir())), 20, "100ms", 4, False)
    assert row["reloads"] >= 15 and row["false_failovers"] == 0
