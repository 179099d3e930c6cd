# SPDX-License-Identifier: GPL-2.0-or-later
import sys
from pathlib import Path

sys.path[:0] = [str(Path(__file__).resolve().parents[1]), str(Path(__file__).resolve().parent)]

from labkit.fixtures import *  # noqa: E402,F401,F403 (the path comes first; fixtures are found by name)
