# SPDX-License-Identifier: GPL-2.0-or-later
"""The stage: one director with IPVS, and a world of clients and servers that are only packets.

    world --wNc-- cl [ director ] sa --wNa-- world      10.0.0.0/24, 10.0.1.0/24, 2001:db8:c::/64, 2001:db8:1::/64
                                  sb --wNb-- world      10.0.2.0/24, 2001:db8:2::/64, MTU 1400

Clients and servers have no stack: the harness puts their frames on the wire and sees every frame that the director
puts there, with the checksum and GSO state the driver would see (PACKET_VNET_HDR). Neighbours are permanent, so
nothing but IPVS and the stack's answers is on the links. VIPs are routed to the director as local prefixes.

A case gets a director of its own: a fresh network namespace. Processing is synchronous on the CPU of the sender, and
a fence (a forwarded packet of an unused protocol, which IPVS ignores) tells when everything before it has come out.
"""

import contextlib
import ctypes
import os
import socket
import struct
import time

import nl
import wire

CLONE_NEWNET = 0x40000000
ETH_P_ALL = 3
PACKET_VNET_HDR, PACKET_IGNORE_OUTGOING, SOL_PACKET = 15, 23, 263
VNET_HEADER = wire.VNET_HEADER
LIBC = ctypes.CDLL(None, use_errno=True)

GATEWAY = "10.0.0.254"
CLIENTS = [f"10.0.0.{n}" for n in range(10, 18)]
CLIENTS6 = [f"2001:db8:c::{n}" for n in range(10, 18)]
SERVERS = [f"10.0.1.{n}" for n in range(11, 19)]
SERVERS6 = [f"2001:db8:1::{n}" for n in range(11, 19)]
NARROW = [f"10.0.2.{n}" for n in range(21, 23)]
NARROW6 = [f"2001:db8:2::{n}" for n in range(21, 23)]
FENCE = "10.0.1.250"

LINKS = {"cl": ("c", 1500), "sa": ("a", 1500), "sb": ("b", 1400)}
DIRECTOR_MAC = {name: bytes([2, 0, 0, 0, 0xDD, index]) for index, name in enumerate(LINKS)}


def mac_of(text: str) -> bytes:
    """The MAC of a client or server: its IPv4 or IPv6 address in short."""
    packed = wire.address(text)
    return bytes([2, 4 if len(packed) == 4 else 6]) + (packed if len(packed) == 4 else packed[4:6] + packed[14:])


def enter(descriptor: int) -> None:
    if LIBC.setns(descriptor, CLONE_NEWNET):
        raise OSError(ctypes.get_errno(), "setns")


def new_namespace() -> int:
    """Enters a new network namespace and returns a descriptor of it."""
    if LIBC.unshare(CLONE_NEWNET):
        raise OSError(ctypes.get_errno(), "unshare")
    return os.open("/proc/thread-self/ns/net", os.O_RDONLY | os.O_CLOEXEC)


def write(path: str, value) -> None:
    with open(path, "w", encoding="ascii") as file:
        file.write(f"{value}\n")


def prepare_machine() -> None:
    """What is global in the kernel, or of the first namespace."""
    for path, value in (("net/ipv4/icmp_msgs_per_sec", 1000000), ("net/ipv4/icmp_msgs_burst", 1000000),
                        ("kernel/printk_ratelimit", 0)):
        with contextlib.suppress(OSError):
            write(f"/proc/sys/{path}", value)
    write("/sys/kernel/rcu_expedited", 1)
    os.sched_setaffinity(0, {0})


class World:
    """The other ends of all links, and the socket that sends and sees everything there."""

    def __init__(self):
        self.namespace = new_namespace()
        for path, value in (("ipv6/conf/default/disable_ipv6", 1), ("ipv6/conf/all/disable_ipv6", 1)):
            write(f"/proc/sys/net/{path}", value)
        self.route = nl.Netlink(nl.NETLINK_ROUTE)
        self.packet = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(ETH_P_ALL))
        self.packet.setsockopt(SOL_PACKET, PACKET_VNET_HDR, 1)
        self.packet.setsockopt(SOL_PACKET, PACKET_IGNORE_OUTGOING, 1)
        self.packet.setsockopt(socket.SOL_SOCKET, 33, 16 << 20)  # SO_RCVBUFFORCE
        self.packet.settimeout(20)
        self.fences = 0
        self.directors = 0


class Director:
    """One namespace with IPVS between a client link and two server links."""

    def __init__(self, world: World):
        self.world = world
        world.directors += 1
        self.number = world.directors
        enter(world.namespace)
        self.namespace = new_namespace()
        self._sysctls()
        enter(world.namespace)
        self.outside = {name: f"w{self.number}{letter}" for name, (letter, _) in LINKS.items()}
        self.names = {outside: name for name, outside in self.outside.items()}
        self._wire_up()
        with self.inside():
            self.route = nl.Netlink(nl.NETLINK_ROUTE)
            self._configure()
            self.ipvs = nl.Generic("IPVS")

    def close(self) -> None:
        self.ipvs.close()
        self.route.close()
        os.close(self.namespace)

    @contextlib.contextmanager
    def inside(self):
        enter(self.namespace)
        try:
            yield
        finally:
            enter(self.world.namespace)

    def _sysctls(self) -> None:
        for path, value in (("ipv4/ip_forward", 1), ("ipv4/conf/all/rp_filter", 0), ("ipv4/conf/default/rp_filter", 0),
                            ("ipv4/conf/all/send_redirects", 0), ("ipv4/conf/default/send_redirects", 0),
                            ("ipv4/icmp_ratelimit", 0), ("ipv4/conf/all/route_localnet", 0),
                            ("ipv4/igmp_link_local_mcast_reports", 0),
                            ("ipv6/conf/all/forwarding", 1), ("ipv6/conf/default/forwarding", 1),
                            ("ipv6/conf/default/accept_dad", 0), ("ipv6/conf/default/dad_transmits", 0),
                            ("ipv6/conf/default/addr_gen_mode", 1), ("ipv6/conf/default/router_solicitations", 0),
                            ("ipv6/icmp/ratelimit", 0)):
            write(f"/proc/sys/net/{path}", value)

    def _wire_up(self) -> None:
        requests = [nl.veth(self.outside[name], bytes([2, 0, 0, 0, 0xEE, index]), name, DIRECTOR_MAC[name],
                            self.namespace, mtu) for index, (name, (_, mtu)) in enumerate(LINKS.items())]
        self.world.route.batch(requests)
        self.world.route.batch([nl.link_up(socket.if_nametoindex(name)) for name in self.outside.values()])

    def _configure(self) -> None:
        index = {name: socket.if_nametoindex(name) for name in (*LINKS, "lo")}
        self.index = index
        requests = [nl.link_up(number) for number in index.values()]
        for link, four, six in (("cl", "10.0.0.1", "2001:db8:c::1"), ("sa", "10.0.1.1", "2001:db8:1::1"),
                                ("sb", "10.0.2.1", "2001:db8:2::1")):
            requests += [nl.address(index[link], four, 24), nl.address(index[link], six, 64)]
        requests += [nl.neighbour(index[link], host, mac_of(host)) for link, hosts in (
            ("cl", [GATEWAY, "2001:db8:c::fe", *CLIENTS, *CLIENTS6]), ("sa", [FENCE, *SERVERS, *SERVERS6]),
            ("sb", [*NARROW, *NARROW6])) for host in hosts]
        requests += [
            nl.route("192.0.2.0", 24, index=index["lo"], local=True),
            nl.route("2001:db8:f::", 64, index=index["lo"], local=True),
            nl.route("198.51.100.0", 24, via=GATEWAY), nl.route("2001:db8:cc::", 64, via="2001:db8:c::fe"),
            nl.route("10.9.0.0", 16, via=SERVERS[0]), nl.route("2001:db8:9::", 64, via=SERVERS6[0]),
        ]
        self.route.batch(requests)

    def frame(self, link: str, packet: bytes) -> bytes:
        six = packet[0] >> 4 == 6
        source = packet[8:24] if six else packet[12:16]
        mac = bytes([2, 6]) + source[4:6] + source[14:] if six else bytes([2, 4]) + source
        return DIRECTOR_MAC[link] + mac + (b"\x86\xdd" if six else b"\x08\x00") + packet

    def inject(self, link: str, packet: bytes, header: bytes = bytes(VNET_HEADER), frame: bytes | None = None) -> None:
        data = header + (self.frame(link, packet) if frame is None else frame)
        self.world.packet.sendto(data, (self.outside[link], 0))

    def harvest(self) -> list[list[str]]:
        """Every frame the director has sent up to now as [link, hexadecimal of vnet header and frame]."""
        self.world.fences += 1
        token = struct.pack("!QQ", 0xFE4CE, self.world.fences)
        self.inject("cl", wire.ip4(CLIENTS[0], FENCE, wire.raw(wire.FENCE, token)))
        seen = []
        while True:
            data, origin = self.world.packet.recvfrom(1 << 17)
            if token in data and data[VNET_HEADER + 12:VNET_HEADER + 14] == b"\x08\x00":
                return seen
            link = self.names.get(origin[0])
            multicast6 = data[VNET_HEADER:VNET_HEADER + 2] == b"\x33\x33"  # group reports of the stack, at random moments
            if link and not multicast6:
                seen.append([link, data.hex()])


def gso_header(packet: bytes, segment: int) -> bytes:
    """The vnet header that makes an injected TCP packet (built with partial=True) one GSO packet."""
    six = packet[0] >> 4 == 6
    network = 40 if six else (packet[0] & 15) * 4
    transport = (packet[network + 12] >> 4) * 4
    needs_checksum, tcp4, tcp6 = 1, 1, 4
    return struct.pack("=BBHHHH", needs_checksum, tcp6 if six else tcp4, 14 + network + transport, segment,
                       14 + network, 16)


def wait_until(condition, seconds: float, step: float = 0.05) -> bool:
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            return False
        time.sleep(step)
    return True
