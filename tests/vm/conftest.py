# SPDX-License-Identifier: GPL-2.0-or-later
import subprocess
import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from labkit import ipvs_modules  # noqa: E402 (the path comes first)
from labkit.fixtures import *  # noqa: E402,F401,F403 (fixtures are found by name)


@pytest.fixture(scope="module", autouse=True)
def leaves_ipvs_as_it_was():
    """Files share a machine: a table or a scheduler that one leaves would hold the module for the next."""
    yield
    if Path("/proc/net/ip_vs").exists():
        subprocess.run(["ipvsadm", "-C"], check=True)
        ipvs_modules.unload_users()
