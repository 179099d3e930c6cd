# SPDX-License-Identifier: GPL-2.0-or-later
"""Which server is chosen: every scheduler, with weights, load, changes; persistence; thresholds; servers that go."""

from case import (CASES, DEL_SERVICE, FLUSH, MASQ, ONEPACKET, PERSISTENT, SCHED1, SCHED2, SERVICE, SET_DEST, SET_SERVICE, VIP, VIP6,
                  case, service_key)
from stage import CLIENTS, CLIENTS6, SERVERS, SERVERS6
from wire import ACK, FIN, RST, SYN, chunk, ip, ip4, sctp, tcp, udp

SCHEDULERS = "rr wrr lc wlc lblc lblcr dh sh sed nq fo ovf mh".split()


def client(number: int, six: bool) -> str:
    return f"2001:db8:cc::{number:x}" if six else f"198.51.100.{number}"


def connect(t, number, vip, establish=False, dport=80, sport=None):
    six = ":" in vip
    t.send(ip(client(number % 250 + 1, six), vip, tcp(sport or 4000 + number, dport, SYN)))
    if establish:
        t.send(ip(client(number % 250 + 1, six), vip, tcp(sport or 4000 + number, dport, ACK)))


def _register_each():
    for scheduler in SCHEDULERS:
        for six in (False, True):
            def plain(t, scheduler=scheduler, six=six):
                vip, servers = (VIP6, SERVERS6) if six else (VIP, SERVERS)
                t.cluster(("tcp", vip, 80), servers[:6], scheduler, weights=[3, 1, 0, 4, 2, 2], method=3)
                for number in range(40):
                    connect(t, number, vip, establish=number % 3 == 0)
                t.state()
                t.dest(("tcp", vip, 80), servers[3], 80, 3, weight=0, command=SET_DEST)
                t.dest(("tcp", vip, 80), servers[2], 80, 3, weight=5, command=SET_DEST)
                t.dest(("tcp", vip, 80), servers[6], 80, 3, weight=2)
                t.drop_dest(("tcp", vip, 80), servers[0], 80)
                for number in range(40, 70):
                    connect(t, number, vip, establish=number % 2 == 0)
                t.state()
            CASES[f"schedule_{scheduler}{6 if six else 4}"] = plain

        def zero(t, scheduler=scheduler):
            t.cluster(("udp", VIP, 80), SERVERS[:4], scheduler, weights=[0, 0, 0, 0])
            t.send(*(ip(client(n + 1, False), VIP, udp(4000, 80)) for n in range(4)))
            t.dest(("udp", VIP, 80), SERVERS[2], 80, weight=1, command=SET_DEST)
            t.send(*(ip(client(n + 1, False), VIP, udp(4000, 80)) for n in range(8)))
            t.drop_dest(("udp", VIP, 80), SERVERS[2], 80)
            t.send(*(ip(client(n + 1, False), VIP, udp(4001, 80)) for n in range(4)))
            t.state()
        CASES[f"schedule_{scheduler}_weight_zero"] = zero

        def weights(t, scheduler=scheduler):
            t.cluster(("udp", VIP, 80), SERVERS, scheduler, weights=[10, 20, 30, 40, 50, 60, 70, 0])
            t.send(*(ip(client(n + 1, False), VIP, udp(4000 + n % 7, 80)) for n in range(200)))
            t.state()
        CASES[f"schedule_{scheduler}_weights"] = weights

        def large(t, scheduler=scheduler):
            t.cluster(("udp", VIP, 80), SERVERS[:3], scheduler, weights=[65535, 1, 0x7FFFFFFF])
            t.send(*(ip(client(n + 1, False), VIP, udp(4000 + n % 7, 80)) for n in range(60)))
            t.state()
        CASES[f"schedule_{scheduler}_large_weights"] = large

        def many(t, scheduler=scheduler):
            far = [f"10.9.0.{n}" for n in range(1, 121)]
            t.cluster(("udp", VIP, 80), far, scheduler, weights=[n % 5 for n in range(120)])
            t.send(*(ip(client(n + 1, False), VIP, udp(4000 + n % 7, 80)) for n in range(200)))
            t.state()
        CASES[f"schedule_{scheduler}_many_servers"] = many

        def switch(t, scheduler=scheduler):
            t.cluster(("udp", VIP, 80), SERVERS[:4], "rr", weights=[1, 2, 3, 1])
            t.send(*(ip(client(n + 1, False), VIP, udp(4000, 80)) for n in range(5)))
            t.service(("udp", VIP, 80), scheduler, command=SET_SERVICE)
            t.send(*(ip(client(n + 1, False), VIP, udp(4001, 80)) for n in range(15)))
            t.service(("udp", VIP, 80), "none", command=SET_SERVICE)
            t.send(*(ip(client(n + 1, False), VIP, udp(4002, 80)) for n in range(3)))
            t.service(("udp", VIP, 80), scheduler, command=SET_SERVICE)
            t.send(*(ip(client(n + 1, False), VIP, udp(4003, 80)) for n in range(15)))
            t.state()
        CASES[f"schedule_{scheduler}_switch"] = switch


_register_each()


def _register_hashes():
    for scheduler in ("sh", "mh"):
        for flags in (0, SCHED1, SCHED2, SCHED1 | SCHED2):
            for protocol in ("tcp", "udp", "sctp"):
                def run(t, scheduler=scheduler, flags=flags, protocol=protocol):
                    t.cluster((protocol, VIP, 80), SERVERS[:5], scheduler, flags=flags, weights=[1, 0, 2, 3, 1], method=3)
                    payloads = {"tcp": lambda port: tcp(port, 80, SYN), "udp": lambda port: udp(port, 80),
                                "sctp": lambda port: sctp(port, 80, chunk(1))}
                    for number in range(60):
                        t.send(ip(client(number + 1, False), VIP, payloads[protocol](4000 + number % 5)))
                    t.dest((protocol, VIP, 80), SERVERS[2], 80, 3, weight=0, command=SET_DEST)
                    for number in range(60):
                        t.send(ip(client(number + 1, False), VIP, payloads[protocol](5000 + number % 5)))
                    t.state()
                CASES[f"hash_{scheduler}_flags{flags}_{protocol}"] = run


_register_hashes()


def _register_destination_hashes():
    """dh, lblc and lblcr look at the destination: many VIPs of one mark."""
    for scheduler in ("dh", "lblc", "lblcr"):
        for six in (False, True):
            def run(t, scheduler=scheduler, six=six):
                mark_everything(t, 7)
                vips = [f"2001:db8:f::{n}" if six else f"192.0.2.{n}" for n in range(1, 40)]
                servers = (SERVERS6 if six else SERVERS)[:4]
                t.cluster((7, 10 if six else 2), servers, scheduler, method=3, weights=[1, 2, 1, 3])
                for turn in range(3):
                    for number, vip in enumerate(vips):
                        packet = ip(client(turn * 50 + number + 1, six), vip, tcp(4000, 80, SYN))
                        t.send(packet)
                    t.dest((7, 10 if six else 2), servers[turn], 0, 3, weight=turn, command=SET_DEST)
                t.state()
            CASES[f"destination_{scheduler}{6 if six else 4}"] = run


def mark_everything(t, mark: int) -> None:
    t.command("nft", "-f", "-", text=f"""
        table inet marks {{
            chain pre {{
                type filter hook prerouting priority -150
                meta l4proto != 253 meta mark set {mark}
            }}
        }}
        """)


_register_destination_hashes()


def _register_persistence():
    for six in (False, True):
        for name, netmask in (("host", None), ("net", 64 if six else 0x00FFFFFF), ("half", 120 if six else 0xF0FFFFFF)):
            for scheduler in ("rr", "wlc", "sh"):
                def run(t, six=six, netmask=netmask, scheduler=scheduler):
                    vip, servers = (VIP6, SERVERS6) if six else (VIP, SERVERS)
                    t.cluster(("tcp", vip, 80), servers[:4], scheduler, flags=PERSISTENT, timeout=120, netmask=netmask)
                    t.cluster(("udp", vip, 80), servers[:4], scheduler, flags=PERSISTENT, timeout=50, netmask=netmask)
                    for number in (1, 1, 2, 17, 1, 33, 2, 200):
                        for sport in (4000, 4001):
                            t.send(ip(client(number, six), vip, tcp(sport, 80, SYN)))
                        t.send(ip(client(number, six), vip, udp(4000, 80)))
                    t.send(ip(client(1, six), vip, tcp(4000, 80, ACK)))
                    t.state()
                CASES[f"persistent_{scheduler}_{name}{6 if six else 4}"] = run


_register_persistence()


def _both(function):
    for six in (4, 6):
        peers = (CLIENTS6, VIP6, SERVERS6) if six == 6 else (CLIENTS, VIP, SERVERS)
        CASES[f"{function.__name__}{six}"] = lambda t, peers=peers: function(t, *peers)
    return function


@_both
def port_zero(t, clients, vip, servers):
    """All ports in one service, which must be persistent, beside a service of one port."""
    for protocol in ("tcp", "udp"):
        t.cluster((protocol, vip, 0), servers[:3], flags=PERSISTENT, timeout=100)
    t.cluster(("tcp", vip, 443), servers[3:5])
    for number in (80, 443, 21, 20, 8080, 1, 65535):
        t.send(ip(clients[0], vip, tcp(4000, number, SYN)), ip(clients[1], vip, udp(4000, number)))
        t.reply(ip(servers[2], clients[0], tcp(number, 4000, SYN | ACK)))
    t.state()


@_both
def port_zero_without_persistence(t, clients, vip, servers):
    t.cluster(("udp", vip, 0), servers[:3])
    for number in (0, 80, 443):
        t.send(ip(clients[0], vip, udp(4000, number)))
    t.state()


@_both
def ftp_ports_without_ftp(t, clients, vip, servers):
    """A service on port 21 has its way with the unprivileged ports of its address."""
    t.cluster(("tcp", vip, 21), servers[:2])
    for sport, dport in ((4000, 21), (4000, 20), (4001, 2000), (20, 4000), (4002, 1023), (4003, 1024)):
        t.send(ip(clients[0], vip, tcp(sport, dport, SYN)))
    t.state()
    t.service(("tcp", vip, 21), flags=PERSISTENT, timeout=100, command=SET_SERVICE)
    for sport, dport in ((5000, 21), (5000, 20), (5001, 2000), (20, 4000), (5002, 1023), (5003, 1024)):
        t.send(ip(clients[1], vip, tcp(sport, dport, SYN)))
    t.state()


@_both
def firewall_mark(t, clients, vip, servers):
    family = 10 if ":" in vip else 2
    mark_everything(t, 5)
    t.cluster((5, family), servers[:3], flags=0, target=0)
    t.cluster((6, family), servers[3:5])
    t.cluster(("tcp", vip, 81), servers[5:6])
    for number in (80, 81, 82):
        t.send(ip(clients[0], vip, tcp(4000, number, SYN)), ip(clients[0], vip, udp(4000, number)),
               ip(clients[0], vip, sctp(4000, number, chunk(1))))
    t.reply(ip(servers[2], clients[0], tcp(80, 4000, SYN | ACK)))
    t.state()


@_both
def firewall_mark_persistent(t, clients, vip, servers):
    family = 10 if ":" in vip else 2
    mark_everything(t, 5)
    t.cluster((5, family), servers[:3], flags=PERSISTENT, timeout=90, target=0, method=3)
    for number in (80, 443, 53):
        for who in clients[:3]:
            t.send(ip(who, vip, tcp(4000, number, SYN)), ip(who, vip, udp(4000, number)))
    t.state()


@_both
def transparent(t, clients, vip, servers):
    """Traffic for addresses that are not the director's, marked and routed to it by rule; and cache bypass."""
    family = 10 if ":" in vip else 2
    away = "2001:db8:dddd::5" if family == 10 else "10.77.0.5"
    mark_everything(t, 5)
    six = ("-6",) if family == 10 else ()
    t.command("ip", *six, "rule", "add", "fwmark", "5", "lookup", "100")
    t.command("ip", *six, "route", "add", "local", "default", "dev", "lo", "table", "100")
    t.command("ip", *six, "route", "add", "default", "via", servers[1])
    t.cluster((5, family), servers[:1], target=0, method=3)
    t.send(ip(clients[0], away, tcp(4000, 80, SYN)))
    t.drop_dest((5, family), servers[0], 0)
    for bypass in (0, 1):
        t.sysctl("cache_bypass", bypass)
        t.send(ip(clients[1], away, tcp(4000 + bypass, 80, SYN)), ip(clients[1], away, udp(4000 + bypass, 80)))
        t.state()


@_both
def thresholds(t, clients, vip, servers):
    t.service(("tcp", vip, 80))
    t.dest(("tcp", vip, 80), servers[0], 80, upper=4, lower=2)
    t.dest(("tcp", vip, 80), servers[1], 80, upper=8)
    for number in range(16):
        t.send(ip(clients[0], vip, tcp(4000 + number, 80, SYN)))
    t.state()
    t.dest(("tcp", vip, 80), servers[0], 80, upper=6, lower=2, command=SET_DEST)
    for number in range(16, 22):
        t.send(ip(clients[0], vip, tcp(4000 + number, 80, SYN)))
    t.state()
    t.dest(("tcp", vip, 80), servers[1], 80, upper=0, command=SET_DEST)
    for number in range(22, 26):
        t.send(ip(clients[0], vip, tcp(4000 + number, 80, SYN)))
    t.dest(("tcp", vip, 80), servers[1], 80, upper=1, command=SET_DEST)
    for number in range(26, 28):
        t.send(ip(clients[0], vip, tcp(4000 + number, 80, SYN)))
    t.state()


@_both
def threshold_with_persistence(t, clients, vip, servers):
    t.service(("tcp", vip, 80), flags=PERSISTENT, timeout=100)
    t.dest(("tcp", vip, 80), servers[0], 80, upper=2)
    for number in range(6):
        t.send(ip(clients[number % 3], vip, tcp(4000 + number, 80, SYN)))
    t.state()


def _register_removal():
    for nodest in (0, 1):
        for quiescent in (0, 1):
            for flags in (0, PERSISTENT):
                def run(t, nodest=nodest, quiescent=quiescent, flags=flags):
                    t.sysctl("expire_nodest_conn", nodest)
                    t.sysctl("expire_quiescent_template", quiescent)
                    key = ("tcp", VIP, 80)
                    t.cluster(key, SERVERS[:2], flags=flags, timeout=100)
                    for number in range(4):
                        connect(t, number, VIP, establish=True)
                    t.dest(key, SERVERS[1], 80, weight=0, command=SET_DEST)
                    for number in range(6):
                        t.send(ip(client(number + 1, False), VIP, tcp(4000 + number, 80, ACK)))
                        t.send(ip(client(number + 1, False), VIP, tcp(4000 + number, 80, SYN)))
                        t.send(ip(client(number + 1, False), VIP, tcp(5000 + number, 80, SYN)))
                    t.state()
                    t.drop_dest(key, SERVERS[1], 80)
                    if nodest:
                        t.until_connections_end(SERVERS[1])
                    for number in range(6):
                        t.send(ip(client(number + 1, False), VIP, tcp(4000 + number, 80, ACK)))
                        t.reply(ip(SERVERS[1], client(number + 1, False), tcp(80, 4000 + number, ACK)))
                    t.tables()
                    t.dest(key, SERVERS[1], 80)
                    t.tables()
                    for number in range(6):
                        t.send(ip(client(number + 1, False), VIP, tcp(4000 + number, 80, ACK)))
                        t.send(ip(client(number + 1, False), VIP, tcp(6000 + number, 80, SYN)))
                CASES[f"removal_nodest{nodest}_quiescent{quiescent}_flags{flags}"] = run


_register_removal()


@_both
def removal_with_service(t, clients, vip, servers):
    """expire_nodest_conn when the servers go because their service does, alone or with all others."""
    for nodest in (0, 1):
        t.sysctl("expire_nodest_conn", nodest)
        for command in (DEL_SERVICE, FLUSH):
            for number, flags in ((80, 0), (81, PERSISTENT)):
                t.cluster(("tcp", vip, number), servers[:1], flags=flags, timeout=100)
                for who in clients[:3]:
                    t.send(ip(who, vip, tcp(4000, number, SYN)))
            t.cluster(("tcp", vip, 82), servers[1:2])
            t.send(ip(clients[0], vip, tcp(4000, 82, SYN)))
            for number in (80, 81):
                if command == DEL_SERVICE:
                    t.genl(DEL_SERVICE, [(SERVICE, service_key(("tcp", vip, number)))])
            if command == FLUSH:
                t.genl(FLUSH)
            if nodest:
                t.until_connections_end(servers[0])
            t.state()


@case
def server_returns_with_counters(t):
    """What was removed and comes back has its counters and connections; with another port or protocol it is new."""
    key = ("udp", VIP, 80)
    t.cluster(key, SERVERS[:1])
    t.send(*(ip(CLIENTS[n], VIP, udp(4000, 80)) for n in range(4)))
    t.drop_dest(key, SERVERS[0], 80)
    t.dest(key, SERVERS[0], 80, weight=3)
    t.dest(key, SERVERS[0], 81)
    t.tables()
    t.send(*(ip(CLIENTS[n], VIP, udp(4000, 80)) for n in range(4)))
    t.state()


@case
def service_returns(t):
    key = ("udp", VIP, 80)
    t.cluster(key, SERVERS[:2], flags=PERSISTENT, timeout=100)
    t.send(*(ip(CLIENTS[n], VIP, udp(4000, 80)) for n in range(4)))
    t.genl(3, [(1, [(1, b"\2\0"), (2, b"\21\0"), (3, bytes([192, 0, 2, 1]).ljust(16, b"\0")), (4, b"\0\x50")])])
    t.state()
    t.send(*(ip(CLIENTS[n], VIP, udp(4000, 80)) for n in range(4)))
    t.reply(*(ip(SERVERS[0], CLIENTS[n], udp(80, 4000)) for n in range(4)))
    t.cluster(key, SERVERS[:2], flags=PERSISTENT, timeout=100)
    t.state()
    t.send(*(ip(CLIENTS[n], VIP, udp(4000, 80)) for n in range(4)))
    t.state()


def _register_reuse():
    for mode in (0, 1, 2, 3):
        for flags in (0, PERSISTENT):
            def run(t, mode=mode, flags=flags):
                t.sysctl("conn_reuse_mode", mode)
                t.cluster(("tcp", VIP, 80), SERVERS[:3], flags=flags, timeout=60)
                for number, ending in enumerate(((), (FIN | ACK,), (RST,), (ACK, FIN | ACK), (ACK, RST), (SYN | ACK,))):
                    source = ip4
                    for event in (SYN, *ending, SYN, ACK):
                        t.send(source(CLIENTS[number], VIP, tcp(4000, 80, event)))
                t.state()
            CASES[f"reuse_mode{mode}_flags{flags}"] = run


_register_reuse()


@_both
def drop_packet_always(t, clients, vip, servers):
    """Mode 3 drops one in am_droprate new connections."""
    t.cluster(("udp", vip, 80), servers[:2])
    t.sysctl("am_droprate", 3)
    t.sysctl("drop_packet", 3)
    for number in range(20):
        t.send(ip(clients[0], vip, udp(4000 + number, 80)))
    t.state()
    t.sysctl("drop_packet", 0)
    t.send(ip(clients[0], vip, udp(5000, 80)))


@case
def one_packet_persistent(t):
    t.cluster(("udp", VIP, 80), SERVERS[:3], flags=PERSISTENT | ONEPACKET, timeout=100)
    for number in (1, 2, 1, 2, 3):
        t.send(ip(client(number, False), VIP, udp(4000, 80)))
    t.state()


@case
def same_client_port_to_several_services(t):
    """The connection key has the client first: several VIPs and protocols from one port."""
    for vip in ("192.0.2.1", "192.0.2.2"):
        for number in (80, 81):
            t.cluster(("udp", vip, number), SERVERS[:3], method=MASQ)
            t.cluster(("tcp", vip, number), SERVERS[:3], method=MASQ)
    for vip in ("192.0.2.1", "192.0.2.2"):
        for number in (80, 81):
            t.send(ip(CLIENTS[0], vip, udp(4000, number)), ip(CLIENTS[0], vip, tcp(4000, number, SYN)))
    for server in SERVERS[:3]:
        t.reply(ip(server, CLIENTS[0], udp(80, 4000)), ip(server, CLIENTS[0], udp(81, 4000)))
    t.state()


@case
def configured_timeouts(t):
    from case import SET_CONFIG, u32
    t.genl(SET_CONFIG, [(4, u32(777)), (5, u32(55)), (6, u32(44))])
    for protocol in ("tcp", "udp", "sctp"):
        t.cluster((protocol, VIP, 80), SERVERS[:1])
    t.send(ip(CLIENTS[0], VIP, udp(4000, 80)), ip(CLIENTS[0], VIP, tcp(4000, 80, SYN)), ip(CLIENTS[0], VIP, tcp(4000, 80, ACK)))
    t.send(ip(CLIENTS[0], VIP, tcp(4001, 80, SYN)), ip(CLIENTS[0], VIP, tcp(4001, 80, ACK)))
    t.reply(ip(SERVERS[0], CLIENTS[0], tcp(80, 4001, FIN | ACK)))
    t.send(ip(CLIENTS[0], VIP, sctp(4000, 80, chunk(1))))
    t.state()


