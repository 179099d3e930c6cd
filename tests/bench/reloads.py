# SPDX-License-Identifier: GPL-2.0-or-later
"""1,000 reloads under traffic in a machine, and thousands natively to see whether the daemon grows.

The daemon keeps its last 8,192 events (lvsd/events/events.hpp), and a reload makes a few: until that ring is full it
grows by what the events are. So natively the ring is filled first. LVSD_RELOADS says how many reloads (1000).
"""

import json
import os
import sys
from pathlib import Path

from labkit import topology
from labkit.cluster import Cluster
from labkit.director import Director
from labkit.waiting import wait_for

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE))
from _reloads_guest import resident  # noqa: E402 (the path comes first)

HELP = "1,000 reloads under traffic, and whether the daemon grows by them (LVSD_RELOADS)"
RING = 8192
GROWTH_KIB = 512  # per 1,000 reloads, once the ring is full: the allocator's unrest


def service(number: int) -> str:
    return f"""
[global]
guard = 100
[virtual_service.s]
address = "192.0.2.{1 + number % 2}:80"
servers = ["10.9.0.1:80", "10.9.0.{2 + number % 3}:80"]
"""


def newest(director) -> int:
    """How many events there have been."""
    done = director.node.run(["lvsctl", "--socket", director.socket, "watch", "--last", "1", "--no-follow", "--json"])
    return json.loads(done.stdout.splitlines()[-1])["sequence"]


def grown(ctx, reloads: int) -> dict:
    with Cluster(topology.dr(directors=1, servers=0)) as cluster:
        director = Director(cluster["d1"], service(0)).start()
        wait_for(lambda: director.status(), 20, "lvsd answers")
        number = 0

        def reload() -> None:
            nonlocal number
            number += 1
            director.accept(service(number))
            if number % 500 == 0:
                ctx.say(f"{number} reloads, {resident(director.process.pid)} KiB")

        while newest(director) < RING:
            reload()
        before = resident(director.process.pid)
        for _ in range(reloads):
            reload()
        after = resident(director.process.pid)
        assert director.status()["daemon"]["config"]["generation"] == number + 1
    return {"where": "native, no IPVS", "reloads": reloads, "ok": "-", "failed": "-", "resident_kib": before,
            "resident_kib_after": after, "met": after - before <= GROWTH_KIB * reloads / 1000}


def run(ctx) -> list[dict]:
    os.environ["PATH"] = f"{ctx.bin}:{os.environ['PATH']}"
    reloads = int(os.environ.get("LVSD_RELOADS", "1000"))
    text = ctx.vm(["/usr/bin/python3", HERE / "_reloads_guest.py", reloads], "--kernel", "6.1", "--cpus", "2", "--timeout",
                  "1800", "--ipvs", "stock")
    told = json.loads(text)
    return [{"where": "machine, 50 requests a second", **told, "met": told["failed"] == 0}, grown(ctx, reloads)]
