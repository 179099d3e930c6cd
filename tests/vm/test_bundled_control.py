# SPDX-License-Identifier: GPL-2.0-or-later
"""The control plane under rough hands, on our own module: what others change is told, not looked for."""

from pathlib import Path

from labkit.loading import load

LAB = {"kernels": ["6.1"], "ipvs": "bundled", "memory": 2048, "timeout": 900}

stock = load(Path(__file__).with_name("test_control.py"))
stock.OURS = True
ON_OURS = ("test_what_vandals", "test_what_the_kernel", "test_killed", "test_the_module", "test_more_is_told")
globals().update({name: value for name, value in vars(stock).items()
                  if name.startswith(ON_OURS) or name in ("lvsd", "tiny_disk")})
