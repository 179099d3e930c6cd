# SPDX-License-Identifier: GPL-2.0-or-later
"""ICMP errors about balanced packets, in both directions, and fragments."""

import itertools
import struct

from case import CASES, DROUTE, MASQ, TUNNEL, VIP, VIP6, case
from stage import CLIENTS, CLIENTS6, SERVERS, SERVERS6
from wire import (DESTINATION, FRAGMENT, SYN, chunk, fragments4, fragments6, icmp, icmp4, icmp6, ip, ip4, ip6,
                  padding_option, raw, sctp, tcp, udp)

PEERS = {4: (CLIENTS, VIP, SERVERS), 6: (CLIENTS6, VIP6, SERVERS6)}
ERRORS = (((3, 0), (1, 0)), ((3, 3), (1, 4)), ((3, 4), (2, 0)), ((11, 0), (3, 0)), ((12, 0), (4, 0)), ((4, 0), (4, 1)),
          ((5, 1), (137, 0)), ((8, 0), (128, 0)), ((0, 0), (129, 0)), ((3, 13), (1, 1)), ((11, 1), (3, 1)))


def _both(function):
    for six in (4, 6):
        CASES[f"{function.__name__}{six}"] = lambda t, six=six: function(t, *PEERS[six])
    return function


def _payloads(sport, dport):
    return udp(sport, dport, b"some data"), tcp(sport, dport, SYN, data=b""), sctp(sport, dport, chunk(1, b"12345678"))


@_both
def errors_from_servers(t, clients, vip, servers):
    """A server, or a router before it, refuses what NAT has sent there."""
    for protocol in ("udp", "tcp", "sctp"):
        t.cluster((protocol, vip, 80), servers[:1], target=8080)
    router = "10.0.1.18" if "." in vip else "2001:db8:1::18"
    for kind4, kind6 in ERRORS:
        for payload in _payloads(4000, 80):
            for packet in t.send(ip(clients[0], vip, payload)):
                for source in (servers[0], router):
                    t.reply(ip(source, clients[0], icmp(vip, kind4, kind6, packet[:300], rest=1300)))
    t.state()


@_both
def errors_from_clients(t, clients, vip, servers):
    """A client refuses the answer of a server."""
    for protocol in ("udp", "tcp", "sctp"):
        t.cluster((protocol, vip, 80), servers[:1], target=8080)
    for kind4, kind6 in ERRORS:
        for index, payload in enumerate(_payloads(4000, 80)):
            t.send(ip(clients[0], vip, payload))
            answer = _payloads(8080, 4000)[index]
            for packet in t.reply(ip(servers[0], clients[0], answer)):
                for source in (clients[0], clients[1]):
                    t.send(ip(source, vip, icmp(vip, kind4, kind6, packet[:300], rest=1300)))
    t.state()


@_both
def errors_with_other_methods(t, clients, vip, servers):
    for protocol, method in (("udp", DROUTE), ("tcp", TUNNEL), ("sctp", DROUTE)):
        t.cluster((protocol, vip, 80), servers[:1], method=method)
    for kind4, kind6 in ERRORS:
        for payload in _payloads(4000, 80):
            t.send(ip(clients[0], vip, payload))
        for payload in _payloads(80, 4000):
            quoted = ip(vip, clients[0], payload)
            t.send(ip(clients[0], vip, icmp(vip, kind4, kind6, quoted, rest=1300)))
    t.state()


TUNNELS = (("ipip", (0, 0, 0)), ("gre", (2, 0, 0)), ("gre_csum", (2, 0, 1)), ("gue", (1, 6080, 0)),
           ("gue_csum", (1, 6080, 1)), ("gue_remcsum", (1, 6080, 2)))
# The first leaves what IPv6 needs inside, the others leave less.
WIDE = (((3, 4), (2, 0), 1400),)
NARROW = (((3, 4), (2, 0), 1300), ((3, 4), (2, 0), 1000), ((3, 4), (2, 0), 0))
UNREACHABLE = (((3, 1), (1, 3), 0), ((11, 0), (3, 0), 0), ((3, 3), (1, 4), 0))


def _tunnel_errors(t, tunnel, outer, six, errors):
    clients, vip, _ = PEERS[six]
    server = PEERS[outer][2][0]
    router = "10.0.1.18" if outer == 4 else "2001:db8:1::18"
    here = "10.0.1.1" if outer == 4 else "2001:db8:1::1"
    t.cluster(("udp", vip, 80), [server], method=TUNNEL, tunnel=tunnel)
    for kind4, kind6, rest in errors:
        for packet in t.send(ip(clients[0], vip, udp(4000, 80, b"d" * 200))):
            packet = _steady(packet)
            for cut in (1000, 64, 44, 28):
                t.reply(ip(router, here, icmp(server, kind4, kind6, packet[:cut], rest=rest)))
    t.state()


def _register_tunnel_errors():
    for (name, tunnel), six, outer in itertools.product(TUNNELS, (4, 6), (4, 6)):
        kinds = {"path": WIDE, "errors": NARROW + UNREACHABLE}
        # 6.12 knows such a path by itself: see accepted.py.
        if outer == 6 and name.startswith("gue"):
            kinds |= {"narrow": NARROW, "errors": UNREACHABLE}
        for kind, errors in kinds.items():
            def run(t, tunnel=tunnel, outer=outer, six=six, errors=errors):
                _tunnel_errors(t, tunnel, outer, six, errors)
            CASES[f"tunnel_{kind}_{name}_{outer}over{six}"] = run


def _steady(packet: bytes) -> bytes:
    from generate import canonical
    return canonical(packet)


_register_tunnel_errors()


@_both
def errors_for_nobody(t, clients, vip, servers):
    """Errors that quote no connection, with and without schedule_icmp."""
    for protocol in ("udp", "tcp", "sctp"):
        t.cluster((protocol, vip, 80), servers[:2])
    for enabled in (0, 1):
        t.sysctl("schedule_icmp", enabled)
        for number, (kind4, kind6) in enumerate(ERRORS):
            for payload in _payloads(5000 + number, 80):
                t.send(ip(clients[0], vip, icmp(vip, kind4, kind6, ip(clients[0], vip, payload))))
            for payload in _payloads(80, 5100 + number):
                t.send(ip(clients[0], vip, icmp(vip, kind4, kind6, ip(vip, clients[0], payload))))
                t.reply(ip(servers[0], clients[0], icmp(vip, kind4, kind6, ip(clients[0], servers[0], payload))))
    t.state()


@_both
def damaged_errors(t, clients, vip, servers):
    """Quotations cut anywhere, wrong checksums, wrong lengths inside."""
    for protocol in ("udp", "tcp", "sctp"):
        t.cluster((protocol, vip, 80), servers[:1])
    four = "." in vip
    for payload in _payloads(4000, 80):
        for packet in t.send(ip(clients[0], vip, payload)):
            whole = packet + bytes(20)
            head = 20 if four else 40
            for cut in (0, 1, 7, 8, 19, 20, 21, head, head + 1, head + 3, head + 4, head + 7, head + 8, head + 12, head + 20):
                t.reply(ip(servers[0], clients[0], icmp(vip, (3, 3), (1, 4), whole[:cut])), note=f"cut {cut}")
            maker = icmp4 if four else icmp6
            t.reply(ip(servers[0], clients[0], maker(3 if four else 1, 1, whole, checksum=0x1234)), note="bad checksum")
            if four:
                for first in (0x40, 0x44, 0x46, 0x4F, 0x55, 0x65):
                    t.reply(ip(servers[0], clients[0], icmp4(3, 3, bytes([first]) + whole[1:])), note=f"first {first:x}")
                for fragment in (0x2000, 0x2001, 1, 0x1FFF):
                    quoted = whole[:6] + struct.pack("!H", fragment) + whole[8:]
                    t.reply(ip(servers[0], clients[0], icmp4(3, 3, quoted)), note=f"fragment {fragment:x}")
            else:
                for after in (0, 43, 44, 59, 60, 255):
                    t.reply(ip(servers[0], clients[0], icmp6(1, 4, whole[:6] + bytes([after]) + whole[7:])), note=f"next {after}")
    t.state()


@case
def errors_with_options(t):
    t.cluster(("udp", VIP, 80), SERVERS[:1])
    for options in (b"\1\1\1\0", bytes([7, 7, 4, 0, 0, 0, 0, 0])):
        for packet in t.send(ip4(CLIENTS[0], VIP, udp(4000, 80), options=options)):
            t.reply(ip4(SERVERS[0], CLIENTS[0], icmp4(3, 3, packet)))
            t.reply(ip4(SERVERS[0], CLIENTS[0], icmp4(3, 3, packet), options=b"\1\1\1\0"))
    t.state()


@case
def errors_with_extension_headers(t):
    t.cluster(("udp", VIP6, 80), SERVERS6[:1])
    chains = ([(DESTINATION, padding_option())], [(0, padding_option(16))],
              [(FRAGMENT, b"\0" + struct.pack("!HI", 0, 77))], [(FRAGMENT, b"\0" + struct.pack("!HI", 9, 77))])
    t.send(ip(CLIENTS6[0], VIP6, udp(4000, 80)))
    for chain in chains:
        quoted = ip6(CLIENTS6[0], SERVERS6[0], udp(4000, 80), extensions=chain)
        t.reply(ip6(SERVERS6[0], CLIENTS6[0], icmp6(1, 4, quoted)))
        t.reply(ip6(SERVERS6[0], CLIENTS6[0], icmp6(1, 4, quoted), extensions=[(DESTINATION, padding_option())]))
    t.state()


@_both
def echo(t, clients, vip, servers):
    """Pings are not balanced; the VIP answers them."""
    t.cluster(("udp", vip, 80), servers[:1])
    t.send(ip(clients[0], vip, icmp(vip, (8, 0), (128, 0), b"payload", rest=0x00010001)))
    t.send(ip(clients[0], servers[0], icmp(vip, (8, 0), (128, 0), b"payload", rest=0x00010001)))


@_both
def fragmented_requests(t, clients, vip, servers):
    cut = fragments4 if "." in vip else fragments6
    for protocol, method in (("udp", MASQ), ("tcp", DROUTE), ("sctp", TUNNEL)):
        t.cluster((protocol, vip, 80), servers[:1], method=method)
    t.cluster(("udp", vip, 81), servers[:1], method=TUNNEL)
    t.cluster(("udp", vip, 82), servers[:1], method=DROUTE)
    body = bytes(range(256)) * 4
    ident = 0x100
    for payload in (udp(4000, 80, body), tcp(4000, 80, SYN, data=body), sctp(4000, 80, chunk(1, body)), udp(4000, 81, body),
                    udp(4000, 82, body)):
        whole = ip(clients[0], vip, payload)
        for size in (512, 1000, 64, 8):
            ident += 1
            t.send(*cut(whole, size, ident), note=f"size {size}")
        ident += 1
        t.send(*reversed(cut(whole, 512, ident)), note="backwards")
        ident += 1
        pieces = cut(whole, 512, ident)
        t.send(*pieces, *pieces, note="twice")
        ident += 1
        t.send(*cut(whole, 512, ident)[1:], note="without the first")
        ident += 1
        t.send(*cut(whole, 512, ident)[:1], note="only the first")
    t.state()


@_both
def fragmented_replies(t, clients, vip, servers):
    cut = fragments4 if "." in vip else fragments6
    t.cluster(("udp", vip, 80), servers[:1])
    t.send(ip(clients[0], vip, udp(4000, 80)))
    whole = ip(servers[0], clients[0], udp(80, 4000, bytes(range(256)) * 4))
    for ident, size in enumerate((512, 1000, 64), 0x500):
        t.reply(*cut(whole, size, ident))
    t.reply(*reversed(cut(whole, 512, 0x600)))
    t.state()


@_both
def fragmented_to_narrow_link(t, clients, vip, servers):
    """Reassembled, and then too large for the way out."""
    from stage import NARROW, NARROW6
    narrow = (NARROW if "." in vip else NARROW6)[0]
    cut = fragments4 if "." in vip else fragments6
    for number, method in ((80, MASQ), (81, DROUTE), (82, TUNNEL)):
        t.cluster(("udp", vip, number), [narrow], method=method)
        for ident, size in ((0x700 + number, 1440), (0x800 + number, 1392), (0x900 + number, 1300)):
            t.send(*cut(ip(clients[0], vip, udp(4000, number, b"f" * 2000)), size, ident), note=f"{number} {size}")


@case
def lone_fragments6(t):
    """Fragments that are whole (offset 0, none more) and fragments with nothing behind the header."""
    t.cluster(("udp", VIP6, 80), SERVERS6[:1])
    atomic = b"\0" + struct.pack("!HI", 0, 99)
    t.send(ip6(CLIENTS6[0], VIP6, udp(4000, 80), extensions=[(FRAGMENT, atomic)]))
    t.reply(ip6(SERVERS6[0], CLIENTS6[0], udp(80, 4000), extensions=[(FRAGMENT, atomic)]))
    t.send(ip6(CLIENTS6[0], VIP6, raw(17), extensions=[(FRAGMENT, atomic)]))
    t.send(ip6(CLIENTS6[0], VIP6, raw(17, b"12345678"), extensions=[(FRAGMENT, b"\0" + struct.pack("!HI", 0xFFF8, 98))]))
    t.state()


