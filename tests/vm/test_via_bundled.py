# SPDX-License-Identifier: GPL-2.0-or-later
"""Checks through the data path, with our own module."""

from pathlib import Path

from labkit.loading import load

LAB = {"ipvs": "bundled", "memory": 2048, "timeout": 900}

stock = load(Path(__file__).with_name("test_via.py"))
# What is the kernel's part. The rest is the daemon's, and tested with the kernel's own module.
WANTED = ("test_dr_a_missing", "test_dr_over_ipv6", "test_tun_", "test_nat_")
globals().update({name: value for name, value in vars(stock).items() if name.startswith(WANTED)})
