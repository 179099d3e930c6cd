# SPDX-License-Identifier: GPL-2.0-or-later
"""The tests of the sysctls that lvsd keeps, on our own module."""

from pathlib import Path

from labkit.loading import load

LAB = {"kernels": ["6.1"], "ipvs": "bundled", "memory": 2048, "timeout": 900}

stock = load(Path(__file__).with_name("test_settings.py"))
globals().update({name: value for name, value in vars(stock).items() if name.startswith("test_") or name == "cluster"})
