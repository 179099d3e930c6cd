# SPDX-License-Identifier: GPL-2.0-or-later
"""Somebody sets the clock: adverts, checks and drains go by a clock that nobody can set."""

import time

import pytest

from labkit import topology
from labkit.director import Director
from labkit.waiting import wait_for

LAB = {"kernels": ["6.1"]}
DIRECTORS = topology.dr(directors=2, servers=0, clients=1)
VIP = DIRECTORS.vip
DAY = 24 * 3600


def config(priority):
    return f"""
[virtual_router.web]
interface = "eth0"
vrid = 51
priority = {priority}
advert_interval = "200ms"
addresses = ["{VIP}/24"]

[virtual_service.web]
address = "{VIP}:80"
servers = ["10.77.0.250:80"]
check = {{ kind = "tcp", interval = "500ms", timeout = "400ms", rise = 1, fall = 1 }}
"""


def step(seconds):
    time.clock_settime(time.CLOCK_REALTIME, time.time() + seconds)


def instance(director):
    return director.status()["routers"][0]["instances"][0]


@pytest.mark.limit(180)
def test_a_stepped_clock_moves_nothing(make_cluster):
    cluster = make_cluster(DIRECTORS)
    first = Director(cluster["d1"], config(150)).start()
    first.wait_routers("master")
    second = Director(cluster["d2"], config(100)).start()
    second.wait_routers("backup")
    for seconds in (DAY, -2 * DAY, 10, DAY):
        heard = instance(second)["adverts_received"]
        step(seconds)
        wait_for(lambda heard=heard: instance(second)["adverts_received"] > heard + 5, 20, "adverts go on")
        assert instance(first)["state"] == "master" and instance(first)["transitions"] == 1
        assert instance(second)["state"] == "backup" and instance(second)["stalls"] == 0
        assert [VIP in cluster[name].addresses() for name in ("d1", "d2")] == [True, False]
    host = cluster["c1"]
    host.run(["ip", "address", "add", "10.77.0.250/24", "dev", "eth0"])
    step(-DAY)
    host.start("web", ["lab-load", "echo", "--listen", "0.0.0.0:80", "--id", "web"])
    first.wait_servers("web", {"10.77.0.250:80": "up"})  # and so do checks
    step(DAY)
    first.kill()
    second.wait_routers("master", 10)
