# SPDX-License-Identifier: GPL-2.0-or-later
"""Health checks: runs per CPU-second of the worker, memory per check, and how late runs start.

Native, against a server process on this machine; the worker's own CPU time counts, with the kernel's work for it. On a
loaded machine the lag is that of the machine. The last rows come from a machine with IPVS: Debian's keepalived and
lvsd there check the same 2,000 TCP servers, one after the other in one boot; LVSD_BENCH_PARTS=native leaves them out.
"""
import json
import os
import subprocess
from pathlib import Path

from labkit import build, packages

HELP = "health checks: runs per CPU-second, memory per check, lag (native); beside keepalived (in a machine)"
HERE = Path(__file__).resolve().parent

# kind, checks, interval in ms, more keys
LOADS = (
    ("tcp", 50_000, 3_000, ()), ("tcp", 40_000, 3_000, ()), ("tcp", 4_000, 400, ()), ("http", 4_000, 1_000, ()),
    ("http", 4_000, 800, ()), ("https", 2_000, 4_000, ("resume=false",)), ("https", 8_000, 4_000, ("resume=true",)),
)
COLUMNS = ("kind", "checks", "interval_ms", "up", "runs_per_s", "cpu_percent", "runs_per_cpu_s", "cpu_us_per_run", "lag_p50_ms",
           "lag_p99_ms", "lag_max_ms", "unchecked", "rss_MiB", "bytes_per_check")


def run(ctx) -> list[dict]:
    parts = os.environ.get("LVSD_BENCH_PARTS", "native keepalived").split()
    rows = native(ctx) if "native" in parts else []
    return rows + (beside_keepalived(ctx) if "keepalived" in parts else [])


def native(ctx) -> list[dict]:
    build.build("release", "check-bench")
    rows = []
    for kind, count, interval, more in LOADS:
        name = " ".join((kind, *more))
        ctx.say(f"{count} {name} checks every {interval} ms")
        done = subprocess.run([ctx.bin / "check-bench", kind, str(count), str(interval), "10", *more], text=True, check=True,
                              stdout=subprocess.PIPE)
        rows.append(row(json.loads(done.stdout) | {"kind": name, "interval_ms": interval}))
    return rows


def beside_keepalived(ctx) -> list[dict]:
    packages.ensure("compare")
    ctx.say("2,000 TCP checks by keepalived and by lvsd, in one machine")
    text = ctx.vm(["/usr/bin/python3", HERE / "_checks_guest.py", "2000", "5", "30"], "--timeout", "900", "--memory", "1536")
    return [row(json.loads(line)) for line in text.splitlines() if line.startswith("{")]


def row(measured: dict) -> dict:
    if measured.get("runs_per_cpu_s"):
        measured["cpu_us_per_run"] = round(1e6 / measured["runs_per_cpu_s"], 1)
    return {column: measured.get(column, "-") for column in COLUMNS}
