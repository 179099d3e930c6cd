# SPDX-License-Identifier: GPL-2.0-or-later
"""Two directors to whom anything happens in any order: afterwards everything is as it should be. The seed is the test's
parameter: a failure is run again by its name."""

import random
import signal

import pytest

from labkit import topology
from labkit.director import Director
from labkit.routers import VIP, VIP6, router
from labkit.waiting import wait_for

LAB = {"when": "whole"}

PAIR = topology.dr(directors=2, servers=0, clients=0)
SIDE, ALONE, MORE = "198.51.100.1", "10.77.0.220", "10.77.0.221"
STEPS = 40


def text(node, priority, interval="50ms", addresses=(ALONE,), extra=""):
    """A router of both families, two in a group over two interfaces, one with an address elsewhere."""
    both = {"priority": priority, "interval": interval}
    return "".join((
        router("both", 51, [f"{VIP}/24", f"{VIP6}/64"], extra='track = ["flag", "wish weight -60"]', **both),
        router("outside", 52, [f"{address}/24" for address in addresses], **both),
        router("inside", 53, [f"{SIDE}/24"], interface="side0", **both,
               extra=f'excluded_addresses = [{{ address = "203.0.113.1/32", dev = "eth0" }}]\n{extra}'))) + f"""
[sync_group.group]
routers = ["outside", "inside"]
[tracker.flag]
file = "{node.directory}/flag"
[tracker.wish]
file = "{node.directory}/wish"
"""


def side_network(d1, d2):
    """A cable between the two, besides the network of the lab."""
    d1.run(["ip", "link", "add", "side0", "type", "veth", "peer", "name", "side0", "netns", d2.namespace])
    for number, node in enumerate((d1, d2), 2):
        node.run(["ip", "link", "set", "side0", "up"])
        node.run(["ip", "addr", "add", f"198.51.100.{number}/24", "dev", "side0"])


class Anything:
    """What may happen to a director."""

    def __init__(self, director, priority, chance):
        self.director, self.node, self.priority, self.chance = director, director.node, priority, chance

    def link(self):
        name, state = self.chance.choice(("eth0", "side0")), self.chance.choice(("up", "down"))
        self.node.run(["ip", "link", "set", name, state])

    def flap(self):
        name = self.chance.choice(("eth0", "side0"))
        self.node.run(["sh", "-c", f"ip link set {name} down; ip link set {name} up"])

    def tracker(self):
        path = self.node.directory / self.chance.choice(("flag", "wish"))
        if path.exists():
            path.unlink()
        else:
            path.write_text("")

    def steal(self):
        address = self.chance.choice((VIP, ALONE, SIDE))
        for name in ("eth0", "side0"):
            self.node.run(["ip", "addr", "del", f"{address}/24", "dev", name], check=False)

    def order(self):
        words = [self.chance.choice(("hold", "release", "failover")), self.chance.choice(("both", "outside", "inside"))]
        self.node.run(["lvsctl", "--socket", self.director.socket, *words])

    def reload(self):
        self.director.config.write_text(text(
            self.node, self.chance.choice((90, 100, 150)), self.chance.choice(("20ms", "50ms", "200ms")),
            self.chance.choice(((ALONE,), (ALONE, MORE), (MORE,))), self.chance.choice(("", "preempt = false\n"))))
        self.director.process.send(signal.SIGHUP)

    def stall(self):
        self.director.process.send(signal.SIGSTOP)
        self.node.run(["sleep", str(self.chance.choice((0.006, 0.03, 0.3)))])
        self.director.process.send(signal.SIGCONT)

    def once(self):
        self.chance.choice((self.link, self.link, self.flap, self.tracker, self.steal, self.steal, self.order, self.reload,
                            self.stall))()

    def mend(self):
        for name in ("flag", "wish"):
            (self.node.directory / name).write_text("")
        for name in ("eth0", "side0"):
            self.node.run(["ip", "link", "set", name, "up"])
        for router in ("both", "outside"):
            self.node.run(["lvsctl", "--socket", self.director.socket, "release", router])
        self.director.accept(text(self.node, self.priority))


def placed(node):
    return {address for address in (VIP, VIP6, ALONE, MORE, SIDE, "203.0.113.1") if address in node.addresses()}


def adverts(director):
    return sum(each["adverts_sent"] for router in director.status()["routers"] for each in router["instances"])


@pytest.mark.parametrize("seed", range(6))
def test_whatever_happened_one_has_everything_and_the_other_nothing(make_cluster, seed):
    cluster = make_cluster(PAIR)
    nodes = [cluster["d1"], cluster["d2"]]
    side_network(*nodes)
    chance = random.Random(seed)
    both = []
    for node, priority in zip(nodes, (150, 100), strict=True):
        for name in ("flag", "wish"):
            (node.directory / name).write_text("")
        both.append(Anything(Director(node, text(node, priority)).start(), priority, chance))
    first, second = (each.director for each in both)

    def settled():
        return set(first.routers().values()) == {"master"} and set(second.routers().values()) == {"backup"} and \
            placed(nodes[0]) == {VIP, VIP6, ALONE, SIDE, "203.0.113.1"} and not placed(nodes[1])

    wait_for(settled, 30, "the first is master of all")
    pids = [director.status()["daemon"]["pid"] for director in (first, second)]
    for _ in range(STEPS):
        chance.choice(both).once()
    for each in both:
        each.mend()
    wait_for(settled, 30, "the first is master of all again, with every address")
    assert [director.status()["daemon"]["pid"] for director in (first, second)] == pids
    for director in (first, second):
        woken, sent = director.status()["daemon"]["vrrp"]["wakeups"], adverts(first)
        wait_for(lambda sent=sent: adverts(first) > sent + 40, 20, "time passes")
        assert director.status()["daemon"]["vrrp"]["wakeups"] - woken < 20 * (adverts(first) - sent), "it is busy with nothing"
