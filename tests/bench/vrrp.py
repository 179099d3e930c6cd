# SPDX-License-Identifier: GPL-2.0-or-later
"""Failover: the cable of the master is pulled and its process killed, or it is stopped, or its priority falls; a 1 ms
probe stream tells the gap.

Two routers with priorities 150 and 100 and adverts every 10 ms, natively in namespaces, idle and with eight processes
that burn the CPUs; ours and, beside it, Debian's keepalived with the same timers and real-time priority. The probe and
its echo run at real-time priority too, so that the gap is that of the failover and not of the probe.
Undisturbed are the rounds in which the machine itself never stood still (_stalls.py). LVSD_BENCH_ROUNDS says how often
(100). How much one speaker carries is in vrrp_scale, ten minutes under load in vrrp_soak.
"""

import json
import os
import shutil
import signal
import statistics
import subprocess
import sys
import time
from pathlib import Path

from labkit import topology
from labkit.cluster import Cluster
from labkit.waiting import wait_for

sys.path.insert(0, str(Path(__file__).resolve().parent))
import _stalls  # noqa: E402 (the path comes first)

HELP = "VRRP failover with 10 ms adverts (crash, stop, priority): gap in ms, idle and loaded, beside keepalived"

INTERVAL_MS = 10
HOGS = 8
PROBE_MS = 2  # the shortest gap the probe tells
PRIORITIES = {"d1": 150, "d2": 100}

KEEPALIVED = """
global_defs {{
    vrrp_version 3
    vrrp_rt_priority 50
    vrrp_no_swap
}}
vrrp_instance r {{
    state BACKUP
    interface eth0
    virtual_router_id 51
    priority {priority}
    advert_int 0.01
    virtual_ipaddress {{
        {vip}/24
    }}
}}
"""


class Ours:
    name = "lvsd"

    def __init__(self, binaries, vip):
        self.command = [binaries / "vrrp_node", "--interface", "eth0", "--vrid", "51", "--interval",
                        f"{INTERVAL_MS}ms", "--address", f"{vip}/24"]

    def start(self, node):
        pipe = node.directory / "commands"
        if not pipe.exists():
            os.mkfifo(pipe)
        words = " ".join(str(word) for word in [*self.command, "--priority", PRIORITIES[node.name]])
        return node.start("vrrp", ["sh", "-c", f"exec {words} <> {pipe}"])

    def kill(self, node, process):
        process.stop(signal.SIGKILL)

    def stop(self, node, process):
        process.stop()

    def set_priority(self, node, priority):
        with open(node.directory / "commands", "w") as pipe:
            pipe.write(f"priority {priority}\n")


class Keepalived:
    name = "keepalived"

    def __init__(self, _, vip):
        self.vip = vip

    def start(self, node):
        config = node.directory / "keepalived.conf"
        config.write_text(KEEPALIVED.format(priority=PRIORITIES[node.name], vip=self.vip))
        pids = [node.directory / name for name in ("keepalived.pid", "vrrp.pid")]
        for pid in pids:
            pid.unlink(missing_ok=True)
        return node.start("keepalived", ["keepalived", "-n", "-l", "-P", "-f", config, "-p", pids[0], "-r", pids[1]])

    def kill(self, node, process):
        subprocess.run(["pkill", "-KILL", "-g", str(process.pid)], check=False)  # its own session: parent and child
        process.popen.wait(10)

    def stop(self, node, process):
        process.stop()


def holds(node, vip) -> bool:
    return vip in node.addresses()


def plug(cluster, up: bool) -> None:
    state = "up" if up else "down"
    subprocess.run(["ip", "-n", cluster.namespaces[0], "link", "set", "d1.0", state], check=True)


def gap_at(log, moment: float):
    """The failover's gap, once the stream goes on: the first after `moment` that is longer than two intervals. How long
    the cable took to be pulled depends on the load, so when the gap began says nothing."""
    for line in log.read_text().splitlines():
        entry = json.loads(line) if line.startswith("{") and line.endswith("}") else {}
        if entry.get("gap_ms", 0) > 2 * INTERVAL_MS and entry["to"] >= moment:
            return entry["gap_ms"]
    return None


def one_round(cluster, daemon, running, probe) -> float:
    d1, vip = cluster["d1"], cluster.topology.vip
    moment = time.time()
    plug(cluster, False)
    daemon.kill(d1, running["d1"])
    gap = wait_for(lambda: gap_at(probe.log, moment), 10, "traffic goes on after the failover")
    # As after a reboot. A neighbour asked for once the cable was out would not be asked for again for a second.
    d1.run(["ip", "addr", "flush", "dev", "eth0", "to", f"{vip}/32"])
    d1.run(["ip", "neigh", "flush", "dev", "eth0"])
    plug(cluster, True)
    running["d1"] = daemon.start(d1)
    wait_for(lambda: holds(d1, vip) and not holds(cluster["d2"], vip), 20, "the first router is master again")
    settled = time.time()
    wait_for(lambda: time.time() > settled + 0.2, 2, "a fifth of a second of peace")
    return gap


def wait_peace() -> None:
    settled = time.time()
    wait_for(lambda: time.time() > settled + 0.2, 2, "a fifth of a second of peace")


def worst_gap(log, since: float) -> float:
    """What the probe told since then; less than it can tell is told as that."""
    entries = [json.loads(line) for line in log.read_text().splitlines() if line.startswith("{") and line.endswith("}")]
    return max([PROBE_MS] + [e["gap_ms"] for e in entries if e.get("gap_ms") and e.get("to", 0) >= since])


def one_stop(cluster, daemon, running, probe) -> float:
    d1, d2, vip = cluster["d1"], cluster["d2"], cluster.topology.vip
    moment = time.time()
    daemon.stop(d1, running["d1"])
    wait_for(lambda: holds(d2, vip), 10, "the second router is master")
    wait_peace()
    gap = worst_gap(probe.log, moment)
    running["d1"] = daemon.start(d1)
    wait_for(lambda: holds(d1, vip) and not holds(d2, vip), 20, "the first router is master again")
    wait_peace()
    return gap


def one_priority(cluster, daemon, running, probe) -> float:
    d1, d2, vip = cluster["d1"], cluster["d2"], cluster.topology.vip
    moment = time.time()
    daemon.set_priority(d1, 50)
    wait_for(lambda: holds(d2, vip) and not holds(d1, vip), 10, "the second router is master")
    wait_peace()
    gap = worst_gap(probe.log, moment)
    daemon.set_priority(d1, PRIORITIES["d1"])
    wait_for(lambda: holds(d1, vip) and not holds(d2, vip), 20, "the first router is master again")
    wait_peace()
    return gap


def measure(daemon_type, binaries, rounds: int, hogs: int, one=one_round) -> dict:
    with Cluster(topology.dr(directors=2, servers=0)) as cluster:
        vip = cluster.topology.vip
        daemon = daemon_type(binaries, vip)
        real_time = ["chrt", "-f", "20"]
        for node in cluster.with_role("director"):
            node.sysctl({"net.ipv4.ip_nonlocal_bind": 1})
            node.start("echo", [*real_time, binaries / "lab-load", "echo", "--listen", f"{vip}:7000", "--id", node.name])
        running = {node.name: daemon.start(node) for node in cluster.with_role("director")}
        wait_for(lambda: holds(cluster["d1"], vip) and not holds(cluster["d2"], vip), 20, "the first router is master")
        probe = cluster["c1"].start("probe", [*real_time, binaries / "lab-load", "udp", "--to", f"{vip}:7000",
                                              "--interval", "1ms", "--threshold", f"{PROBE_MS}ms"])
        wait_for(lambda: '"received"' in probe.output() and '"received": 0' not in probe.output(), 10, "answers")
        for number in range(hogs):
            cluster["c1"].start(f"hog{number}", [sys.executable, "-c", "while True: pass"])
        probes = _stalls.start(cluster["c1"])
        told = []
        for _ in range(rounds):
            begun = time.time()
            told.append((begun, one(cluster, daemon, running, probe), time.time()))
        still = _stalls.found(probes)
    gaps = [gap for _, gap, _ in told]
    calm = [gap for begun, gap, ended in told if not any(since < ended and until > begun for since, until in still)]
    return {"what": daemon.name, "how": HOW[one], "hogs": hogs, "rounds": rounds, "min_ms": min(gaps),
            "median_ms": statistics.median(gaps), "p99_ms": p99(gaps), "max_ms": max(gaps), "undisturbed": len(calm),
            "p99_undisturbed_ms": p99(calm) if len(calm) > 1 else "-"}


def p99(gaps) -> float:
    return statistics.quantiles(gaps, n=100, method="inclusive")[98] if len(gaps) > 1 else gaps[0]


HOW = {one_round: "crash", one_stop: "stop", one_priority: "priority"}


def run(ctx) -> list[dict]:
    rounds = int(os.environ.get("LVSD_BENCH_ROUNDS", "100"))
    daemons = [Ours] + ([Keepalived] if shutil.which("keepalived") else [])
    rows = []
    for hogs in (0, HOGS):
        for daemon in daemons:
            ctx.say(f"{daemon.name}, {hogs} CPU hogs, {rounds} kills")
            rows.append(measure(daemon, ctx.bin, rounds, hogs))
    for daemon, one in [(Ours, one_stop), (Ours, one_priority)] + [(daemon, one_stop) for daemon in daemons[1:]]:
        ctx.say(f"{daemon.name}, {HOW[one]}, {rounds} times")
        rows.append(measure(daemon, ctx.bin, rounds, 0, one))
    return rows
