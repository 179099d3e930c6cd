# SPDX-License-Identifier: GPL-2.0-or-later
"""Builds the tree with CMake's presets, showing progress and, on failure, what the compiler said."""

import os
import re
import subprocess
import sys
from collections import deque

from . import packages
from .child import GIVES_WAY, reading
from .locking import one_at_a_time
from .paths import BUILD, ROOT, bin_dir
from .say import LabError, say

# The daemon, its worker and lvsctl; the lab's own program: what runs in a machine.
WHAT_RUNS = ("lvsd-all", "lab-load")


def has_sources() -> bool:
    return (ROOT / "CMakeLists.txt").exists()


def ensure_runnable() -> None:
    """What `lab run` puts in PATH. Builds only when there is nothing: starting must stay fast."""
    if has_sources() and not (bin_dir() / "lvsd").exists():
        build("release", *WHAT_RUNS)


def build(preset: str, *targets: str, beside: bool = False) -> None:
    """Brings the targets (none: everything) of build/PRESET up to date; `beside` other work, which comes first."""
    packages.ensure("build")
    # Two that begin in a new tree would configure it both at once.
    with one_at_a_time(BUILD / f"{preset}.lock", f"building build/{preset}"):
        _build(preset, targets, beside)


def _build(preset: str, targets: tuple, beside: bool) -> None:
    environment = dict(os.environ, CCACHE_BASEDIR=str(ROOT), CCACHE_NOHASHDIR="1", NINJA_STATUS="[%f/%t] ")
    if not (BUILD / preset / "build.ninja").exists():
        say(f"configuring build/{preset}")
        _run(["cmake", "--preset", preset, "-S", str(ROOT)], environment, preset)
    targets = tuple(target for target in targets if _knows(preset, target, environment))
    say(f"building build/{preset}" + (f": {' '.join(targets)}" if targets else ""))
    _run(["ninja", "-C", str(BUILD / preset), "-j", str(os.cpu_count()), *targets], environment, preset, beside)


def _knows(preset: str, target: str, environment) -> bool:
    """Whether the tree has the target; a part that is not there yet is simply not built."""
    asked = subprocess.run(["ninja", "-C", str(BUILD / preset), "-t", "query", target], env=environment,
                           stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    if asked.returncode != 0:
        say(f"this tree has no target '{target}' yet")
    return asked.returncode == 0


def _run(command: list[str], environment, preset: str, beside: bool = False) -> None:
    progress = _Progress(one_line=not beside and sys.stderr.isatty())
    last = deque(maxlen=60)
    with reading([*GIVES_WAY, *command] if beside else command, env=environment, cwd=ROOT) as running:
        for line in running.stdout:
            last.append(line)
            progress.show(line)
    progress.end()
    if running.returncode != 0:
        raise LabError(f"{command[0]} failed in build/{preset}; it said last:\n" +
                       "".join("    " + line for line in last).rstrip())


class _Progress:
    """At a terminal one line that changes, unless others write there; elsewhere a line for every tenth part."""

    def __init__(self, one_line: bool):
        self.one_line = one_line
        self.shown = 0
        self.open_line = False

    def show(self, line: str) -> None:
        step = re.match(r"\[(\d+)/(\d+)\] (.*)", line)
        if not step:
            return
        done, total = int(step[1]), int(step[2])
        if self.one_line:
            sys.stderr.write(f"\r\x1b[Klab:   {line.rstrip()[:100]}")
            sys.stderr.flush()
            self.open_line = True
        elif total >= 10 and done * 10 // total > self.shown:
            self.shown = done * 10 // total
            say(f"  {done} of {total}")

    def end(self) -> None:
        if self.open_line:
            sys.stderr.write("\r\x1b[K")
