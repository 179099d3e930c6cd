# SPDX-License-Identifier: GPL-2.0-or-later
"""The control plane with 10,000 services of 5 servers each: engine and plan natively, and the way into the kernel, side by
side in one boot of a machine: ipvsadm -R, keepalived, lvsd with the kernel's own module and with ours. Of cold starts the median of
three, taken in turns.

LVSD_BENCH_SERVICES=1000 makes it a tenth; LVSD_BENCH_SKIP="vm", "keepalived" leaves that out.
"""

import json
import os
import statistics
import subprocess
from pathlib import Path

from labkit import build

HELP = "10,000 services x 5 servers: engine and plan; ipvsadm -R, keepalived and lvsd with both modules (milliseconds)"
HERE = Path(__file__).resolve().parent


def run(ctx):
    skip = os.environ.get("LVSD_BENCH_SKIP", "").split()
    services = os.environ.get("LVSD_BENCH_SERVICES", "10000")
    build.build("release", "engine_bench")
    done = subprocess.run([ctx.bin / "engine_bench", services, "5"], check=True, text=True, stdout=subprocess.PIPE)
    engine = {row["what"]: row["ms"] for row in map(json.loads, done.stdout.splitlines())}
    rows = [_row(what, "native", value) for what, value in engine.items()]
    nothing = engine["plan, nothing changed"] + engine["engine, nothing changed"]
    rows.append(_row("engine + plan, nothing changed", "native", nothing, wanted="at most 150", met=nothing <= 150))
    return rows if "vm" in skip else rows + _machine(ctx, services, skip)


def _machine(ctx, services, skip):
    command = ["/usr/bin/python3", HERE / "_control_guest.py", "--services", services, "stock", "ours"]
    if skip:
        command += ["--skip", *skip]
    text = ctx.vm(command, "--kernel", "6.1", "--cpus", "2", "--memory", "2048", "--timeout", "2400", "--ipvs", "bundled")
    rounds = {}
    for row in map(json.loads, text.splitlines()):
        rounds.setdefault((row["what"], row["module"]), []).append(row["s"] * 1000)
    measured = {what: statistics.median(values) for what, values in rounds.items()}
    base = measured["ipvsadm -R", "stock"]
    out = []
    for (what, module), value in measured.items():
        row = _row(what, module, value, times=round(base / value, 1))
        if what == "lvsd, cold start":
            least = 1 if module == "stock" else 5
            row |= {"wanted": f"{least} x as fast as ipvsadm", "met": value * least < base}
        out.append(row)
    return out


def _row(what, module, value, times="-", wanted="", met="-"):
    return {"what": what, "module": module, "ms": round(value, 1), "ipvsadm/this": times, "wanted": wanted, "met": met}
