# SPDX-License-Identifier: GPL-2.0-or-later
"""tests/kernel/differential.py: the kernel's IPVS agrees with itself."""

import subprocess
import sys
from pathlib import Path

import pytest

TESTS = Path(__file__).resolve().parents[1]
DIFFERENTIAL = TESTS / "kernel/differential.py"


def differential(*words: str) -> None:
    done = subprocess.run([sys.executable, DIFFERENTIAL, *words], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT, text=True)
    assert done.returncode == 0, done.stdout


@pytest.mark.limit(900)
def test_the_kernels_own_module_agrees_with_itself():
    differential("--against", "stock", "--only", "nat_*", "--only", "existence", "--only", "schedule_wrr*", "--only", "random_*_00?",
                 "--timeout", "400")
