# SPDX-License-Identifier: GPL-2.0-or-later
"""Where things are."""

import os
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
TESTS = ROOT / "tests"
BUILD = ROOT / "build"
LOGS = BUILD / "test-logs"

# Kernels, initial RAM disks and compiled Python: everything that outlives one run and is not a build of this tree.
CACHE = Path(os.environ.get("LVSD_CACHE", "/var/cache/lvsd-lab"))


def bin_dir(preset: str = "release") -> Path:
    return BUILD / preset / "bin"
