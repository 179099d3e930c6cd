# SPDX-License-Identifier: GPL-2.0-or-later
"""Clusters: what is described is there, it carries packets, and nothing of it stays."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from labkit import topology
from labkit.cluster import NETNS, Cluster
from labkit.waiting import NotInTime, wait_for

TESTS = Path(__file__).resolve().parents[1]


def ping(node, address: str) -> None:
    node.run(["ping", "-c1", "-W5", address])


def test_every_node_of_dr_reaches_every_other(make_cluster):
    cluster = make_cluster(topology.dr(directors=2, servers=2))
    for source in cluster.nodes.values():
        for target in cluster.nodes.values():
            ping(source, target.address(4))
            ping(source, target.address(6))


def test_nat_servers_are_reached_from_inside_only(make_cluster):
    cluster = make_cluster(topology.nat(servers=1))
    ping(cluster["d1"], cluster["s1"].address())
    ping(cluster["c1"], cluster["d1"].address())
    outside = cluster["c1"].run(["ping", "-c1", "-W1", cluster["s1"].address()], check=False)
    assert outside.returncode != 0


def test_dr_servers_hold_the_virtual_address_without_answering_for_it(make_cluster):
    cluster = make_cluster(topology.dr(servers=1))
    assert cluster.topology.vip in cluster["s1"].addresses()
    asked = cluster["c1"].run(["ping", "-c1", "-W1", cluster.topology.vip], check=False)
    assert asked.returncode != 0


def test_the_address_follows_the_director_that_takes_it(make_cluster):
    cluster = make_cluster(topology.dr(servers=0))
    vip = cluster.topology.vip
    for name in ("d1", "d2"):
        cluster[name].run(["ip", "addr", "add", f"{vip}/24", "dev", "eth0"])
        ping(cluster["c1"], vip)
        cluster[name].run(["ip", "addr", "del", f"{vip}/24", "dev", "eth0"])
        cluster["c1"].run(["ip", "neigh", "flush", "all"])


def test_sysctls_are_the_nodes_own(make_cluster):
    cluster = make_cluster(topology.dr(servers=1))
    assert cluster["d1"].run(["cat", "/proc/sys/net/ipv4/ip_forward"]).stdout.strip() == "1"
    assert cluster["s1"].run(["cat", "/proc/sys/net/ipv4/ip_forward"]).stdout.strip() == "0"


def test_a_daemon_is_started_logged_and_ended(make_cluster):
    cluster = make_cluster(topology.dr(servers=0))
    node = cluster["c1"]
    daemon = node.start("talker", ["sh", "-c", "echo here; exec sleep 1000"])
    wait_for(lambda: "here" in daemon.output(), 10, "the daemon has spoken")
    assert node.pids() == [daemon.pid]
    assert daemon.stop(signal.SIGKILL) == -signal.SIGKILL
    assert node.pids() == []


def test_kill_all_ends_what_daemons_leave_behind(make_cluster):
    cluster = make_cluster(topology.dr(servers=0))
    node = cluster["c1"]
    node.start("parent", ["sh", "-c", "sleep 1000 & sleep 1000 & wait"])
    wait_for(lambda: len(node.pids()) == 3, 10, "the children run")
    node.kill_all()
    assert node.pids() == []


def test_removing_leaves_nothing():
    with Cluster(topology.nat()) as cluster:
        daemon = cluster["s1"].start("sleeper", ["sleep", "1000"])
        assert all((NETNS / name).exists() for name in cluster.namespaces)
    assert not any((NETNS / name).exists() for name in cluster.namespaces)
    assert not cluster.directory.exists()
    assert not daemon.alive()


BUILDER = """
import sys, time
sys.path.insert(0, sys.argv[1])
from labkit import topology
from labkit.cluster import Cluster
with Cluster(topology.dr()) as cluster:
    sleeper = cluster["d1"].start("sleeper", ["sleep", "1000"])
    print(cluster.prefix, sleeper.pid, flush=True)
    time.sleep(1000)
"""


def start_builder() -> tuple[subprocess.Popen, str, int]:
    """A process of its own that holds a cluster with a daemon in it."""
    builder = subprocess.Popen([sys.executable, "-c", BUILDER, str(TESTS)], stdout=subprocess.PIPE, text=True,
                               stderr=subprocess.DEVNULL)
    prefix, sleeper = builder.stdout.readline().split()
    return builder, prefix, int(sleeper)


def remains(prefix: str, sleeper: int) -> list[str]:
    left = [str(path) for place in (NETNS, Path("/tmp")) for path in place.glob(f"{prefix}-*")]
    left += [str(path) for path in Path("/tmp").glob(prefix)]
    return left + ([f"process {sleeper}"] if runs(sleeper) else [])


def runs(pid: int) -> bool:
    """An ended process whose new parent has not collected it yet does not run."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_signal_leaves_nothing(number):
    builder, prefix, sleeper = start_builder()
    assert remains(prefix, sleeper), "the cluster is there before the signal"
    builder.send_signal(number)
    builder.wait(30)
    assert remains(prefix, sleeper) == []


def test_the_next_lab_removes_what_a_killed_one_left():
    builder, prefix, sleeper = start_builder()
    builder.kill()
    builder.wait(30)
    assert remains(prefix, sleeper), "SIGKILL leaves no time to clean up"
    with Cluster(topology.dr(directors=1, servers=0, clients=0)):
        assert remains(prefix, sleeper) == []


def test_wait_for_tells_what_did_not_come():
    with pytest.raises(NotInTime, match="the moon.*last value: 0"):
        wait_for(lambda: 0, 0.05, "the moon")
    with pytest.raises(NotInTime, match="the sun.*no such sun"):
        wait_for(lambda: (_ for _ in ()).throw(OSError("no such sun")), 0.05, "the sun")
    assert wait_for(lambda: os.getpid(), 1, "a value") == os.getpid()
