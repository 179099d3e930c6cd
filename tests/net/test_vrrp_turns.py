# SPDX-License-Identifier: GPL-2.0-or-later
"""What several routers, or several causes, do in one turn of the speaker: it stays alive and in time."""

import signal

import pytest

from labkit import topology
from labkit.director import Director
from labkit.routers import VIP, VIP6, config, router, side
from labkit.waiting import wait_for

ONE = topology.dr(directors=1, servers=0, clients=0)
TWO = topology.dr(directors=2, servers=0, clients=0)
BOTH_FAMILIES = (f"{VIP}/24", f"{VIP6}/64")


@pytest.fixture
def node(make_cluster):
    return make_cluster(ONE)["d1"]


def roles(director):
    return set(director.routers().values())


def wait_roles(director, *expected):
    wait_for(lambda: roles(director) == set(expected), 20, f"every router is {expected}")


def pid(director):
    return director.status()["daemon"]["pid"]


def test_families_that_go_together_lose_their_interface_and_get_it_back(node):
    director = Director(node, config(100, addresses=BOTH_FAMILIES)).start()
    wait_roles(director, "master")
    first = pid(director)
    for _ in range(5):
        node.run(["ip", "link", "set", "eth0", "down"])
        wait_roles(director, "waiting")
        node.run(["ip", "link", "set", "eth0", "up"])
        wait_roles(director, "master")
    assert pid(director) == first


def test_a_group_over_two_interfaces_goes_when_either_goes(node):
    side(node)
    node.run(["ip", "addr", "add", "198.51.100.2/24", "dev", "side0"])
    director = Director(node, config(100, more=router("inside", 52, ["198.51.100.1/24"], interface="side0") + """
[sync_group.both]
routers = ["web", "inside"]
""")).start()
    wait_roles(director, "master")
    first = pid(director)
    for name in ("eth0", "side0", "eth0", "side0"):
        node.run(["ip", "link", "set", name, "down"])
        wait_for(lambda: "master" not in roles(director) and "waiting" in roles(director), 20, f"both go with {name}")
        node.run(["ip", "link", "set", name, "up"])
        wait_roles(director, "master")
    assert pid(director) == first


def test_a_tracker_takes_both_families_away_and_brings_them_back(node):
    flag = node.directory / "flag"
    flag.write_text("up")
    director = Director(node, config(100, addresses=BOTH_FAMILIES, extra='track = ["flag"]',
                                     more=f'[tracker.flag]\nfile = "{flag}"\n')).start()
    wait_roles(director, "master")
    first = pid(director)
    for _ in range(2):
        flag.unlink()
        wait_roles(director, "waiting")
        flag.write_text("up")
        wait_roles(director, "master")
    assert pid(director) == first


def test_a_master_that_hears_a_lower_one_when_it_wakes_up_late(make_cluster):
    """The lower one speaks in place of a stranger: it does not hear the master."""
    cluster = make_cluster(TWO)
    master = Director(cluster["d1"], config(150)).start()
    wait_roles(master, "master")
    first = pid(master)
    cluster["d2"].run(["nft", "add table ip t; add chain ip t in { type filter hook input priority 0; }; "
                             "add rule ip t in ip protocol 112 drop"])
    lower = Director(cluster["d2"], config(100, interval="10ms")).start()
    wait_roles(lower, "master")
    for _ in range(30):
        sent = adverts(lower)
        master.process.send(signal.SIGSTOP)
        wait_for(lambda sent=sent: adverts(lower) > sent + 3, 20, "adverts wait for the master")
        master.process.send(signal.SIGCONT)
        assert pid(master) == first
    assert master.status()["daemon"]["vrrp"]["late_wakeups"] > 5


def test_an_address_on_an_interface_that_is_down_costs_nothing(node):
    side(node)
    director = Director(node, config(100, extra='excluded_addresses = [{ address = "198.51.100.1/24", dev = "side0" }]\n'
                                                'announce_refresh = "1s"')).start()
    wait_roles(director, "master")
    node.run(["ip", "link", "set", "side0", "down"])

    def wakeups():
        return director.status()["daemon"]["vrrp"]["wakeups"]

    before, sent = wakeups(), adverts(director)
    wait_for(lambda: adverts(director) > sent + 40, 30, "two seconds of adverts")
    assert wakeups() - before < 20 * (adverts(director) - sent)


def adverts(director):
    return director.status()["routers"][0]["instances"][0]["adverts_sent"]
