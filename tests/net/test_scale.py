# SPDX-License-Identifier: GPL-2.0-or-later
"""lvsd with 10,000 servers is asked for everything at once: nothing else is late for it."""

import json
import re

import pytest

from _bus import BASE, NAME, Bus, directory  # noqa: F401
from labkit import topology
from labkit.director import Director
from labkit.waiting import wait_for

LAB = {"when": "whole", "alone": True}

ALONE = topology.dr(directors=1, servers=0, clients=1)
SERVICES, SERVERS = 2000, 5
INTERVAL_MS = 200


def config(metrics) -> str:
    lines = [f"""
[metrics]
listen = "{metrics}"
[virtual_router.web]
interface = "eth0"
vrid = 51
priority = 150
advert_interval = "{INTERVAL_MS}ms"
addresses = ["{ALONE.vip}/24"]
"""]
    for number in range(SERVICES):
        servers = ", ".join(f'"10.{number // 250}.{number % 250}.{host}:80"' for host in range(1, SERVERS + 1))
        lines.append(f'[virtual_service.s{number}]\naddress = "{ALONE.vip}:{1000 + number}"\nservers = [{servers}]\n')
    return "".join(lines)


@pytest.fixture
def director(make_cluster, directory, monkeypatch):  # noqa: F811
    bus = Bus(directory)
    bus.start()
    monkeypatch.setenv("DBUS_SYSTEM_BUS_ADDRESS", bus.address)
    node = make_cluster(ALONE)["d1"]
    director = Director(node, config(node.directory / "metrics.sock")).start()
    director.wait_routers("master", 60)
    yield director
    director.stop()
    bus.stop()


def scrape(director) -> str:
    return director.node.run(["curl", "-sS", "--fail", "--max-time", "60", "--unix-socket",
                              director.node.directory / "metrics.sock", "http://lvsd/metrics"]).stdout


def vrrp(director) -> dict:
    return director.status()["routers"][0]["instances"][0]


def loop_delays(text: str) -> tuple:
    """How often a timer of the main loop was looked at, and how often it was more than a second late."""
    count = int(re.search(r"^lvsd_loop_delay_seconds_count (\d+)$", text, re.M)[1])
    return count, count - int(re.search(r'^lvsd_loop_delay_seconds_bucket\{le="1"\} (\d+)$', text, re.M)[1])


def expect_in_time(director, before: dict) -> None:
    after = vrrp(director)
    assert after["state"] == "master" and after["transitions"] == before["transitions"]
    assert after["adverts_sent"] > before["adverts_sent"]
    # Another director takes over after three intervals: half of one is as late as nobody notices.
    assert after["worst_lateness_us"] < INTERVAL_MS * 1000 / 2, after


@pytest.mark.limit(240)
def test_adverts_and_the_loop_are_in_time_whatever_is_asked(director):
    before = vrrp(director)
    counted, late = loop_delays(scrape(director))
    for _ in range(5):
        text = scrape(director)
        director.node.run(["busctl", "--system", "--quiet", "--timeout=60", "call", NAME, BASE,
                           "org.freedesktop.DBus.ObjectManager", "GetManagedObjects"])
        director.node.run(["busctl", "--system", "--quiet", "--timeout=60", "call", NAME, BASE, f"{NAME}.Manager", "Describe"])
    assert len(re.findall(r"^lvsd_server_up\{", text, re.M)) == SERVICES * SERVERS
    wait_for(lambda: loop_delays(scrape(director))[0] > counted + 3, 60, "the loop was looked at meanwhile")
    assert loop_delays(scrape(director))[1] == late, "the main loop stood still for a second"
    expect_in_time(director, before)
    rows = director.node.run(["lvsctl", "--socket", director.socket, "servers", "--limit", "3"]).stdout.splitlines()
    assert len(rows) == 1 + 3 + 1 and rows[-1] == f"... and {SERVICES * SERVERS - 3} more"


def times(status: dict) -> dict:
    """When each server came into its state."""
    return {(service["name"], server["address"]): server["since_us"] for service in status["services"]
            for server in service["servers"]}


@pytest.mark.limit(240)
def test_a_time_is_the_same_whenever_it_is_asked_for(director):
    """Two clocks are behind it. If it differed a little each time, every object would tell of a change each time."""
    first = times(director.status())
    assert len(first) == SERVICES * SERVERS and all(first.values())
    for _ in range(5):
        assert times(director.status()) == first


@pytest.mark.limit(240)
def test_the_beginning_of_every_service_is_told_once_and_in_order(director):
    """Most of it between other work, some after the last word on the start."""
    expected = [f"s{number}" for number in range(SERVICES)]

    def told() -> list:
        lines = director.node.run(["lvsctl", "--socket", director.socket, "watch", "--last", "8192", "--no-follow", "--json",
                                   "--event", "service-state"]).stdout.splitlines()
        return [json.loads(line)["object"] for line in lines]

    wait_for(lambda: len(told()) >= SERVICES, 60, "all of it is told")
    assert told() == expected
