# SPDX-License-Identifier: GPL-2.0-or-later
"""Clusters as data: which nodes there are, on which networks, with which addresses.

A Topology says what is to be there and does nothing; cluster.py makes it real. dr() and nat() are the two usual
ones; a test with other wishes builds its own or changes one of these with dataclasses.replace().
"""

from dataclasses import dataclass, field

DIRECTOR, SERVER, CLIENT = "director", "server", "client"

# Nothing in a cluster needs duplicate address detection, and it would cost a second.
COMMON_SYSCTLS = {
    "net.ipv6.conf.all.disable_ipv6": 0,
    "net.ipv6.conf.default.accept_dad": 0,
    "net.ipv6.conf.all.accept_ra": 0,
    "net.ipv4.conf.all.rp_filter": 0,
    "net.ipv4.conf.default.rp_filter": 0,
}
DIRECTOR_SYSCTLS = {
    "net.ipv4.ip_forward": 1,
    "net.ipv6.conf.all.forwarding": 1,
    "net.ipv4.conf.all.send_redirects": 0,
    "net.ipv4.conf.default.send_redirects": 0,
}
# A real server with the virtual address on its loopback must not answer ARP for it.
DR_SERVER_SYSCTLS = {"net.ipv4.conf.all.arp_ignore": 1, "net.ipv4.conf.all.arp_announce": 2}


@dataclass(frozen=True)
class Link:
    """An interface of a node: eth0, eth1... in the order of the node's links."""

    network: str
    addresses: tuple[str, ...]  # with prefix length


@dataclass(frozen=True)
class Node:
    name: str
    role: str
    links: tuple[Link, ...]
    loopback: tuple[str, ...] = ()
    routes: tuple[str, ...] = ()  # as after `ip route add`; IPv6 ones begin with "-6 "
    sysctls: dict = field(default_factory=dict)

    def address(self, version: int = 4, link: int = 0) -> str:
        """The first address of that version on that link, without prefix length."""
        wanted = (a for a in self.links[link].addresses if (":" in a) == (version == 6))
        return next(wanted).partition("/")[0]


@dataclass(frozen=True)
class Topology:
    """Networks are bridges, each in a namespace of its own, to which the nodes' interfaces lead."""

    networks: tuple[str, ...]
    nodes: tuple[Node, ...]
    vip: str = ""  # what clients speak to, without prefix length
    vip6: str = ""
    gateway: str = ""  # with nat(): the address inside that the directors share and the servers route through
    gateway6: str = ""

    def named(self, name: str) -> Node:
        return next(node for node in self.nodes if node.name == name)

    def with_role(self, role: str) -> list[Node]:
        return [node for node in self.nodes if node.role == role]


def _host(number: int, network: int = 77) -> tuple[str, str]:
    return f"10.{network}.0.{number}/24", f"2001:db8:{network}::{number:x}/64"


def dr(directors: int = 2, servers: int = 3, clients: int = 1) -> Topology:
    """Everybody on one network; servers hold the virtual address on lo and answer clients directly."""
    vip, vip6 = "10.77.0.100", "2001:db8:77::100"
    nodes = [Node(f"d{n}", DIRECTOR, (Link("lan", _host(1 + n)),), sysctls=DIRECTOR_SYSCTLS)
             for n in range(1, directors + 1)]
    nodes += [Node(f"s{n}", SERVER, (Link("lan", _host(10 + n)),), loopback=(vip + "/32", vip6 + "/128"),
                   sysctls=DR_SERVER_SYSCTLS) for n in range(1, servers + 1)]
    nodes += [Node(f"c{n}", CLIENT, (Link("lan", _host(200 + n)),)) for n in range(1, clients + 1)]
    return Topology(("lan",), tuple(nodes), vip=vip, vip6=vip6)


def nat(directors: int = 2, servers: int = 3, clients: int = 1) -> Topology:
    """Clients and directors outside, directors and servers inside. The servers answer through `gateway`, an address
    the directors must share as they share the virtual one, and move together with it."""
    gateway, gateway6 = "10.78.0.1", "2001:db8:78::1"
    routes = (f"default via {gateway}", f"-6 default via {gateway6}")
    nodes = [Node(f"d{n}", DIRECTOR, (Link("outside", _host(1 + n)), Link("inside", _host(1 + n, 78))),
                  sysctls=DIRECTOR_SYSCTLS) for n in range(1, directors + 1)]
    nodes += [Node(f"s{n}", SERVER, (Link("inside", _host(10 + n, 78)),), routes=routes)
              for n in range(1, servers + 1)]
    nodes += [Node(f"c{n}", CLIENT, (Link("outside", _host(200 + n)),)) for n in range(1, clients + 1)]
    return Topology(("outside", "inside"), tuple(nodes), vip="10.77.0.100", vip6="2001:db8:77::100",
                    gateway=gateway, gateway6=gateway6)
