# SPDX-License-Identifier: GPL-2.0-or-later
"""Health checks: runs per CPU-second of the worker, memory per check, and how late runs start.

Native, against a server process on this machine; the worker's own CPU time counts, with the kernel's work for it. On a
loaded machine the lag is that of the machine.
"""
import json
import subprocess

from labkit import build

HELP = "health checks: runs per CPU-second, memory per check, lag (native)"

# kind, checks, interval in ms
LOADS = (("tcp", 50_000, 3_000), ("tcp", 40_000, 3_000), ("tcp", 4_000, 400), ("http", 4_000, 1_000))


def run(ctx) -> list[dict]:
    build.build("release", "check-bench")
    rows = []
    for kind, count, interval in LOADS:
        ctx.say(f"{count} {kind} checks every {interval} ms")
        done = subprocess.run([ctx.bin / "check-bench", kind, str(count), str(interval), "10"], text=True, check=True,
                              stdout=subprocess.PIPE)
        rows.append({"interval_ms": interval} | json.loads(done.stdout))
    return rows
