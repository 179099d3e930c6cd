# SPDX-License-Identifier: GPL-2.0-or-later
"""When the machine itself stood still: `_stalls.py CPU` wakes each millisecond at a higher real-time priority than lvsd has,
and says when it was more than 8 ms late. What a virtual machine's host takes away, nobody in it can make up for."""

import json
import os
import sys
import time
from pathlib import Path

PRIORITY = 90
LATE = 0.008


def start(node) -> list:
    """One for each processor, as processes of a cluster's node."""
    return [node.start(f"stalls{cpu}", ["/usr/bin/python3", Path(__file__).resolve(), str(cpu)])
            for cpu in sorted(os.sched_getaffinity(0))]


def found(probes) -> list[tuple[float, float]]:
    """From when to when the machine stood still, in seconds since 1970."""
    told = [json.loads(line) for probe in probes for line in probe.output().splitlines()]
    return [(one["to"] - one["ms"] / 1000, one["to"]) for one in told]


def main() -> None:
    os.sched_setaffinity(0, {int(sys.argv[1])})
    os.sched_setscheduler(0, os.SCHED_FIFO, os.sched_param(PRIORITY))
    last = time.monotonic()
    while True:
        time.sleep(0.001)
        now = time.monotonic()
        if now - last > LATE:
            print(json.dumps({"to": time.time(), "ms": round((now - last) * 1000, 1)}), flush=True)
        last = now


if __name__ == "__main__":
    main()
