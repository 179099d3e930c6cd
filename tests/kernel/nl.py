# SPDX-License-Identifier: GPL-2.0-or-later
"""Netlink by hand: just enough to build a topology without starting `ip`, and to say anything to IPVS.

Nothing here validates what it sends: the harness must be able to send what no library would. Attributes are
(type, value) pairs where a value is bytes or a list of such pairs; RFC 3549 and linux/netlink.h are the format.
"""

import errno
import socket
import struct

NETLINK_ROUTE, NETLINK_GENERIC = 0, 16
REQUEST, MULTI, ACK, DUMP, CREATE, EXCL = 1, 2, 4, 0x300, 0x400, 0x200
NLMSG_ERROR, NLMSG_DONE = 2, 3
NESTED = 0x8000


def attributes(pairs) -> bytes:
    out = bytearray()
    for kind, value in pairs:
        body = attributes(value) if isinstance(value, list) else value
        out += struct.pack("=HH", len(body) + 4, kind) + body + b"\0" * (-len(body) % 4)
    return bytes(out)


def message(kind: int, flags: int, sequence: int, body: bytes) -> bytes:
    return struct.pack("=IHHII", len(body) + 16, kind, flags, sequence, 0) + body


def split(data: bytes):
    """The messages of one datagram as (type, flags, sequence, body)."""
    while len(data) >= 16:
        length, kind, flags, sequence, _ = struct.unpack_from("=IHHII", data)
        if length < 16:
            return
        yield kind, flags, sequence, data[16:length]
        data = data[(length + 3) & ~3:]


class Netlink:
    """A netlink socket of the network namespace the caller is in when making it."""

    def __init__(self, protocol: int):
        self.socket = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, protocol)
        self.socket.bind((0, 0))
        self.socket.settimeout(30)
        self.sequence = 0

    def close(self) -> None:
        self.socket.close()

    def call(self, kind: int, flags: int, body: bytes):
        """(errno, replies): asks for an acknowledgement and reads until it, or until the end of a dump."""
        self.sequence += 1
        wanted_flags = REQUEST | flags | (0 if flags & DUMP == DUMP else ACK)
        self.socket.send(message(kind, wanted_flags, self.sequence, body))
        replies = []
        while True:
            for reply, reply_flags, sequence, content in split(self.socket.recv(1 << 18)):
                if sequence != self.sequence:
                    continue
                if reply == NLMSG_ERROR:
                    return -struct.unpack_from("=i", content)[0], replies
                if reply == NLMSG_DONE:
                    return 0, replies
                replies.append((reply_flags, content))

    def batch(self, requests) -> None:
        """Sends many (type, flags, body) that must all succeed."""
        for begin in range(0, len(requests), 64):
            self._batch(requests[begin:begin + 64])

    def _batch(self, requests) -> None:
        first = self.sequence + 1
        data = bytearray()
        for kind, flags, body in requests:
            self.sequence += 1
            data += message(kind, REQUEST | ACK | flags, self.sequence, body)
            data += b"\0" * (-len(data) % 4)
        self.socket.send(data)
        missing = len(requests)
        while missing:
            for kind, _, sequence, content in split(self.socket.recv(1 << 18)):
                if kind != NLMSG_ERROR:
                    continue
                code = -struct.unpack_from("=i", content)[0]
                if code:
                    failed = requests[sequence - first]
                    raise OSError(code, f"netlink request {failed[0]} {failed[2].hex()}: {errno.errorcode.get(code)}")
                missing -= 1


class Generic(Netlink):
    """A generic netlink family by name. Resolving it may load the module, as for every client."""

    def __init__(self, name: str):
        super().__init__(NETLINK_GENERIC)
        get_family, family_id, family_name = 3, 1, 2
        body = struct.pack("=BBH", get_family, 1, 0) + attributes([(family_name, name.encode() + b"\0")])
        code, replies = self.call(NETLINK_GENERIC, 0, body)
        if code:
            self.close()
            raise OSError(code, f"generic netlink family {name}")
        self.family = struct.unpack("=H", dict(parse(replies[0][1][4:]))[family_id])[0]

    def ask(self, command: int, pairs=(), flags: int = 0, version: int = 1, raw: bytes = b""):
        body = struct.pack("=BBH", command, version, 0) + attributes(pairs) + raw
        return self.call(self.family, flags, body)


def parse(data: bytes):
    """The attributes of one level, leniently, as (type without flags, bytes)."""
    out = []
    while len(data) >= 4:
        length, kind = struct.unpack_from("=HH", data)
        if length < 4 or length > len(data):
            break
        out.append((kind & 0x3FFF, data[4:length]))
        data = data[(length + 3) & ~3:]
    return out


# Routing netlink: what the stage is built from.

NEWLINK, DELLINK, NEWADDR, NEWROUTE, NEWNEIGH, NEWRULE = 16, 17, 20, 24, 28, 32


def _address(text: str) -> bytes:
    return socket.inet_pton(family(text), text)


def family(text: str) -> int:
    return socket.AF_INET6 if ":" in text else socket.AF_INET


def veth(name: str, mac: bytes, peer: str, peer_mac: bytes, peer_ns: int, mtu: int):
    ifname, address, ifmtu, linkinfo, ns_fd, kind, data, peer_info = 3, 1, 4, 18, 28, 1, 2, 1
    header = struct.pack("=BxHiII", 0, 0, 0, 0, 0)
    other = header + attributes([(ifname, peer.encode() + b"\0"), (address, peer_mac), (ifmtu, struct.pack("=I", mtu)),
                                 (ns_fd, struct.pack("=I", peer_ns))])
    pairs = [(ifname, name.encode() + b"\0"), (address, mac), (ifmtu, struct.pack("=I", mtu)),
             (linkinfo, [(kind, b"veth\0"), (data, [(peer_info, other)])])]
    return NEWLINK, CREATE | EXCL, header + attributes(pairs)


def link_up(index: int):
    return NEWLINK, 0, struct.pack("=BxHiII", 0, 0, index, 1, 1)


def link_mtu(index: int, mtu: int):
    return NEWLINK, 0, struct.pack("=BxHiII", 0, 0, index, 0, 0) + attributes([(4, struct.pack("=I", mtu))])


def link_delete(index: int):
    return DELLINK, 0, struct.pack("=BxHiII", 0, 0, index, 0, 0)


def address(index: int, text: str, prefix: int):
    no_dad = 2
    body = struct.pack("=BBBBi", family(text), prefix, no_dad, 0, index)
    return NEWADDR, CREATE, body + attributes([(2, _address(text)), (1, _address(text))])


def route(to: str, prefix: int, via: str | None = None, index: int | None = None, local: bool = False):
    table, scope, kind = (255, 254, 2) if local else (254, 0 if via else 253, 1)
    body = struct.pack("=BBBBBBBBI", family(to), prefix, 0, 0, table, 3, scope if family(to) == 2 else 0, kind, 0)
    pairs = [(1, _address(to))]
    if via:
        pairs.append((5, _address(via)))
    if index:
        pairs.append((4, struct.pack("=i", index)))
    return NEWROUTE, CREATE, body + attributes(pairs)


def neighbour(index: int, text: str, mac: bytes):
    permanent = 0x80
    body = struct.pack("=BxHiHBB", family(text), 0, index, permanent, 0, 1)
    return NEWNEIGH, CREATE, body + attributes([(1, _address(text)), (2, mac)])


def mark_rule(ip_family: int, mark: int, table: int):
    """Packets with this mark are routed by that table."""
    body = struct.pack("=BBBBBBBBI", ip_family, 0, 0, 0, table, 0, 0, 1, 0)
    return NEWRULE, CREATE, body + attributes([(10, struct.pack("=I", mark))])
