# SPDX-License-Identifier: GPL-2.0-or-later
"""ipvsadm, Debian's keepalived and what container runtimes ask for, with our own module."""

from pathlib import Path

from labkit.loading import load

LAB = {"ipvs": "bundled", "memory": 2048, "timeout": 900}

stock = load(Path(__file__).with_name("test_kernel_parity.py"))
globals().update({name: value for name, value in vars(stock).items()
                  if name.startswith("test_") or name in ("namespace", "family")})
