# SPDX-License-Identifier: GPL-2.0-or-later
"""The tests of the sysctls that lvsd keeps, on our own module."""

import importlib.util
from pathlib import Path

LAB = {"kernels": ["6.1"], "ipvs": "bundled", "memory": 2048, "timeout": 900}

spec = importlib.util.spec_from_file_location("stock_settings", Path(__file__).with_name("test_settings.py"))
stock = importlib.util.module_from_spec(spec)
spec.loader.exec_module(stock)
globals().update({name: value for name, value in vars(stock).items() if name.startswith("test_") or name == "cluster"})
