# SPDX-License-Identifier: GPL-2.0-or-later
"""False failovers: two directors with 10 ms adverts for ten minutes while every CPU is busy, the master reloads its
configuration each second, and 200 checks run. Any change of state counts, and beside it stands how many of them came
while the machine itself stood still (_stalls.py). LVSD_SOAK_SECONDS says how long (600).
"""

import json
import os
import sys
import time
from pathlib import Path

from labkit import topology
from labkit.cluster import Cluster
from labkit.director import Director
from labkit.waiting import wait_for

sys.path.insert(0, str(Path(__file__).resolve().parent))
import _stalls  # noqa: E402 (the path comes first)

HELP = "VRRP under load for ten minutes: false failovers (LVSD_SOAK_SECONDS)"

HOGS = 8
CHECKS = 200
PORT = 8080
SERVERS = "10.78.0.0/24"  # all of it answers on the client's node


def config(topology_, priority: int, interval: str, number: int) -> str:
    """Every reload adds or takes an address, and gives the servers another weight."""
    more = f', "{topology_.vip[:-1]}1/24"' if number % 2 else ""
    weight = 1 + number % 3
    servers = ", ".join(f'{{ address = "10.78.0.{1 + n}:{PORT}", weight = {weight} }}' for n in range(CHECKS))
    return f"""
[virtual_router.web]
interface = "eth0"
vrid = 51
priority = {priority}
advert_interval = "{interval}"
addresses = ["{topology_.vip}/24"{more}]

[virtual_service.web]
address = "{topology_.vip}:80"
router = "web"
active = "master"
servers = [{servers}]
checks = [{{ kind = "tcp", interval = "1s", timeout = "500ms" }}]
"""


def moves(director) -> list[float]:
    """When the role changed here, in seconds since 1970."""
    told = director.node.run(["lvsctl", "--socket", director.socket, "watch", "--last", "8192", "--no-follow", "--json",
                              "--event", "vrrp-state"]).stdout
    return [json.loads(line)["time_us"] / 1e6 for line in told.splitlines()]


def healthy(director) -> int:
    return sum(state == "up" for state in director.servers("web").values())


def soak(seconds: float, interval: str, hogs: int) -> dict:
    with Cluster(topology.dr(directors=2, servers=0)) as cluster:
        d1, d2, client = cluster["d1"], cluster["d2"], cluster["c1"]
        client.run(["ip", "route", "add", "local", SERVERS, "dev", "lo"])
        client.start("servers", ["lab-load", "echo", "--listen", f"0.0.0.0:{PORT}", "--id", "servers"])
        for node in (d1, d2):
            node.run(["ip", "route", "add", SERVERS, "via", client.address()])
        first = Director(d1, config(cluster.topology, 150, interval, 0)).start()
        first.wait_routers("master")
        second = Director(d2, config(cluster.topology, 100, interval, 0)).start()
        second.wait_routers("backup")
        for director in (first, second):
            wait_for(lambda director=director: healthy(director) == CHECKS, 60, "every server is up")
        for number in range(hogs):
            client.start(f"hog{number}", [sys.executable, "-c", "while True: pass"])
        probes = _stalls.start(client)
        begun, start, reloads = time.time(), time.monotonic(), 0
        while time.monotonic() < start + seconds:
            reloads += 1
            first.accept(config(cluster.topology, 150, interval, reloads))
            wait_for(lambda: time.monotonic() >= start + reloads, 10, "the next second", interval=0.1)
        still = _stalls.found(probes)
        moved = [at for director in (first, second) for at in moves(director) if at >= begun]
        excused = [at for at in moved if any(since - 0.1 <= at <= until + 0.2 for since, until in still)]
        return {"seconds": int(seconds), "interval": interval, "hogs": hogs, "reloads": reloads,
                "checks": healthy(first), "false_failovers": len(moved), "of_these_in_stalls": len(excused), "machine_stalls": len(still),
                "longest_stall_ms": max([0.0] + [1000 * (until - since) for since, until in still])}


def run(ctx) -> list[dict]:
    os.environ["PATH"] = f"{ctx.bin}:{os.environ['PATH']}"
    return [soak(float(os.environ.get("LVSD_SOAK_SECONDS", "600")), "10ms", HOGS)]
