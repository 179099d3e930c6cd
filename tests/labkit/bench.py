# SPDX-License-Identifier: GPL-2.0-or-later
"""`lab bench`: measurements, each a module tests/bench/NAME.py (not beginning with _) with

    HELP = "one line: what is measured"
    def run(ctx) -> list[dict]: ...

A row is one line of the result, the same keys in every row; numbers with their unit in the key ("gap_ms"). ctx is
the Context below. Benchmarks that need IPVS call ctx.vm(), which runs a command in a machine and returns its stdout.
"""

import json
import os
import subprocess
import tempfile
from dataclasses import dataclass
from pathlib import Path

from . import build, packages
from .loading import load
from .paths import ROOT, TESTS, bin_dir
from .say import LabError, say

FOLDER = TESTS / "bench"


@dataclass(frozen=True)
class Context:
    root: Path
    bin: Path

    def say(self, text: str) -> None:
        say(text)

    def vm(self, command, *options: str) -> str:
        """Runs `lab run OPTIONS -- COMMAND` and returns what it wrote to stdout; a failure ends the benchmark."""
        words = [str(word) for word in command]
        done = subprocess.run([TESTS / "lab", "run", *options, "--", *words], cwd=self.root, text=True,
                              stdin=subprocess.DEVNULL, stdout=subprocess.PIPE)
        if done.returncode != 0:
            raise LabError(f"in the machine, {' '.join(words)} ended with status {done.returncode}")
        return done.stdout

    def temporary(self) -> tempfile.TemporaryDirectory:
        return tempfile.TemporaryDirectory(prefix="lvsd-bench-")


def run(name: str | None, as_json: bool) -> int:
    known = _known()
    if name is None:
        return _list(known)
    if name != "all" and name not in known:
        raise LabError(f"there is no benchmark '{name}'; there are: {', '.join(known) or 'none yet'}")
    packages.ensure("build", "vm", "cluster", "test")
    if build.has_sources():
        build.build("release", *build.WHAT_RUNS)
    context = Context(ROOT, bin_dir())
    results = {}
    for each in known if name == "all" else [name]:
        say(f"bench {each}: {load(known[each]).HELP}")
        results[each] = load(known[each]).run(context)
        if not as_json:
            print_table(each, results[each])
    if as_json:
        print(json.dumps({"kernel_of_host": os.uname().release, "results": results}, indent=2))
    return 0


def print_table(title: str, rows: list[dict]) -> None:
    columns = list(rows[0]) if rows else []
    cells = [columns] + [[_cell(row.get(column)) for column in columns] for row in rows]
    widths = [max(len(line[index]) for line in cells) for index in range(len(columns))]
    print(f"\n{title}")
    for line in cells:
        print("  " + "  ".join(cell.rjust(width) for cell, width in zip(line, widths)))


def _cell(value) -> str:
    return f"{value:.3f}" if isinstance(value, float) else str(value)


def _known() -> dict[str, Path]:
    return {path.stem: path for path in sorted(FOLDER.glob("*.py")) if not path.stem.startswith("_")}


def _list(known: dict[str, Path]) -> int:
    for name, path in known.items():
        print(f"{name:20} {load(path).HELP}")
    if not known:
        print("there are no benchmarks yet (tests/bench/NAME.py)")
    return 0
