# SPDX-License-Identifier: GPL-2.0-or-later
"""Every command with every kind of request: what is accepted, what is refused, with which errno, and what it leaves."""

import ctypes
import errno
import itertools
import os
import struct

import nl
from case import (CASES, DAEMON, DEL_DAEMON, DEL_DEST, DEL_SERVICE, DEST, DROUTE, FLUSH, GET_CONFIG, GET_DAEMON,
                  GET_DEST, GET_INFO, GET_SERVICE, MASQ, NEW_DAEMON, NEW_DEST, NEW_SERVICE, ONEPACKET, PERSISTENT,
                  SERVICE, SET_CONFIG, SET_DEST, SET_SERVICE, TUNNEL, VIP, VIP6, ZERO, case, dest_nest, port,
                  service_key, service_nest, u16, u32, wide)
from nl import DUMP
from stage import SERVERS, SERVERS6

KEY = ("tcp", VIP, 80)
KEY6 = ("tcp", VIP6, 80)
MARK = (7, 2)
COMMANDS = (*range(0, 20), 255)


def without(nest, *kinds):
    return [(kind, value) for kind, value in nest if kind not in kinds]


def replaced(nest, kind, value):
    return [(k, value if k == kind else v) for k, v in nest]


@case
def empty_tables(t):
    """Every command on a namespace without services, without attributes, as a request and as a dump."""
    for command in COMMANDS:
        for flags in (0, DUMP, nl.CREATE, nl.CREATE | nl.EXCL):
            t.genl(command, flags=flags)
    t.proc("ip_vs", "ip_vs_stats", "ip_vs_stats_percpu", "ip_vs_conn", "ip_vs_conn_sync", "ip_vs_app")


@case
def empty_nests(t):
    t.service(KEY)
    for command in COMMANDS:
        for flags in (0, DUMP):
            t.genl(command, [(SERVICE, b"")], flags)
            t.genl(command, [(SERVICE, service_key(KEY)), (DEST, b"")], flags)
            t.genl(command, [(DAEMON, b"")], flags)
    t.tables()


@case
def service_attribute_subsets(t):
    """NEW, SET, DEL and GET with every subset of the service attributes."""
    nest = service_nest(KEY)
    for size in range(len(nest) + 1):
        for kept in itertools.combinations(nest, size):
            pairs = [(SERVICE, list(kept))]
            if t.genl(NEW_SERVICE, pairs)[0] == 0:
                t.tables()
                t.genl(SET_SERVICE, pairs)
                t.genl(FLUSH, quiet=True)
            t.service(KEY)
            for command in (SET_SERVICE, GET_SERVICE, DEL_SERVICE):
                t.genl(command, pairs)
            t.genl(FLUSH, quiet=True)


@case
def dest_attribute_subsets(t):
    """NEW, SET and DEL with every subset of the server attributes that all matter."""
    nest = dest_nest(SERVERS[0], 8080)
    for size in range(len(nest) + 1):
        for kept in itertools.combinations(nest, size):
            pairs = [(SERVICE, service_key(KEY)), (DEST, list(kept))]
            t.service(KEY)
            if t.genl(NEW_DEST, pairs)[0] == 0:
                t.genl(GET_DEST, [(SERVICE, service_key(KEY))], DUMP)
                t.genl(FLUSH, quiet=True)
                t.service(KEY)
            t.dest(KEY, SERVERS[0], 8080)
            for command in (SET_DEST, DEL_DEST):
                t.genl(command, pairs)
            t.genl(FLUSH, quiet=True)


@case
def service_attribute_lengths(t):
    """Each attribute cut, lengthened, empty."""
    for key in (KEY, KEY6, MARK):
        nest = service_nest(key) + [(11, b"sip\0")]
        for kind, value in nest[:-1]:
            for length in (0, 1, 2, 3, 4, 5, 7, 8, 9, 12, 15, 16, 17, 20, 40):
                pairs = [(SERVICE, replaced(nest[:-1], kind, (value + bytes(64))[:length]))]
                if t.genl(NEW_SERVICE, pairs)[0] == 0:
                    t.tables()
                    t.genl(FLUSH, quiet=True)


@case
def dest_attribute_lengths(t):
    t.service(KEY)
    nest = dest_nest(SERVERS[0], 8080, tunnel=(1, 6080, 1), method=TUNNEL)
    for kind, value in nest:
        for length in (0, 1, 2, 3, 4, 5, 7, 8, 9, 12, 15, 16, 17, 20, 40):
            pairs = [(SERVICE, service_key(KEY)), (DEST, replaced(nest, kind, (value + bytes(64))[:length]))]
            if t.genl(NEW_DEST, pairs)[0] == 0:
                t.genl(GET_DEST, [(SERVICE, service_key(KEY))], DUMP)
                t.genl(FLUSH, quiet=True)
                t.service(KEY)


@case
def names(t):
    """Scheduler and engine names: lengths, termination, odd content."""
    base = without(service_nest(KEY), 6)
    for name in (b"rr\0", b"rr", b"", b"\0", b"none\0", b"none", b"RR\0", b"rr \0", b"r\0r\0", b"abcdefghijklmno\0",
                 b"abcdefghijklmnop\0", b"abcdefghijklmnopq", b"wrr\0\0\0\0\0", b"rr\0" + b"x" * 13, b"rr\0" + b"x" * 20):
        if t.genl(NEW_SERVICE, [(SERVICE, base + [(6, name)])])[0] == 0:
            t.tables()
            t.genl(FLUSH, quiet=True)
    for name in (b"\0", b"", b"nosuch\0", b"abcdefghijklmnop\0", b"abcdefghijklmnopq\0", b"abcdefghijklmnop"):
        if t.genl(NEW_SERVICE, [(SERVICE, service_nest(KEY) + [(11, name)])])[0] == 0:
            t.tables()
            t.genl(FLUSH, quiet=True)


@case
def every_scheduler(t):
    for index, name in enumerate("rr wrr lc wlc lblc lblcr dh sh sed nq fo ovf mh none".split()):
        t.service(("tcp", VIP, 1000 + index), name)
        t.service(("udp", VIP6, 1000 + index), name)
        for flags in (8, 16, 24, 32):
            t.service(("tcp", VIP, 2000 + 64 * index + flags), name, flags=flags)
    t.tables()
    t.proc("ip_vs")
    t.ipvsadm("-Sn")
    t.ipvsadm("-Ln")
    for first in ("rr", "mh", "none"):
        t.service(KEY, first)
        t.dest(KEY, SERVERS[0], 80)
        for name in "wrr lc none wlc lblc lblcr dh none sh sed nq fo ovf mh rr nosuch".split():
            t.service(KEY, name, command=SET_SERVICE)
        t.tables()
        t.genl(DEL_SERVICE, [(SERVICE, service_key(KEY))])


@case
def address_families(t):
    for family in (0, 1, 2, 3, 10, 11, 255, 256, 258, 65535):
        for text in (VIP, VIP6):
            nest = replaced(service_nest(("tcp", text, 80)), 1, u16(family))
            if t.genl(NEW_SERVICE, [(SERVICE, nest)])[0] == 0:
                t.tables()
            t.genl(DEL_SERVICE, [(SERVICE, nest)])


@case
def protocols_and_ports(t):
    for protocol in (0, 1, 6, 17, 50, 51, 132, 136, 255, 256, 262, 65535):
        for number in (0, 1, 80, 65535):
            nest = replaced(service_nest(("tcp", VIP, number)), 2, u16(protocol))
            t.genl(NEW_SERVICE, [(SERVICE, nest)])
            t.genl(GET_SERVICE, [(SERVICE, nest)])
    t.tables()
    t.proc("ip_vs")
    t.ipvsadm("-Ln")
    t.ipvsadm("-Sn")


@case
def odd_addresses(t):
    for text in ("0.0.0.0", "255.255.255.255", "127.0.0.1", "224.0.0.1", "10.0.0.10", "::", "::1", "ff02::1", "fe80::1"):
        t.service(("tcp", text, 80))
    t.tables()
    t.proc("ip_vs")


@case
def four_byte_addresses(t):
    """Some clients send IPv4 addresses as four octets."""
    nest = replaced(service_nest(KEY), 3, bytes([192, 0, 2, 1]))
    t.genl(NEW_SERVICE, [(SERVICE, nest)])
    t.genl(NEW_SERVICE, [(SERVICE, service_nest(KEY))])
    dest = replaced(dest_nest(SERVERS[0], 80), 1, bytes([10, 0, 1, 11]))
    t.genl(NEW_DEST, [(SERVICE, nest), (DEST, dest)])
    t.genl(NEW_DEST, [(SERVICE, nest), (DEST, dest_nest(SERVERS[0], 80))])
    t.genl(GET_SERVICE, [(SERVICE, nest)])
    t.genl(GET_DEST, [(SERVICE, nest)], DUMP)
    # What follows the address in sixteen octets is part of the key, or is it?
    dirty = replaced(service_nest(KEY), 3, bytes([192, 0, 2, 1]) + b"\xff" * 12)
    t.genl(GET_SERVICE, [(SERVICE, dirty)])
    t.genl(NEW_SERVICE, [(SERVICE, dirty)])
    t.tables()


@case
def firewall_marks(t):
    for mark in (0, 1, 7, 0x80000000, 0xFFFFFFFF):
        for family in (2, 10):
            t.service((mark, family), netmask=None)
            t.service((mark, family), netmask=None)
    both = service_nest(MARK)[:2] + service_nest(KEY)[1:]
    t.genl(NEW_SERVICE, [(SERVICE, [(5, u32(9)), *both])])
    t.genl(NEW_SERVICE, [(SERVICE, [(5, u32(0)), *service_nest(KEY)])])
    t.dest(MARK, SERVERS[0], 0)
    t.dest(MARK, SERVERS[0], 80)
    t.dest((7, 10), SERVERS6[0], 0, DROUTE)
    t.tables()
    t.proc("ip_vs")
    t.ipvsadm("-Sn")
    t.ipvsadm("-Ln")


@case
def service_flags(t):
    for flags, mask in itertools.product((0, 1, 2, 4, 7, 8, 0x38, 0x40, 0xFFFFFFFF), (0, 1, 2, 4, 0xFFFFFFFF)):
        t.service(KEY, flags=flags, mask=mask, timeout=300)
        t.genl(GET_SERVICE, [(SERVICE, service_key(KEY))])
        t.service(KEY, flags=flags ^ 5, mask=mask ^ 4, timeout=300, command=SET_SERVICE)
        t.genl(GET_SERVICE, [(SERVICE, service_key(KEY))])
        t.genl(DEL_SERVICE, [(SERVICE, service_key(KEY))])


@case
def service_numbers(t):
    for timeout in (0, 1, 300, 0x7FFFFFFF // 250, 0x7FFFFFFF // 250 + 1, 0xFFFFFFFF // 250):
        t.service(KEY, flags=PERSISTENT, timeout=timeout)
        t.genl(GET_SERVICE, [(SERVICE, service_key(KEY))])
        t.proc("ip_vs")
        t.genl(DEL_SERVICE, [(SERVICE, service_key(KEY))])
    for netmask in (0, 1, 0xFF, 0xFFFFFF, 0xFFFFFFFF, 0x0F0F0F0F):
        t.service(KEY, flags=PERSISTENT, timeout=10, netmask=netmask)
        t.proc("ip_vs")
        t.genl(DEL_SERVICE, [(SERVICE, service_key(KEY))])
    for prefix in (0, 1, 64, 127, 128, 129, 255, 0xFFFFFFFF):
        for flags in (0, PERSISTENT):
            t.service(KEY6, flags=flags, timeout=10, netmask=prefix)
            t.proc("ip_vs")
            t.service(KEY6, flags=flags, timeout=10, netmask=prefix, command=SET_SERVICE)
            t.genl(DEL_SERVICE, [(SERVICE, service_key(KEY6))])
            t.service(KEY6)
            t.service(KEY6, flags=flags, timeout=10, netmask=prefix, command=SET_SERVICE)
            t.genl(GET_SERVICE, [(SERVICE, service_key(KEY6))])
            t.genl(FLUSH)


@case
def existence(t):
    for command in (SET_SERVICE, DEL_SERVICE, GET_SERVICE, ZERO, NEW_DEST, SET_DEST, DEL_DEST):
        t.genl(command, [(SERVICE, service_nest(KEY)), (DEST, dest_nest(SERVERS[0], 80))])
    t.service(KEY)
    t.service(KEY)
    t.service(KEY, "nosuch")
    for command in (SET_DEST, DEL_DEST, NEW_DEST, NEW_DEST, SET_DEST, DEL_DEST, DEL_DEST):
        t.genl(command, [(SERVICE, service_key(KEY)), (DEST, dest_nest(SERVERS[0], 80))])
    t.genl(DEL_SERVICE, [(SERVICE, service_key(KEY))])
    t.genl(DEL_SERVICE, [(SERVICE, service_key(KEY))])
    t.genl(FLUSH)
    t.tables()


@case
def server_ranges(t):
    t.service(KEY)
    t.service(KEY6)
    t.dest(KEY, SERVERS[1], 80)
    values = (0, 1, 5, 0x7FFFFFFF, 0x80000000, 0xFFFFFFFF)
    for weight in (0, 1, 65535, 0x7FFFFFFF, 0x80000000, 0xFFFFFFFF):
        t.dest(KEY, SERVERS[0], 80, weight=weight)
        t.dest(KEY, SERVERS[1], 80, weight=weight, command=SET_DEST)
        t.genl(GET_DEST, [(SERVICE, service_key(KEY))], DUMP)
        t.drop_dest(KEY, SERVERS[0], 80)
    for upper, lower in itertools.product(values, values):
        t.dest(KEY, SERVERS[0], 80, upper=upper, lower=lower)
        t.dest(KEY, SERVERS[1], 80, upper=upper, lower=lower, command=SET_DEST)
        t.genl(GET_DEST, [(SERVICE, service_key(KEY))], DUMP)
        t.drop_dest(KEY, SERVERS[0], 80)


@case
def server_addresses(t):
    t.service(KEY)
    t.service(KEY6)
    for text in ("0.0.0.0", "10.0.1.255", "255.255.255.255", "127.0.0.1", "224.0.0.1", "10.0.1.1", VIP, "240.0.0.1",
                 "10.0.1.0", "203.0.113.1"):
        t.dest(KEY, text, 80)
        t.dest(KEY, text, 81, DROUTE)
    for text in ("::", "::1", "ff02::1", "fe80::1", "2001:db8:1::1", VIP6, "2001:db8:dead::1", "::ffff:10.0.1.11",
                 "fec0::1", "fc00::1", "2002:a00:10b::1"):
        t.dest(KEY6, text, 80)
        t.dest(KEY6, text, 81, DROUTE)
    for number in (0, 1, 65535):
        t.dest(KEY, SERVERS[0], number)
    t.tables()
    t.proc("ip_vs")


@case
def server_families(t):
    t.service(KEY)
    t.service(KEY6)
    for method, tunnel in ((MASQ, None), (DROUTE, None), (TUNNEL, None), (TUNNEL, (1, 6080, 0)), (TUNNEL, (2, 0, 0)), (1, None),
                           (4, None)):
        t.dest(KEY, SERVERS6[0], 80, method, tunnel=tunnel)
        t.dest(KEY6, SERVERS[0], 80, method, tunnel=tunnel)
        t.tables()
        t.drop_dest(KEY, SERVERS6[0], 80)
        t.drop_dest(KEY6, SERVERS[0], 80)
    for family in (0, 1, 2, 10, 11, 65535):
        for key, text in ((KEY, SERVERS[0]), (KEY6, SERVERS6[0]), (KEY, SERVERS6[0]), (KEY6, SERVERS[0])):
            nest = replaced(dest_nest(text, 80, TUNNEL), 11, u16(family))
            for command in (NEW_DEST, SET_DEST, DEL_DEST):
                t.genl(command, [(SERVICE, service_key(key)), (DEST, nest)])


@case
def server_tunnels(t):
    t.service(KEY)
    for method in (TUNNEL, MASQ, DROUTE):
        for kind, number, flags in itertools.product((0, 1, 2, 3, 255), (0, 6080), (0, 1, 2, 3, 0xFFFF)):
            t.dest(KEY, SERVERS[0], 80, method, tunnel=(kind, number, flags))
            t.dest(KEY, SERVERS[0], 80, method, tunnel=(kind, number, flags), command=SET_DEST)
            t.genl(GET_DEST, [(SERVICE, service_key(KEY))], DUMP)
            t.drop_dest(KEY, SERVERS[0], 80)
    for partial in ([(13, b"\1")], [(14, port(6080))], [(13, b"\1"), (14, port(6080))], [(15, u16(1))]):
        t.genl(NEW_DEST, [(SERVICE, service_key(KEY)), (DEST, dest_nest(SERVERS[0], 80, TUNNEL) + partial)])
        t.genl(GET_DEST, [(SERVICE, service_key(KEY))], DUMP)
        t.drop_dest(KEY, SERVERS[0], 80)


@case
def server_methods(t):
    t.service(KEY)
    for method in (0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 0x10, 0x100, 0xFFFFFFFF, 0xFFFFFFF8):
        t.dest(KEY, SERVERS[0], 80, method)
        t.genl(GET_DEST, [(SERVICE, service_key(KEY))], DUMP)
        t.dest(KEY, SERVERS[0], 80, method ^ 3, command=SET_DEST)
        t.genl(GET_DEST, [(SERVICE, service_key(KEY))], DUMP)
        t.proc("ip_vs")
        t.drop_dest(KEY, SERVERS[0], 80)


@case
def order_of_servers(t):
    t.service(KEY)
    for server in SERVERS:
        t.dest(KEY, server, 80)
    t.drop_dest(KEY, SERVERS[3], 80)
    t.dest(KEY, SERVERS[3], 80)
    t.dest(KEY, SERVERS[5], 80, weight=9, command=SET_DEST)
    t.tables()
    t.proc("ip_vs")
    t.ipvsadm("-Ln --nosort")


@case
def repeated_and_unknown_attributes(t):
    nest = service_nest(KEY)
    variants = (nest + [(4, port(81))], [(4, port(81)), *nest], nest + [(99, b"abcd")], nest + [(0, b"")],
                nest + [(10, b"1234"), (12, b"")], [(kind | 0x8000, value) for kind, value in nest],
                [(kind | 0x4000, value) for kind, value in nest])
    for variant in variants:
        for top in (SERVICE, SERVICE | nl.NESTED):
            if t.genl(NEW_SERVICE, [(top, variant)])[0] == 0:
                t.tables()
                t.genl(FLUSH, quiet=True)
    t.genl(NEW_SERVICE, [(SERVICE, nest), (SERVICE, replaced(nest, 4, port(82)))])
    t.genl(NEW_SERVICE, [(SERVICE, replaced(nest, 4, port(83))), (77, b"abcdefgh")])
    t.tables()


@case
def malformed_nests(t):
    whole = nl.attributes(service_nest(KEY))
    bodies = (b"\1", b"\0\0\0\0", b"\3\0\1\0", b"\xff\xff\1\0", whole[:-1], whole[:-5], whole + b"\0", whole + b"\1\2\3",
              whole + b"\2\0\0\0", b"\0" * 64)
    for body in bodies:
        for command in (NEW_SERVICE, GET_SERVICE, DEL_SERVICE):
            t.genl(command, [(SERVICE, body)])
        t.genl(GET_DEST, [(SERVICE, body)], DUMP)
    whole = nl.attributes(dest_nest(SERVERS[0], 80))
    t.service(KEY)
    for body in (*bodies[:4], whole[:-1], whole[:-5], whole + b"\0", whole + b"\2\0\0\0"):
        for command in (NEW_DEST, DEL_DEST):
            t.genl(command, [(SERVICE, service_key(KEY)), (DEST, body)])
    for junk in (b"\1", b"\1\2\3\4", b"\xff\xff\1\0", b"\4\0\1\0\1"):
        for command in (FLUSH, ZERO, GET_INFO, GET_CONFIG, NEW_SERVICE):
            t.genl(command, raw=junk)
    t.tables()


@case
def get_one_service(t):
    for key in (KEY, KEY6, MARK, (7, 10)):
        t.service(key)
    for key in (KEY, KEY6, MARK, (7, 10), ("udp", VIP, 80), (8, 2)):
        for flags in (0, DUMP, nl.MULTI):
            t.genl(GET_SERVICE, [(SERVICE, service_key(key))], flags)
    for missing in (1, 2, 3, 4):
        t.genl(GET_SERVICE, [(SERVICE, without(service_key(KEY), missing))])
        t.genl(GET_DEST, [(SERVICE, without(service_key(KEY), missing))], DUMP)
    t.genl(GET_DEST, [], DUMP)
    t.genl(GET_DEST, [(SERVICE, service_key(KEY))])
    t.genl(GET_DEST, [(SERVICE, service_key(("udp", VIP, 80)))], DUMP)
    t.genl(GET_SERVICE, [(SERVICE, service_key(KEY)), (DEST, dest_nest(SERVERS[0], 1))])


@case
def timeouts(t):
    t.genl(GET_CONFIG)
    for value in (0, 1, 100, 0x7FFFFFFF // 250, 0x7FFFFFFF // 250 + 1, 0x7FFFFFFF, 0x80000000, 0xFFFFFFFF):
        for kind in (4, 5, 6):
            t.genl(SET_CONFIG, [(kind, u32(value))])
            t.genl(GET_CONFIG)
    t.genl(SET_CONFIG, [(4, u32(0xFFFFFFFF)), (5, u32(77)), (6, u32(78))])
    t.genl(GET_CONFIG)
    t.genl(SET_CONFIG, [(4, u32(11)), (5, u32(12)), (6, u32(13))])
    t.genl(GET_CONFIG)
    t.genl(SET_CONFIG, [(4, b"\1\2")])
    t.genl(SET_CONFIG, [(4, b"\1\2\0\0\1\1\1\1")])
    t.genl(GET_CONFIG, flags=DUMP)
    t.ipvsadm("-L --timeout")
    t.ipvsadm("--set 21 22 23")
    t.ipvsadm("-L --timeout")
    t.ipvsadm("--set 0 0 24")
    t.ipvsadm("-L --timeout")


@case
def information(t):
    t.genl(GET_INFO)
    t.genl(GET_INFO, [(SERVICE, service_key(KEY))])
    t.genl(GET_INFO, flags=DUMP)
    for version in (0, 1, 2, 255):
        body = struct.pack("=BBH", GET_INFO, version, 0)
        code, _ = t.director.ipvs.call(t.director.ipvs.family, 0, body)
        t.record(op="version", version=version, errno=code)
    for reserved in (1, 0xFFFF):
        body = struct.pack("=BBH", GET_INFO, 1, reserved)
        code, _ = t.director.ipvs.call(t.director.ipvs.family, 0, body)
        t.record(op="reserved", reserved=reserved, errno=code)
    code, _ = t.director.ipvs.call(t.director.ipvs.family, 0, b"\17")
    t.record(op="short header", errno=code)


@case
def family_description(t):
    """What the controller of generic netlink tells about the family: version, operations, groups."""
    name = nl.attributes([(2, b"IPVS\0")])
    _, replies = t.director.ipvs.call(nl.NETLINK_GENERIC, 0, struct.pack("=BBH", 3, 1, 0) + name)
    for _, body in replies:
        for kind, value in sorted(nl.parse(body[4:])):
            if kind == 6:
                operations = [sorted((k, v.hex()) for k, v in nl.parse(entry)) for _, entry in nl.parse(value)]
                t.record(op="family", kind=kind, value=sorted(operations))
            elif kind != 1:
                t.record(op="family", kind=kind, value=value.hex())
    _, replies = t.director.ipvs.call(nl.NETLINK_GENERIC, DUMP, struct.pack("=BBH", 10, 1, 0) + name)
    for _, body in replies:
        t.record(op="policy", value=sorted((k, v.hex()) for k, v in nl.parse(body[4:]) if k != 1))


@case
def zero(t):
    from stage import CLIENTS
    from wire import ip, udp
    t.cluster(("udp", VIP, 80), SERVERS[:1])
    t.cluster(("udp", VIP, 81), SERVERS[:1])
    t.send(*(ip(CLIENTS[0], VIP, udp(4000, number)) for number in (80, 81)))
    t.genl(ZERO, [(SERVICE, service_key(("udp", VIP, 80)))])
    t.genl(ZERO, [(SERVICE, service_key(("udp", VIP, 82)))])
    t.genl(ZERO, [(SERVICE, b"")])
    t.genl(ZERO, [(SERVICE, service_key(KEY)[:2])])
    t.send(*(ip(CLIENTS[0], VIP, udp(4000, number)) for number in (80, 80, 81)))
    t.state()


@case
def zero_after_samples(t):
    """ZERO stores what has been sampled: the counters start anew from there."""
    from stage import CLIENTS
    from wire import ip, udp
    import time
    t.cluster(("udp", VIP, 80), SERVERS[:1])
    t.cluster(("udp", VIP, 81), SERVERS[:1])
    t.send(*(ip(CLIENTS[0], VIP, udp(4000, number)) for number in (80, 81, 81)))
    t.last_packet = time.monotonic()
    t.until("sampled", t.settled)
    t.tables_late()
    t.genl(ZERO, [(SERVICE, service_key(("udp", VIP, 80)))])
    t.tables_late()
    t.send(ip(CLIENTS[0], VIP, udp(4000, 80)))
    t.genl(ZERO)
    t.tables_late()


@case
def without_capability(t):
    """CAP_NET_ADMIN in the initial user namespace is what every command asks for."""
    for kind in ("nobody", "user namespace"):
        reader, writer = os.pipe()
        child = os.fork()
        if child == 0:
            results = []
            try:
                _lose_capability(kind)
                with_socket = nl.Generic("IPVS")
                for command in range(1, 18):
                    for flags in (0, DUMP):
                        code, _ = with_socket.ask(command, [(SERVICE, service_nest(KEY))], flags)
                        results.append(errno.errorcode.get(code, code))
            except OSError as error:
                results.append(f"stopped: {errno.errorcode[error.errno]}")
            os.write(writer, repr(results).encode())
            os._exit(0)
        os.close(writer)
        text = b""
        while part := os.read(reader, 65536):
            text += part
        os.close(reader)
        os.waitpid(child, 0)
        t.record(op="capability", kind=kind, results=text.decode())
    t.tables()


def _lose_capability(kind: str) -> None:
    if kind == "nobody":
        os.setuid(65534)
        return
    user_and_net = 0x10000000 | 0x40000000
    if ctypes.CDLL(None, use_errno=True).unshare(user_and_net):
        raise OSError(ctypes.get_errno(), "unshare")


@case
def many_in_one_dump(t):
    """A dump of several datagrams."""
    for number in range(400):
        t.genl(NEW_SERVICE, [(SERVICE, service_nest(("tcp", VIP, 1 + number)))], quiet=True)
    key = ("tcp", VIP, 1)
    for number in range(300):
        t.genl(NEW_DEST, [(SERVICE, service_key(key)), (DEST, dest_nest(SERVERS[0], 1 + number))], quiet=True)
    _, services = t.director.ipvs.ask(GET_SERVICE, flags=DUMP)
    found = sorted(dict(nl.parse(dict(nl.parse(body[4:]))[SERVICE]))[4].hex() for _, body in services)
    t.record(op="dump", services=found)
    t.genl(GET_DEST, [(SERVICE, service_key(key))], DUMP)
    t.genl(FLUSH)


@case
def daemons_refused(t):
    """The synchronisation commands with requests that no implementation could follow."""
    name, state, ident = (2, b"sa\0"), (1, u32(1)), (3, u32(1))
    for nest in ([], [state], [state, name], [state, ident], [name, ident], [(1, u32(0)), name, ident],
                 [(1, u32(3)), name, ident], [state, (2, b"nosuch\0"), ident], [state, (2, b"x" * 16 + b"\0"), ident],
                 [state, (2, b"sa"), ident], [state, name, ident, (5, bytes([10, 0, 0, 1]))],
                 [state, name, ident, (6, wide("2001:db8::1"))], [state, name, ident, (6, b"\xff\2")]):
        t.genl(NEW_DAEMON, [(DAEMON, nest)])
        t.genl(DEL_DAEMON, [(DAEMON, nest)])
    t.genl(GET_DAEMON, flags=DUMP)
    t.ipvsadm("-L --daemon")


@case
def daemons(t):
    """Synchronisation threads; the interface is one of ours."""
    for state in (1, 2):
        for _ in range(2):
            t.genl(NEW_DAEMON, [(DAEMON, [(1, u32(state)), (2, b"sa\0"), (3, u32(5))])])
        t.genl(GET_DAEMON, flags=DUMP)
        t.ipvsadm("-L --daemon")
    t.service(KEY)
    t.dest(KEY, SERVERS6[0], 80, TUNNEL)
    for state in (1, 2):
        for _ in range(2):
            t.genl(DEL_DAEMON, [(DAEMON, [(1, u32(state))])])
    t.dest(KEY, SERVERS6[0], 80, TUNNEL)
    t.genl(NEW_DAEMON, [(DAEMON, [(1, u32(1)), (2, b"sa\0"), (3, u32(5))])])
    t.genl(GET_DAEMON, flags=DUMP)
