# SPDX-License-Identifier: GPL-2.0-or-later
"""The cases. Importing a module registers its cases, in the order of this list."""

import importlib

MODULES = ("control", "clients", "packets", "scheduling", "icmp_cases", "environment", "states", "random_cases")


def load() -> None:
    for name in MODULES:
        importlib.import_module(f"cases.{name}")
