# SPDX-License-Identifier: GPL-2.0-or-later
"""Python files that are no part of a package: benchmarks, and tests that other tests run again on something else."""

import importlib.util
from pathlib import Path
from types import ModuleType


def load(path: Path) -> ModuleType:
    """What the file defines, as a module of its own each time."""
    specification = importlib.util.spec_from_file_location(f"loaded_{path.stem}", path)
    module = importlib.util.module_from_spec(specification)
    specification.loader.exec_module(module)
    return module
