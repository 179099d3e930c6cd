# SPDX-License-Identifier: GPL-2.0-or-later
"""What somebody else takes from a master comes back at once, at a bounded rate, and is told."""

import time

import pytest

from labkit.director import Director
from labkit.routers import DIRECTORS, VIP, VIP6, config, everything_is_there, holds, instance, nothing_is_there, ours, side, \
    with_everything
from labkit.waiting import wait_for

LAB = {"when": "whole"}


@pytest.fixture
def cluster(make_cluster):
    return make_cluster(DIRECTORS)


@pytest.fixture
def master(cluster):
    """A director that holds everything; the refresh of anything else than netlink is far away."""
    node = cluster["d1"]
    side(node)
    director = Director(node, with_everything(150)).start()
    wait_for(lambda: everything_is_there(node), 20, "routes and rules of the master")
    yield node, director
    assert instance(director)["transitions"] == 1, "it stayed master all the time"


def told(director):
    return director.log().count('reason="restored ')


@pytest.mark.parametrize("words", [
    ["route", "del", "203.0.113.0/24", "proto", "108"],
    ["route", "flush", "proto", "108"],
    ["route", "flush", "table", "4000"],
    ["rule", "del", "priority", "1000"],
    ["-6", "route", "del", "2001:db8:99::/48"],
    ["-6", "rule", "del", "priority", "1002"],
], ids=lambda words: "-".join(words).replace("/", "_"))
def test_a_route_or_rule_comes_back(master, words):
    node, director = master
    node.run(["ip", *words])
    wait_for(lambda: everything_is_there(node), 5, "it is back")
    wait_for(lambda: told(director) > 0, 10, "it is told")


@pytest.mark.parametrize("address", [f"{VIP}/24 dev eth0", f"{VIP6}/64 dev eth0", "198.51.100.1/24 dev side0"],
                         ids=["ipv4", "ipv6", "with-a-route"])
def test_an_address_comes_back_with_the_routes_that_went_with_it(master, address):
    node, director = master
    node.run(["ip", "addr", "del", *address.split()])
    wait_for(lambda: holds(node, address.split("/")[0]) and everything_is_there(node), 5, "it is back")
    wait_for(lambda: f"restored {address.split('/')[0]}" in director.log(), 10, "it is told")


def test_all_of_it_at_once(master):
    node, director = master
    batch = node.directory / "batch"
    batch.write_text("\n".join(["route flush proto 108", "route flush table 4000", "rule del priority 1000",
                                f"addr del {VIP}/24 dev eth0", "rule del priority 1001", "addr flush dev side0"]) + "\n")
    node.run(["ip", "-batch", batch])
    wait_for(lambda: everything_is_there(node) and holds(node) and holds(node, "198.51.100.1"), 5, "all is back")
    assert director.stop() == 0
    assert nothing_is_there(node) and not holds(node) and not holds(node, "198.51.100.1"), "and goes with the master"
    director.start()
    wait_for(lambda: everything_is_there(node), 20, "for the fixture")


def test_what_another_interface_loses_while_it_is_down_comes_back_with_it(master):
    """The kernel removes the routes of an interface that goes down without a word."""
    node, director = master
    node.run(["ip", "link", "set", "side0", "down"])
    wait_for(lambda: not everything_is_there(node), 5, "the route is gone")
    node.run(["ip", "link", "set", "side0", "up"])
    wait_for(lambda: everything_is_there(node), 5, "it is back")


def test_a_route_whose_interface_the_kernel_finds_comes_back_with_it(cluster):
    node = cluster["d1"]
    side(node)
    node.run(["ip", "addr", "add", "198.51.100.9/24", "dev", "side0"])
    director = Director(node, config(150, extra='routes = ["203.0.113.0/24 via 198.51.100.250"]')).start()
    wait_for(lambda: ours(node, "route"), 20, "the route of the master")
    node.run(["ip", "link", "set", "side0", "down"])
    wait_for(lambda: not ours(node, "route"), 5, "it is gone with its interface")
    node.run(["ip", "link", "set", "side0", "up"])
    wait_for(lambda: ours(node, "route"), 20, "it is back")
    assert instance(director)["transitions"] == 1
    assert director.log().count('reason="route-add') <= 1, "told once"


def test_nothing_stays_of_one_that_was_killed_and_cannot_start_again(cluster):
    node = cluster["d1"]
    side(node)
    director = Director(node, with_everything(150)).start()
    wait_for(lambda: everything_is_there(node), 20, "routes and rules of the master")
    assert node.run(["lvsd", "--clean-up"], check=False).returncode == 1 and everything_is_there(node), "it runs"
    director.kill()
    assert everything_is_there(node) and holds(node)
    node.run(["lvsd", "--clean-up"])
    assert nothing_is_there(node) and not holds(node) and not holds(node, VIP6)


def test_one_that_starts_without_routers_clears_what_one_with_them_left(cluster):
    node = cluster["d1"]
    director = Director(node, config(150)).start()
    wait_for(lambda: holds(node), 20, "master")
    director.kill()
    director.config.write_text("")
    director.start()
    wait_for(lambda: not holds(node), 20, "the address is gone")


def test_whoever_takes_an_address_away_again_and_again_does_not_set_our_pace(cluster):
    node = cluster["d1"]
    director = Director(node, config(150)).start()
    wait_for(lambda: holds(node), 20, "master")
    start, taken = time.monotonic(), 0
    while time.monotonic() < start + 2:
        taken += node.run(["ip", "addr", "del", f"{VIP}/24", "dev", "eth0"], check=False).returncode == 0
    took = time.monotonic() - start
    assert 2 <= taken <= 10 + 10 * took + 2, f"{taken} times in {took:.1f} s"
    wait_for(lambda: holds(node), 5, "it is back in the end")
    assert told(director) <= 20 + took
    assert instance(director)["transitions"] == 1


def test_an_address_that_was_there_before_is_replaced_when_its_owner_takes_it_away(cluster):
    node = cluster["d1"]
    node.run(["ip", "addr", "add", f"{VIP}/24", "dev", "eth0"])
    director = Director(node, config(150)).start()
    director.wait_routers("master")
    node.run(["ip", "addr", "del", f"{VIP}/24", "dev", "eth0"])
    wait_for(lambda: holds(node), 5, "the master holds it itself now")
    assert director.stop() == 0
    assert not holds(node)


def test_what_we_remove_ourselves_is_not_told(master):
    node, director = master
    director.reload(with_everything(150).replace("priority = 1001", "priority = 1005").replace("metric 7", "metric 8"))
    wait_for(lambda: 1005 in {rule["priority"] for rule in ours(node, "rule")}, 10, "a reload changes a rule")
    wait_for(lambda: ours(node, "route") and instance(director)["state"] == "master", 10, "and a route")
    assert told(director) == 0
