# SPDX-License-Identifier: GPL-2.0-or-later
"""False failovers: two routers with 10 ms adverts for ten minutes while every CPU is busy, the master reloads its
configuration each second, and 200 checks run. Any change of state counts. LVSD_SOAK_SECONDS says how long (600).
"""

import os
import re
import sys
import time

from labkit import build, topology
from labkit.cluster import Cluster
from labkit.waiting import wait_for

HELP = "VRRP under load for ten minutes: false failovers (LVSD_SOAK_SECONDS)"

HOGS = 8


def speaker(binaries, node, priority, interval):
    pipe = node.directory / "commands"
    os.mkfifo(pipe)
    words = [binaries / "vrrp_node", "--interface", "eth0", "--vrid", "51", "--interval", interval, "--priority", priority,
             "--address", "10.77.0.100/24"]
    return node.start("vrrp", ["sh", "-c", f"exec {' '.join(str(word) for word in words)} <> {pipe}"])


def changes(process) -> int:
    return len(re.findall(r" state ", process.output()))


def reload(node, number: int) -> None:
    with open(node.directory / "commands", "w") as pipe:
        pipe.write(f"{'drop' if number % 2 else 'add'} 10.77.0.101/24\n")


def soak(binaries, seconds: float, interval: str, hogs: int, checks: bool) -> dict:
    with Cluster(topology.dr(directors=2, servers=0)) as cluster:
        d1, d2 = cluster["d1"], cluster["d2"]
        first = speaker(binaries, d1, 150, interval)
        wait_for(lambda: "backup master" in first.output(), 30, "a master")
        second = speaker(binaries, d2, 100, interval)
        wait_for(lambda: "backup started" in second.output(), 30, "a backup")
        for number in range(hogs):
            cluster["c1"].start(f"hog{number}", [sys.executable, "-c", "while True: pass"])
        if checks:
            cluster["c1"].run(["ip", "link", "set", "lo", "up"])
            cluster["c1"].start("checks", [binaries / "check-bench", "tcp", "200", "1000", str(int(seconds) + 5)])
        before = changes(first) + changes(second)
        start, reloads = time.monotonic(), 0
        while time.monotonic() < start + seconds:
            reload(d1, reloads)
            reloads += 1
            wait_for(lambda: time.monotonic() >= start + reloads, 10, "the next second", interval=0.1)
        return {"seconds": int(seconds), "interval": interval, "hogs": hogs, "reloads": reloads,
                "false_failovers": changes(first) + changes(second) - before}


def run(ctx) -> list[dict]:
    build.build("release", "check-bench")
    return [soak(ctx.bin, float(os.environ.get("LVSD_SOAK_SECONDS", "600")), "10ms", HOGS, True)]
