#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""Says which C++ files clang-format-14 would change; with --fix, changes them. Other versions format otherwise, so
without this one nothing is checked."""
import shutil
import subprocess
import sys

from common import CPP, ROOT, files, finish

SKIPPED = 77


def main() -> int:
    tool = shutil.which("clang-format-14")
    if not tool:
        print("skipped: there is no clang-format-14 (Debian: apt-get install clang-format-14)")
        return SKIPPED
    paths = [str(path) for path in files(ROOT) if path.suffix in CPP]
    if "--fix" in sys.argv:
        return subprocess.run([tool, "-i", *paths], cwd=ROOT, check=False).returncode
    run = subprocess.run([tool, "--dry-run", "--ferror-limit=1", *paths], cwd=ROOT, capture_output=True, text=True,
                         check=False)
    problems = [line for line in run.stderr.splitlines() if "clang-format-violations" in line]
    return finish(problems, len(paths)) if run.returncode == 0 else 1


if __name__ == "__main__":
    sys.exit(main())
