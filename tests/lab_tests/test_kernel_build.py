# SPDX-License-Identifier: GPL-2.0-or-later
"""The module builds for both kernels without a word from the compiler (W=1) or from sparse. Whatever the lab builds has no
warnings either (labkit/modules.py): what takes its time here is sparse."""

import re
import subprocess
from pathlib import Path

import pytest

from labkit import kernels, packages

SOURCE = Path(__file__).resolve().parents[2] / "ipvs/kmod"
SAID = re.compile(r"(warning|error): ")

LAB = {"when": "long"}
pytestmark = pytest.mark.limit(600)


def build(headers: Path, folder: Path) -> str:
    done = subprocess.run(["make", "-C", SOURCE, f"BUILD={folder}", f"KDIR={headers}", "-j2", "W=1", "C=1"], text=True,
                          stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    assert done.returncode == 0, done.stdout
    return done.stdout


@pytest.mark.parametrize("name", ["6.1", "6.12"])
def test_no_warnings(name, tmp_path):
    packages.ensure("module", "sparse")
    text = build(kernels.ensure_headers(kernels.ensure(name)), tmp_path)
    assert text.count("  CHECK ") > 50, "sparse has seen every file"
    complaints = [line for line in text.splitlines() if SAID.search(line) and "pahole" not in line]
    assert not complaints, "\n".join(complaints)
    assert (tmp_path / "ip_vs.ko").exists() and (tmp_path / "stubs/ip_vs_rr.ko").exists()


def test_a_warning_would_be_seen(tmp_path):
    """A mistake that only sparse can see, put into a copy of one file."""
    packages.ensure("module", "sparse")
    copy = tmp_path / "kmod"
    subprocess.run(["cp", "-r", SOURCE, copy], check=True)
    with open(copy / "lvs_rate.c", "a") as file:
        file.write("\nu32 lvs_wrong(__be16 port);\nu32 lvs_wrong(__be16 port)\n{\n\treturn port + 1;\n}\n")
    headers = kernels.ensure_headers(kernels.ensure("6.1"))
    subprocess.run(["make", "-C", copy, f"BUILD={tmp_path}/out", f"KDIR={headers}", f"{tmp_path}/out/lvs_config.h"], check=True,
                   stdout=subprocess.DEVNULL)
    done = subprocess.run(["make", "-C", headers, f"M={tmp_path}/out", "C=1", "lvs_rate.o"], text=True,
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    assert "restricted __be16" in done.stdout, done.stdout
