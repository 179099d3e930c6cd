# SPDX-License-Identifier: GPL-2.0-or-later
"""What the lint scripts share: the files of the repository, and the way problems are reported."""
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
CPP = {".cpp", ".hpp", ".cc", ".hh"}


def files(root: Path) -> list[Path]:
    """Paths relative to root: what git knows or would add; without git, everything but build folders."""
    listing = subprocess.run(
        ["git", "-c", f"safe.directory={root}", "-C", str(root), "ls-files", "-z", "--cached", "--others",
         "--exclude-standard"], capture_output=True, check=False)
    inside = (root / ".git").exists() and listing.returncode == 0
    if inside:
        names = [Path(name) for name in listing.stdout.decode().split("\0") if name]
    else:
        names = [path.relative_to(root) for path in root.rglob("*")]
        names = [path for path in names if path.parts[0] not in {"build", ".git"}]
    return sorted({path for path in names if (root / path).is_file()})


def read(root: Path, path: Path) -> str:
    return (root / path).read_text(encoding="utf-8", errors="replace")


def finish(problems: list[str], looked_at: int) -> int:
    for problem in problems:
        print(problem)
    print(f"{looked_at} files, {len(problems)} problems")
    if looked_at == 0:
        print("nothing was looked at: that is a problem too")
    return 1 if problems or looked_at == 0 else 0


def expect(what: str, problems: list[str], *parts: str) -> None:
    """For self-tests: exactly one problem, which holds every part; or none when there are no parts."""
    good = not problems if not parts else len(problems) == 1 and all(part in problems[0] for part in parts)
    if not good:
        print(f"self-test: {what}: expected {parts or 'no problem'}, found {problems}")
        sys.exit(1)
