# SPDX-License-Identifier: GPL-2.0-or-later
"""How packets of each protocol travel, by each method and family, and what the director answers itself."""

from case import (BYPASS, CASES, DROUTE, GRE, GUE, IPIP, LOCALNODE, MASQ, ONEPACKET, TUNNEL, VIP, VIP6, case)
from stage import CLIENTS, CLIENTS6, NARROW, NARROW6, SERVERS, SERVERS6
from wire import (ACK, DESTINATION, ESP, FIN, HOP_BY_HOP, PSH, ROUTING, RST, SYN, AH, chunk, fragments4, icmp4, ip, ip4, ip6,
                  padding_option, raw, sctp, tcp, udp)

METHODS = {
    "nat": (MASQ, None), "dr": (DROUTE, None), "ipip": (TUNNEL, (IPIP, 0, 0)), "gre": (TUNNEL, (GRE, 0, 0)),
    "gre_csum": (TUNNEL, (GRE, 0, 1)), "gue": (TUNNEL, (GUE, 6080, 0)), "gue_csum": (TUNNEL, (GUE, 6080, 1)),
    "gue_remcsum": (TUNNEL, (GUE, 6080, 2)),
}
PEERS = {4: (CLIENTS, VIP, SERVERS), 6: (CLIENTS6, VIP6, SERVERS6)}
INIT, INIT_ACK, COOKIE, COOKIE_ACK, SHUTDOWN, SHUTDOWN_ACK, SHUTDOWN_COMPLETE = 1, 2, 10, 11, 7, 8, 14


def life_tcp(t, client, vip, server, replies):
    def to(flags, seq, data=b""):
        t.send(ip(client, vip, tcp(4000, 80, flags, seq=seq, ack=77 if flags & ACK else 0, data=data)))

    def back(flags, data=b""):
        if replies:
            t.reply(ip(server, client, tcp(8080, 4000, flags, seq=77, ack=1001, data=data)))

    to(SYN, 1000)
    back(SYN | ACK)
    to(ACK, 1001)
    t.state()
    to(ACK | PSH, 1001, b"GET / HTTP/1.0\r\n\r\n")
    back(ACK | PSH, b"HTTP/1.0 200 OK\r\n\r\nodd")
    to(FIN | ACK, 1019)
    t.state()
    back(FIN | ACK)
    to(ACK, 1020)
    t.state()
    to(SYN, 5000)
    to(RST, 5001)


def life_udp(t, client, vip, server, replies):
    for data in (b"", b"x", b"four", b"odd" * 41):
        t.send(ip(client, vip, udp(4000, 80, data)))
        if replies:
            t.reply(ip(server, client, udp(8080, 4000, data + b"!")))
    t.send(ip(client, vip, udp(4000, 80, b"no checksum", checksum=0)))
    t.send(ip(client, vip, udp(4001, 80, b"bad checksum", checksum=0x1234)))
    t.state()


def life_sctp(t, client, vip, server, replies):
    def to(*kinds):
        t.send(ip(client, vip, sctp(4000, 80, *(chunk(kind, b"12345678") for kind in kinds))))
        if kinds[0] in (COOKIE, SHUTDOWN_COMPLETE):
            t.state()

    def back(*kinds):
        if replies:
            t.reply(ip(server, client, sctp(8080, 4000, *(chunk(kind, b"12345678") for kind in kinds))))

    to(INIT)
    back(INIT_ACK)
    to(COOKIE)
    back(COOKIE_ACK)
    to(0, 3)
    back(3, 0)
    to(SHUTDOWN)
    back(SHUTDOWN_ACK)
    to(SHUTDOWN_COMPLETE)


LIVES = {"tcp": life_tcp, "udp": life_udp, "sctp": life_sctp}


def _register_lives():
    for six in (4, 6):
        for method, (number, tunnel) in METHODS.items():
            for protocol, life in LIVES.items():
                def run(t, six=six, number=number, tunnel=tunnel, protocol=protocol, life=life):
                    clients, vip, servers = PEERS[six]
                    t.cluster((protocol, vip, 80), servers[:1], method=number, tunnel=tunnel,
                              target=8080 if number == MASQ else 80)
                    life(t, clients[0], vip, servers[0], number == MASQ)
                CASES[f"{method}_{protocol}{six}"] = run


_register_lives()


def _register_mixed():
    """A tunnel may be of the other family than the service."""
    for method, (number, tunnel) in METHODS.items():
        if number == TUNNEL:
            for six in (4, 6):
                def run(t, six=six, tunnel=tunnel):
                    clients, vip, _ = PEERS[six]
                    t.cluster(("udp", vip, 80), PEERS[10 - six][2][:2], method=TUNNEL, tunnel=tunnel)
                    for number in range(3):
                        t.send(ip(clients[number], vip, udp(4000, 80, b"mixed" * number, ), tos=number | 40))
                    t.send(ip(clients[0], vip, udp(4000, 80, b"z" * 1430)))
                    t.state()
                CASES[f"mixed_{method}{six}"] = run


_register_mixed()


def _both(function):
    """A case for each family: function(t, clients, vip, servers)."""
    for six in (4, 6):
        CASES[f"{function.__name__}{six}"] = lambda t, six=six: function(t, *PEERS[six])
    return function


@_both
def several_connections(t, clients, vip, servers):
    t.cluster(("tcp", vip, 80), servers[:3], weights=[1, 2, 3], scheduler="wrr")
    for number in range(12):
        t.send(ip(clients[number % 8], vip, tcp(4000 + number, 80, SYN)))
    t.state()


@_both
def client_behind_gateway(t, _clients, vip, servers):
    client = "198.51.100.7" if "." in vip else "2001:db8:cc::7"
    t.cluster(("tcp", vip, 80), servers[:1])
    t.send(ip(client, vip, tcp(4000, 80, SYN)))
    t.reply(ip(servers[0], client, tcp(80, 4000, SYN | ACK)))
    t.send(ip(client, vip, tcp(4000, 80, ACK)))


@_both
def server_behind_gateway(t, clients, vip, _servers):
    far = ["10.9.3.4", "10.9.3.5"] if "." in vip else ["2001:db8:9::4", "2001:db8:9::5"]
    for key, method in (("tcp", MASQ), ("udp", DROUTE), ("sctp", TUNNEL)):
        t.cluster((key, vip, 80), far, method=method)
    t.send(ip(clients[0], vip, tcp(4000, 80, SYN)), ip(clients[0], vip, udp(4000, 80)),
           ip(clients[0], vip, sctp(4000, 80, chunk(1))))
    t.state()


@_both
def time_to_live(t, clients, vip, servers):
    for protocol, method in (("udp", MASQ), ("tcp", DROUTE), ("sctp", TUNNEL)):
        t.cluster((protocol, vip, 80), servers[:1], method=method)
    for ttl in (64, 2, 1, 0, 255):
        t.send(ip(clients[0], vip, udp(4000, 80), ttl=ttl), note=f"nat ttl {ttl}")
        t.send(ip(clients[0], vip, tcp(4000 + ttl, 80, SYN), ttl=ttl), note=f"dr ttl {ttl}")
        t.send(ip(clients[0], vip, sctp(4000 + ttl, 80, chunk(1)), ttl=ttl), note=f"tun ttl {ttl}")
        t.reply(ip(servers[0], clients[0], udp(80, 4000), ttl=ttl))
    t.state()


@_both
def type_of_service(t, clients, vip, servers):
    for protocol, method in (("udp", MASQ), ("tcp", DROUTE), ("sctp", TUNNEL)):
        t.cluster((protocol, vip, 80), servers[:1], method=method)
    for tos in (0, 1, 2, 3, 0x10, 0xB8, 0xFF):
        t.send(ip(clients[0], vip, udp(4000, 80), tos=tos), ip(clients[0], vip, tcp(4000, 80, SYN), tos=tos),
               ip(clients[0], vip, sctp(4000, 80, chunk(1)), tos=tos))
        t.reply(ip(servers[0], clients[0], udp(80, 4000), tos=tos))


@_both
def too_big(t, clients, vip, servers):
    """What exceeds the MTU on the way to the server, for each method, with and without permission to fragment."""
    narrow = NARROW if "." in vip else NARROW6
    four = "." in vip
    for protocol, method in (("udp", MASQ), ("tcp", DROUTE), ("sctp", TUNNEL)):
        t.cluster((protocol, vip, 80), narrow[:1], method=method)
    t.cluster(("udp", vip, 81), servers[:1], method=TUNNEL)
    for size in (1300, 1352, 1360, 1380, 1400, 1440, 1452):
        for extra in ({"df": True}, {"df": False}) if four else ({},):
            t.send(ip(clients[0], vip, udp(4000, 80, b"u" * size), **extra), note=f"nat {size} {extra}")
            t.send(ip(clients[0], vip, tcp(4000 + size, 80, SYN, data=b"t" * (size - 12)), **extra), note=f"dr {size}")
            t.send(ip(clients[0], vip, sctp(4000 + size, 80, chunk(1, b"s" * (size - 8))), **extra), note=f"tun {size}")
            t.send(ip(clients[0], vip, udp(4000, 81, b"w" * size), **extra), note=f"wide tun {size}")
    t.state()


@case
def fragmented_with_df(t):
    """Fragments that themselves must not be fragmented: what is put together of them exceeds every MTU, they do not."""
    t.cluster(("udp", VIP, 80), SERVERS[:1], method=MASQ)
    t.cluster(("udp", VIP, 81), NARROW[:1], method=MASQ)
    t.cluster(("udp", VIP, 82), SERVERS[:1], method=DROUTE)
    for number in (80, 81, 82):
        for size in (1392, 1320):
            whole = ip(CLIENTS[0], VIP, udp(4000, number, b"u" * 2000))
            t.send(*fragments4(whole, size, number + size, df=True), note=f"port {number}, pieces of {size}")
    whole = ip(SERVERS[0], CLIENTS[0], udp(80, 4000, b"r" * 2000))
    t.reply(*fragments4(whole, 1392, 0x5151, df=True), note="back")
    t.state()


@case
def fragmented_error_with_df(t):
    """An error that quotes much, in pieces, on its way to the server."""
    t.cluster(("udp", VIP, 80), SERVERS[:1], method=MASQ)
    t.send(ip(CLIENTS[0], VIP, udp(4000, 80)))
    error = ip(CLIENTS[0], VIP, icmp4(3, 3, ip(VIP, CLIENTS[0], udp(80, 4000, b"q" * 1900))))
    t.send(*fragments4(error, 1392, 0x5252, df=True), note="an error")
    t.state()


@case
def too_big_without_pmtu_discovery(t):
    t.sysctl("pmtu_disc", 0)
    t.cluster(("udp", VIP, 80), SERVERS[:1], method=TUNNEL)
    for size in (1400, 1450, 1460, 1472):
        t.send(ip(CLIENTS[0], VIP, udp(4000, 80, b"u" * size), df=True))
        t.send(ip(CLIENTS[0], VIP, udp(4000, 80, b"u" * size), df=False))


@_both
def too_big_for_client(t, clients, vip, servers):
    """A reply that is larger than the client link allows; the client is behind the narrow link."""
    client = NARROW[0] if "." in vip else NARROW6[0]
    t.cluster(("udp", vip, 80), servers[:1])
    t.send(ip(client, vip, udp(4000, 80)), link="sb")
    for size in (1300, 1372, 1400, 1452):
        t.reply(ip(servers[0], client, udp(80, 4000, b"r" * size)))
        if "." in vip:
            t.reply(ip(servers[0], client, udp(80, 4000, b"r" * size), df=False))


@_both
def no_service(t, clients, vip, servers):
    """A port of the VIP that is none of ours is the stack's; a service without servers is ours to refuse."""
    t.service(("tcp", vip, 80))
    t.service(("udp", vip, 80))
    t.service(("sctp", vip, 80))
    for number in (80, 81):
        t.send(ip(clients[0], vip, tcp(4000, number, SYN)))
        t.send(ip(clients[0], vip, tcp(4000, number, ACK)))
        t.send(ip(clients[0], vip, udp(4000, number)))
        t.send(ip(clients[0], vip, sctp(4000, number, chunk(1))))
    t.state()
    t.cluster(("tcp", vip, 82), servers[:2], weights=[0, 0])
    t.send(ip(clients[0], vip, tcp(4000, 82, SYN)))
    t.send(ip(clients[0], vip, tcp(4000, 82, ACK)))
    t.state()


@_both
def tcp_without_connection(t, clients, vip, servers):
    t.cluster(("tcp", vip, 80), servers[:1])
    for number, flags in enumerate((ACK, FIN, RST, FIN | ACK, SYN | ACK, SYN | RST, SYN | FIN, 0, PSH, SYN | FIN | RST)):
        t.send(ip(clients[0], vip, tcp(5000 + number, 80, flags)), note=f"flags {flags}")
        t.reply(ip(servers[0], clients[0], tcp(80, 6000 + number, flags)), note=f"flags {flags}")
    t.state()
    t.sysctl("sloppy_tcp", 1)
    for number, flags in enumerate((ACK, FIN, RST, FIN | ACK, SYN | ACK, SYN | RST, SYN | FIN, 0, PSH, SYN | FIN | RST)):
        t.send(ip(clients[0], vip, tcp(5000 + number, 80, flags)), note=f"sloppy flags {flags}")
    t.state()


@_both
def sctp_without_association(t, clients, vip, servers):
    t.cluster(("sctp", vip, 80), servers[:1])
    for sloppy in (0, 1):
        t.sysctl("sloppy_sctp", sloppy)
        for kind in range(16):
            t.send(ip(clients[0], vip, sctp(5000 + kind, 80, chunk(kind))), note=f"chunk {kind}")
            t.send(ip(clients[0], vip, sctp(5100 + kind, 80, chunk(kind), chunk(6))), note=f"chunk {kind}, abort")
        t.send(ip(clients[0], vip, sctp(5200, 80)), note="no chunk")
        t.send(ip(clients[0], vip, sctp(5201, 80, b"\1")), note="piece of a chunk")
        t.send(ip(clients[0], vip, sctp(5202, 80, chunk(1), checksum=7)), note="bad checksum")
        t.state()


@_both
def unknown_protocols(t, clients, vip, servers):
    t.cluster(("udp", vip, 0), servers[:1], flags=1, timeout=100)
    t.cluster(("udp", vip, 500), servers[:1])
    for protocol in (2, 33, 47, 89, 103, 136, 255, ESP, AH):
        t.send(ip(clients[0], vip, raw(protocol, b"whatever" * 3)), note=f"protocol {protocol}")
    t.send(ip(clients[0], vip, udp(500, 500, b"isakmp")))
    for protocol in (ESP, AH):
        t.send(ip(clients[0], vip, raw(protocol, b"\0\0\0\1" * 6)), note=f"after isakmp {protocol}")
        t.reply(ip(servers[0], clients[0], raw(protocol, b"\0\0\0\1" * 6)), note=f"after isakmp {protocol}")
    t.state()


@_both
def short_headers(t, clients, vip, servers):
    for protocol in ("tcp", "udp", "sctp"):
        t.cluster((protocol, vip, 80), servers[:1])
    whole = {6: tcp(4000, 80, SYN), 17: udp(4000, 80), 132: sctp(4000, 80, chunk(1, b"1234"))}
    for protocol, payload in whole.items():
        body = ip(clients[0], vip, payload)[20 if "." in vip else 40:]
        for size in (0, 1, 3, 4, 7, 8, 11, 12, 13, 15, 16, 19, len(body)):
            t.send(ip(clients[0], vip, raw(protocol, body[:size])), note=f"{protocol} cut to {size}")
    t.send(ip(clients[0], vip, tcp(4001, 80, SYN, offset=4)), note="data offset 4")
    t.send(ip(clients[0], vip, tcp(4002, 80, SYN, offset=15)), note="data offset 15")
    t.send(ip(clients[0], vip, udp(4003, 80, b"data", length=7)), note="udp length 7")
    t.send(ip(clients[0], vip, udp(4004, 80, b"data", length=9)), note="udp length 9")
    t.send(ip(clients[0], vip, udp(4005, 80, b"data", length=500)), note="udp length 500")
    t.state()


@_both
def bad_tcp_checksum(t, clients, vip, servers):
    t.cluster(("tcp", vip, 80), servers[:1])
    t.cluster(("tcp", vip, 81), servers[:1], method=DROUTE)
    for number in (80, 81):
        t.send(ip(clients[0], vip, tcp(4000, number, SYN, checksum=0xDEAD)))
        t.send(ip(clients[0], vip, tcp(4000, number, SYN)))
        t.send(ip(clients[0], vip, tcp(4000, number, ACK, checksum=0xDEAD, data=b"1")))
    t.reply(ip(servers[0], clients[0], tcp(80, 4000, SYN | ACK, checksum=0xBEEF)))
    t.state()


@case
def ip_options(t):
    for protocol, method in (("udp", MASQ), ("tcp", DROUTE), ("sctp", TUNNEL)):
        t.cluster((protocol, VIP, 80), SERVERS[:1], method=method)
    for options in (b"\1\1\1\0", bytes([7, 7, 4, 0, 0, 0, 0, 0]), bytes([148, 4, 0, 0])):
        t.send(ip4(CLIENTS[0], VIP, udp(4000, 80), options=options), ip4(CLIENTS[0], VIP, tcp(4000, 80, SYN), options=options),
               ip4(CLIENTS[0], VIP, sctp(4000, 80, chunk(1)), options=options))
        t.reply(ip4(SERVERS[0], CLIENTS[0], udp(80, 4000), options=options))
    t.state()


@case
def extension_headers(t):
    for protocol, method in (("udp", MASQ), ("tcp", DROUTE), ("sctp", TUNNEL)):
        t.cluster((protocol, VIP6, 80), SERVERS6[:1], method=method)
    chains = ([(DESTINATION, padding_option())], [(HOP_BY_HOP, padding_option(16))],
              [(HOP_BY_HOP, padding_option()), (DESTINATION, padding_option(24))],
              [(DESTINATION, padding_option()), (DESTINATION, padding_option())],
              [(ROUTING, bytes([0, 0, 0, 0, 0, 0, 0]))], [(51, bytes([4]) + bytes(22))],
              [(DESTINATION, bytes([200, 1, 4, 0, 0, 0, 0]))], [(59, bytes(7))])
    for number, chain in enumerate(chains):
        for payload in (udp(4000 + number, 80), tcp(4000 + number, 80, SYN), sctp(4000 + number, 80, chunk(1))):
            t.send(ip6(CLIENTS6[0], VIP6, payload, extensions=chain), note=f"chain {number}")
        t.reply(ip6(SERVERS6[0], CLIENTS6[0], udp(80, 4000 + number), extensions=chain))
    t.state()


@_both
def large_segments(t, clients, vip, servers):
    """GSO: one packet of many segments, as the stack of a local sender or GRO makes them."""
    narrow = NARROW if "." in vip else NARROW6
    for number, (method, tunnel, servs) in enumerate((
            (MASQ, None, servers), (DROUTE, None, servers), (TUNNEL, None, servers), (TUNNEL, (GRE, 0, 0), servers),
            (TUNNEL, (GUE, 6080, 0), servers), (TUNNEL, (GUE, 6080, 1), servers), (MASQ, None, narrow),
            (DROUTE, None, narrow), (TUNNEL, None, narrow))):
        service = 80 + number
        t.cluster(("tcp", vip, service), servs[:1], method=method, tunnel=tunnel)
        t.send(ip(clients[0], vip, tcp(4000, service, SYN)))
        for segment in (1440, 1300):
            body = b"s" * (segment * 3 + 17)
            t.send_gso(ip(clients[0], vip, tcp(4000, service, ACK | PSH, seq=1001, data=body, partial=True)), segment)
    body = b"r" * 4000
    t.send_gso(ip(servers[0], clients[0], tcp(80, 4000, ACK, data=body, partial=True)), 1400, link="sa")
    t.state()


@_both
def partial_checksums(t, clients, vip, servers):
    """Checksums left to the driver, as packets of a container on this host come in."""
    for protocol, method in (("tcp", MASQ), ("udp", MASQ)):
        t.cluster((protocol, vip, 80), servers[:1], method=method)
    t.cluster(("tcp", vip, 81), servers[:1], method=TUNNEL)
    network = 20 if "." in vip else 40
    import struct
    for payload, offset in ((tcp(4000, 80, SYN, partial=True), 16), (udp(4000, 80, partial=True), 6),
                            (tcp(4000, 81, SYN, partial=True), 16)):
        packet = ip(clients[0], vip, payload)
        t.director.inject("cl", packet, struct.pack("=BBHHHH", 1, 0, 0, 0, 14 + network, offset))
        t.send(note="partial checksum")
    t.state()


@_both
def unusual_frames(t, clients, vip, servers):
    """To IPVS only what is addressed to this host's MAC matters; broadcast and foreign frames are not balanced."""
    t.cluster(("udp", vip, 80), servers[:1])
    good = t.director.frame("cl", ip(clients[0], vip, udp(4000, 80)))
    for target in (b"\xff" * 6, bytes.fromhex("020000009999"), bytes.fromhex("01005e000001")):
        t.send_frame(target + good[6:])
    t.send_frame(good)
    t.send_frame(good + b"\0" * 18)
    t.state()


@_both
def from_the_director(t, _clients, vip, servers):
    """A client on the director itself, through LOCAL_OUT."""
    here = "10.0.0.1" if "." in vip else "2001:db8:c::1"
    for number, method in ((80, MASQ), (81, DROUTE), (82, TUNNEL)):
        t.cluster(("udp", vip, number), servers[:2], method=method)
        t.cluster(("tcp", vip, number), servers[:2], method=method)
        t.local(ip(here, vip, udp(4000, number)))
        t.local(ip(here, vip, tcp(4000, number, SYN)))
        t.reply(ip(servers[1], here, udp(number, 4000)))
        t.state()
    t.local(ip(here, vip, udp(4000, 99)))


@_both
def local_server(t, clients, vip, servers):
    """The director is one of its servers: by its address, by LOCALNODE, and by a VIP of another service."""
    here = "10.0.1.1" if "." in vip else "2001:db8:1::1"
    server = t.listen(here, 8080)
    same = t.listen(vip, 90)
    t.cluster(("udp", vip, 80), [here], target=8080)
    t.cluster(("udp", vip, 81), [here], target=8080, method=LOCALNODE)
    t.cluster(("udp", vip, 82), [here], target=8080, method=DROUTE)
    t.cluster(("udp", vip, 83), [here], target=8080, method=TUNNEL)
    t.cluster(("udp", vip, 90), [vip], target=90, method=DROUTE)
    t.cluster(("udp", vip, 91), [vip], target=90, method=LOCALNODE)
    t.tables()
    for number in (80, 81, 82, 83, 90, 91):
        t.send(ip(clients[0], vip, udp(4000, number, b"hello")))
        for sock in (server, same):
            origin = t.heard(sock)
            if origin:
                sock.sendto(b"answer", origin)
                t.send(note="answer")
    t.state()


@case
def loopback_server(t):
    t.listen("127.0.0.1", 8080)
    t.cluster(("udp", VIP, 80), ["127.0.0.1"], target=8080)
    t.send(ip(CLIENTS[0], VIP, udp(4000, 80)))
    t.local(ip("10.0.0.1", VIP, udp(4000, 80)))
    t.local(ip("127.0.0.1", VIP, udp(4001, 80)))
    t.state()


@_both
def one_packet(t, clients, vip, servers):
    t.cluster(("udp", vip, 80), servers[:3], flags=ONEPACKET)
    t.cluster(("tcp", vip, 80), servers[:3], flags=ONEPACKET)
    t.cluster(("udp", vip, 81), servers[:3], flags=ONEPACKET | 1, timeout=60)
    for _ in range(4):
        t.send(ip(clients[0], vip, udp(4000, 80)), ip(clients[0], vip, udp(4000, 81)))
    t.send(ip(clients[0], vip, tcp(4000, 80, SYN)), ip(clients[0], vip, tcp(4000, 80, ACK)))
    t.reply(ip(servers[0], clients[0], udp(80, 4000)))
    t.state()


@_both
def bypass_method(t, clients, vip, servers):
    """The method that no tool offers."""
    t.cluster(("udp", vip, 80), servers[:1], method=BYPASS)
    t.send(ip(clients[0], vip, udp(4000, 80)))
    t.state()


@_both
def methods_beyond(t, clients, vip, servers):
    for number, method in ((80, 5), (81, 6), (82, 7), (83, 0x108), (84, 0x80000003)):
        t.cluster(("udp", vip, number), servers[:1], method=method)
        t.send(ip(clients[0], vip, udp(4000, number)))
    t.state()


@_both
def hairpin(t, _clients, vip, servers):
    """A server is the client, and gets itself."""
    t.cluster(("udp", vip, 80), servers[:2])
    for number in range(2):
        t.send(ip(servers[number], vip, udp(4000 + number, 80)), link="sa")
    t.state()


@_both
def unsolicited_from_server(t, clients, vip, servers):
    t.cluster(("udp", vip, 80), servers[:1])
    t.cluster(("tcp", vip, 80), servers[:1])
    for enabled in (0, 1):
        t.sysctl("nat_icmp_send", enabled)
        t.reply(ip(servers[0], clients[0], udp(80, 4000)))
        t.reply(ip(servers[0], clients[0], udp(81, 4000)))
        t.reply(ip(servers[0], clients[0], tcp(80, 4000, ACK)))
        t.reply(ip(servers[0], clients[0], tcp(80, 4000, RST)))
        t.reply(ip(servers[1], clients[0], udp(80, 4000)))


@_both
def snat_reroute_off(t, clients, vip, servers):
    t.sysctl("snat_reroute", 0)
    t.cluster(("udp", vip, 80), servers[:1])
    t.send(ip(clients[0], vip, udp(4000, 80)))
    t.reply(ip(servers[0], clients[0], udp(80, 4000)))


@_both
def backup_only(t, clients, vip, servers):
    t.cluster(("udp", vip, 80), servers[:1])
    t.sysctl("backup_only", 1)
    t.send(ip(clients[0], vip, udp(4000, 80)))
    t.sysctl("backup_only", 0)
    t.send(ip(clients[0], vip, udp(4000, 80)))


@_both
def unreachable_server(t, clients, vip, _servers):
    """No route to the server."""
    nowhere = "203.0.113.9" if "." in vip else "2001:db8:dead::9"
    for number, method in ((80, MASQ), (81, DROUTE), (82, TUNNEL)):
        t.cluster(("udp", vip, number), [nowhere], method=method)
        t.send(ip(clients[0], vip, udp(4000, number)))
        t.send(ip(clients[0], vip, udp(4000, number)))
    t.state()
