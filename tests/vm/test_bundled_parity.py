# SPDX-License-Identifier: GPL-2.0-or-later
"""ipvsadm, Debian's keepalived and what container runtimes ask for, with our own module."""

import importlib.util
from pathlib import Path

LAB = {"ipvs": "bundled", "memory": 2048, "timeout": 900}

spec = importlib.util.spec_from_file_location("stock_parity", Path(__file__).with_name("test_kernel_parity.py"))
stock = importlib.util.module_from_spec(spec)
spec.loader.exec_module(stock)
globals().update({name: value for name, value in vars(stock).items()
                  if name.startswith("test_") or name in ("namespace", "family")})
