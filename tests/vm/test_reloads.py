# SPDX-License-Identifier: GPL-2.0-or-later
"""Reloads without end, with traffic: the short form of `tests/lab bench reloads`."""

from pathlib import Path

import pytest

from labkit.loading import load

LAB = {"kernels": ["6.1"], "timeout": 600}
GUEST = Path(__file__).resolve().parents[1] / "bench" / "_reloads_guest.py"


@pytest.mark.limit(300)
def test_reloads_under_traffic_lose_no_request():
    guest = load(GUEST)
    told = guest.measure(50)
    assert told["failed"] == 0 and told["ok"] > 100, told
