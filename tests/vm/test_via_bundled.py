# SPDX-License-Identifier: GPL-2.0-or-later
"""Checks through the data path, with our own module."""

import importlib.util
from pathlib import Path

LAB = {"ipvs": "bundled", "memory": 2048, "timeout": 900}

spec = importlib.util.spec_from_file_location("stock_via", Path(__file__).with_name("test_via.py"))
stock = importlib.util.module_from_spec(spec)
spec.loader.exec_module(stock)
# What is the kernel's part. The rest is the daemon's, and tested with the kernel's own module.
WANTED = ("test_dr_a_missing", "test_dr_over_ipv6", "test_tun_", "test_nat_")
globals().update({name: value for name, value in vars(stock).items() if name.startswith(WANTED)})
