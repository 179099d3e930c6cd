# SPDX-License-Identifier: GPL-2.0-or-later
"""What the README tells a newcomer to type, typed."""

import re
import subprocess

from labkit.paths import ROOT
from labkit.waiting import wait_for

LAB = {"kernels": ["6.1"]}

README = (ROOT / "README.md").read_text()


def blocks(language):
    return re.findall(rf"```{language}\n(.*?)```", README, re.DOTALL)


def test_the_five_lines_are_the_file_and_valid():
    (shown,) = blocks("toml")
    assert shown == (ROOT / "etc/doc/first.toml").read_text()
    assert len(shown.splitlines()) == 5
    subprocess.run(["lvsd", "--check", "--config", ROOT / "etc/doc/first.toml"], check=True)


def test_every_file_it_points_to_exists():
    for target in re.findall(r"\]\(([^)]+)\)", README):
        assert (ROOT / target).exists(), target


def test_the_commands_of_the_lab_exist():
    told = set(re.findall(r"tests/lab (\w+)", README))
    helped = subprocess.run([ROOT / "tests/lab", "--help"], stdout=subprocess.PIPE, text=True, check=True).stdout
    assert told and all(re.search(rf"^ +{command} ", helped, re.MULTILINE) for command in told)


def test_the_five_minutes(tmp_path):
    (tour,) = [block for block in blocks("sh") if "lvsctl status" in block]
    status, table = "lvsctl status", "ipvsadm -Ln"
    until = f"for i in $(seq 600); do {status} 2>/dev/null | grep -q ' master ' && break; read -t 0.1 <> <(:) || :; done\n"
    assert status in tour and table in tour
    told = tmp_path / "told"  # a file: the daemon in the background would keep a pipe open
    with open(told, "w") as output:
        done = subprocess.run(["bash", "-e"], input=tour.replace(status, until + status, 1), cwd=ROOT, stdout=output,
                              stderr=subprocess.STDOUT, text=True, timeout=100, check=False)
    subprocess.run(["pkill", "-x", "lvsd"], check=False)
    out = told.read_text()
    assert done.returncode == 0, out
    assert re.search(r"^web +IPv4 +master ", out, re.MULTILINE), out
    assert "192.0.2.10:80" in out and "10.0.0.11:80" in out
    wait_for(lambda: "192.0.2.10" not in subprocess.run(["ip", "addr"], stdout=subprocess.PIPE, text=True, check=True).stdout,
             20, "the end of lvsd")
