#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""Runs the cases against whichever IPVS this machine has and prints their transcripts as JSON, one case a line.

For use in a machine of the lab: `tests/lab run --ipvs stock -- tests/kernel/run.py > stock.json`. Cases run in
batches whose directors stay alive until the batch is done, so that the wait for the rate estimator is shared.
"""

import argparse
import fnmatch
import json
import os
import subprocess
import sys
import time
import traceback
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))

import cases  # noqa: E402  (the path comes first)
import stage  # noqa: E402
from case import CASES, Case  # noqa: E402

BATCH = 32
SCHEDULERS = "rr wrr lc wlc lblc lblcr dh sh sed nq fo ovf mh twos".split()


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--only", action="append", default=[], metavar="PATTERN")
    parser.add_argument("--list", action="store_true")
    options = parser.parse_args()
    cases.load()
    names = [name for name in CASES if not options.only or any(fnmatch.fnmatch(name, p) for p in options.only)]
    if options.list:
        print("\n".join(names))
        return 0
    # Loading a module takes long enough, here, to matter in a case's time.
    subprocess.run(["modprobe", "-a", "ip_vs", "veth", "nf_defrag_ipv6"], check=True)
    for name in SCHEDULERS:
        subprocess.run(["modprobe", "-q", f"ip_vs_{name}"], check=False)
    stage.prepare_machine()
    world = stage.World()
    for begin in range(0, len(names), BATCH):
        run_batch(world, names[begin:begin + BATCH])
    version = Path("/sys/module/ip_vs/version")  # ours has one, which begins with "lvsd"
    print(json.dumps({"case": "", "complete": len(names), "version": version.read_text() if version.exists() else ""}))
    return 0


def run_batch(world: stage.World, names: list[str]) -> None:
    running = [run_case(world, name) for name in names]
    for case in running:
        attempt(case, settle)
        case.director.close()
        for kept in case.keep:
            kept.close()
        print(json.dumps({"case": case.name, "records": case.records}, separators=(",", ":")), flush=True)


def settle(case: Case) -> None:
    stage.wait_until(case.settled, 12, 0.1)
    case.late()


def run_case(world: stage.World, name: str) -> Case:
    begun = time.monotonic()
    case = Case(name, stage.Director(world))
    attempt(case, CASES[name])
    attempt(case, Case.finish)
    print(f"{time.monotonic() - begun:6.2f} s {name}", file=sys.stderr, flush=True)
    return case


def attempt(case: Case, function) -> None:
    try:
        function(case)
    except Exception:  # whatever it is, it belongs into the transcript, and the other cases still run
        stage.enter(case.director.world.namespace)
        text = traceback.format_exc()
        case.record(op="exception", text=text.splitlines()[-1])
        print(f"{case.name}: {text}", file=sys.stderr)


if __name__ == "__main__":
    os.chdir("/")
    sys.exit(main())
