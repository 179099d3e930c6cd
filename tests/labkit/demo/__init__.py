# SPDX-License-Identifier: GPL-2.0-or-later
"""`lab demo`: a cluster loses a server and a director, and goes on.

    __init__.py   the host's part: build, boot a machine, run the rest of this package in it
    __main__.py   the machine's part: build the cluster, tell the story, sum up
    directors.py  what runs on the directors, and how its state is read (the only place that knows lvsctl's JSON)
    load.py       the client's load and what it reports
    story.py      what happens, and what must be seen
    display.py    what is shown meanwhile
"""

import sys

from .. import build, packages, vm
from ..paths import BUILD, CACHE, TESTS, bin_dir
from ..say import LabError, say

TIMEOUT = 600.0


def run(kernel: str, ipvs: str, keep: bool, director: str) -> int:
    terminal = sys.stdin.isatty() and sys.stdout.isatty()
    if keep and not terminal:
        raise LabError("--keep leaves you in a shell and so needs a terminal")
    packages.ensure("build", "vm", "cluster", "demo", *(("compare",) if director == "keepalived" else ()))
    build.build("release", *build.WHAT_RUNS)
    program = bin_dir() / "lvsd"
    if director == "lvsd" and not program.exists():
        raise LabError(f"the build made no {program.relative_to(BUILD.parent)}: this tree has no daemon to show yet")
    say(f"booting the cluster in a virtual machine (Linux {kernel}, {ipvs} IPVS)")
    options = vm.Options(kernel=kernel, ipvs=ipvs, terminal=terminal, timeout=TIMEOUT if not keep else 1e8)
    command = ["/usr/bin/python3", "-X", f"pycache_prefix={CACHE}/pycache", str(TESTS / "labkit/demo/__main__.py"),
               director, *(["--keep"] if keep else [])]
    return vm.run(options, command)
