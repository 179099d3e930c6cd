# SPDX-License-Identifier: GPL-2.0-or-later
"""A daemon that did not run for a while: who is master afterwards, and what the daemon says about it."""

import os
import re
import signal
from pathlib import Path

import pytest

from labkit import topology
from labkit.paths import bin_dir
from labkit.waiting import wait_for

LAB = {"when": "whole", "alone": True}

BIN = Path(os.environ.get("LVSD_BIN", bin_dir()))
DIRECTORS = topology.dr(directors=2, servers=0, clients=1)
VIP = DIRECTORS.vip


def speaker(node, priority, *options, name="vrrp"):
    pipe = node.directory / f"{name}.commands"
    if not pipe.exists():
        os.mkfifo(pipe)
    words = [BIN / "vrrp_node", "--interface", "eth0", "--vrid", "51", "--priority", priority, "--interval", "200ms",
             "--address", f"{VIP}/24", *options]
    return node.start(name, ["sh", "-c", f"exec {' '.join(str(word) for word in words)} <> {pipe}"])


def status(node, process, name="vrrp"):
    """The next answer to `status`."""
    before = len(process.output())
    with open(node.directory / f"{name}.commands", "w") as pipe:
        pipe.write("status\n")
    return wait_for(lambda: re.search(r"status .*\n(?:discarded .*\n)*speaker .*\n", process.output()[before:]), 10,
                    "a status").group(0)


def number(text, name):
    return int(re.search(rf"\b{name}=(\d+)", text).group(1))


def states(process):
    return re.findall(r"state r IPv4 \S+ (\S+) (\S+)", process.output())


def holds(node):
    return VIP in node.addresses()


def alone(node, other):
    wait_for(lambda: holds(node) and not holds(other), 20, f"{node.name} alone holds the address")


@pytest.fixture
def cluster(make_cluster):
    return make_cluster(DIRECTORS)


def stall(first, d2, second):
    """The first is master and stops running until the second has taken over."""
    first.send(signal.SIGSTOP)
    try:
        wait_for(lambda: ("master", "master-down") in states(second), 20, "the second takes over")
    finally:
        first.send(signal.SIGCONT)


def test_a_stalled_master_asks_before_it_speaks_and_wins_back(cluster):
    d1, d2 = cluster["d1"], cluster["d2"]
    first, second = speaker(d1, 150), speaker(d2, 100)
    alone(d1, d2)
    stall(first, d2, second)
    wait_for(lambda: ("backup", "stalled") in states(first), 10, "it steps down by itself")
    alone(d1, d2)  # it preempts, after it asked
    shown = status(d1, first)
    assert number(shown, "stalls") >= 1
    assert number(shown, "worst_us") > 400_000, "lateness is reported"
    classes = [int(n) for n in re.search(r"classes=([\d,]+)", shown).group(1).split(",")]
    assert sum(classes) == number(shown, "timers") and sum(classes[5:]) >= 1


def test_a_stalled_master_leaves_the_next_one_alone_without_preemption(cluster):
    d1, d2 = cluster["d1"], cluster["d2"]
    first = speaker(d1, 150, "--no-preempt")
    alone(d1, d2)
    second = speaker(d2, 100, "--no-preempt")
    wait_for(lambda: ("backup", "started") in states(second), 10, "the second listens")
    stall(first, d2, second)
    alone(d2, d1)
    assert states(first)[-1][0] == "backup" and len(states(second)) == 2, "nobody moved after that"


def test_a_stalled_master_whose_peer_is_gone_takes_over_again(cluster):
    d1, d2 = cluster["d1"], cluster["d2"]
    first, second = speaker(d1, 150), speaker(d2, 100)
    alone(d1, d2)
    first.send(signal.SIGSTOP)
    wait_for(lambda: ("master", "master-down") in states(second), 20, "the second takes over")
    second.stop(signal.SIGKILL)
    d2.run(["ip", "addr", "flush", "dev", "eth0", "to", f"{VIP}/32"])
    first.send(signal.SIGCONT)
    wait_for(lambda: ("backup", "stalled") in states(first) and states(first)[-1][0] == "master", 20, "master again")
    assert holds(d1)


def test_a_stalled_backup_does_not_take_over_from_a_living_master(cluster):
    d1, d2 = cluster["d1"], cluster["d2"]
    first, second = speaker(d1, 150), speaker(d2, 100)
    alone(d1, d2)
    wait_for(lambda: ("backup", "started") in states(second), 10, "the second listens")
    sent = number(status(d1, first), "sent")
    second.send(signal.SIGSTOP)
    wait_for(lambda: number(status(d1, first), "sent") > sent + 10, 20, "the master went on")
    second.send(signal.SIGCONT)
    heard = number(status(d2, second), "received")
    wait_for(lambda: number(status(d2, second), "received") > heard + 5, 20, "the second hears again")
    assert states(second)[-1] == ("backup", "started") and states(first)[-1][0] == "master"
