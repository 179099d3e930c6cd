#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""The differential test: the same cases on the kernel's IPVS and on ours, each in a machine of its own, compared.

Runs on the host: `tests/kernel/differential.py [--kernel 6.12] [--only PATTERN] [--against stock]`. A case that
differs is run again on both, alone: what differed because a machine was slow (a timer ran out between two packets)
agrees then and is named in the report; what differs every time is a difference. The two machines run side by side.

The kernel's module does not change while one works on ours: `--stock FILE` takes what a run with `--keep DIR` left as
DIR/stock-0.json in place of a machine.
"""

import argparse
import io
import json
import subprocess
import sys
import tempfile
from collections import deque
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE))

import compare  # noqa: E402  (the path comes first)

LAB = HERE.parent / "lab"
RETRIES = 2
MOST_RETRIED = 60


def transcribe(ipvs: str, kernel: str, patterns: list[str], target: Path, timeout: int) -> dict:
    """Runs the cases in a machine and returns the transcript."""
    words = [LAB, "run", "--ipvs", ipvs, "--kernel", kernel, "--cpus", "1", "--timeout", str(timeout), "--",
             "/usr/bin/python3", HERE / "run.py"]
    words += [word for pattern in patterns for word in ("--only", pattern)]
    log = target.with_suffix(".log")
    with open(target, "wb") as out, open(log, "wb") as errors:
        done = subprocess.run(words, stdin=subprocess.DEVNULL, stdout=out, stderr=errors, check=False)
    if done.returncode:
        raise SystemExit(f"the run on {ipvs} ended with status {done.returncode}; the end of {log}:\n"
                         + "\n".join(log.read_text(errors="replace").splitlines()[-30:]))
    with open(target, encoding="utf-8") as file:
        version = json.loads(deque(file, 1)[0])["version"]
    if version.startswith("lvsd") != (ipvs == "bundled"):
        raise SystemExit(f"the machine for {ipvs} has loaded the other module: version {version!r}")
    return compare.load(target)


def differing(stock: dict, ours: dict) -> list[str]:
    return [name for name in {**stock, **ours} if name not in stock or name not in ours
            or any(compare.accepted(name, difference, set()) is None
                   for difference in compare.Comparison(stock[name], ours[name]).found)]


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--kernel", default="6.1")
    parser.add_argument("--against", default="bundled", help="the second module; `stock` finds what is not deterministic")
    parser.add_argument("--only", action="append", default=[], metavar="PATTERN")
    parser.add_argument("--timeout", type=int, default=1800, help="seconds for each machine")
    parser.add_argument("--keep", type=Path, metavar="DIR", help="leave the transcripts there")
    parser.add_argument("--stock", type=Path, metavar="FILE", help="a transcript of the kernel's module, instead of a run")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="lvsd-differential-") as scratch:
        folder = options.keep or Path(scratch)
        folder.mkdir(parents=True, exist_ok=True)
        return run(options, folder)


def run(options, folder: Path) -> int:
    def both(patterns, turn, known=None):
        with ThreadPoolExecutor(2) as machines:
            one = machines.submit(transcribe, "stock", options.kernel, patterns, folder / f"stock-{turn}.json",
                                  options.timeout) if known is None else None
            other = machines.submit(transcribe, options.against, options.kernel, patterns,
                                    folder / f"ours-{turn}.json", options.timeout)
            ours = other.result()
            return (one.result() if one else {name: known[name] for name in ours if name in known}), ours

    stock, ours = both(options.only, 0, compare.load(options.stock) if options.stock else None)
    suspects = differing(stock, ours)
    print(f"{len(stock)} cases, {len(suspects)} to look at again", flush=True)
    settled: list[str] = []
    for turn in range(1, RETRIES + 1):
        if not suspects or len(suspects) > MOST_RETRIED:
            break
        again = both(suspects, turn)
        stock.update(again[0])
        ours.update(again[1])
        remaining = differing(*again)
        settled += [name for name in suspects if name not in remaining]
        suspects = remaining
    text = io.StringIO()
    bad = compare.compare(stock, ours, text)
    print(text.getvalue())
    if settled:
        print("agreed only when run again: " + " ".join(settled))
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main())
