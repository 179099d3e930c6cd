# SPDX-License-Identifier: GPL-2.0-or-later
"""Cases made by a seeded random source: the same on both modules, different by seed, replayable by name."""

import itertools
import struct

import nl
import wire
from case import (DEL_DEST, DEL_SERVICE, DEST, FLUSH, GET_DEST, GET_SERVICE, NEW_DEST, NEW_SERVICE, SERVICE, SET_CONFIG,
                  SET_DEST, SET_SERVICE, VIP, VIP6, ZERO, dest_nest, service_key, service_nest, u32)
from stage import CLIENTS, CLIENTS6, SERVERS, SERVERS6
from wire import (ACK, DESTINATION, FIN, HOP_BY_HOP, PSH, RST, SYN, chunk, fragments4, fragments6, icmp, ip, padding_option,
                  sctp, tcp, udp)

SCHEDULERS = "rr wrr lc wlc lblc lblcr dh sh sed nq fo ovf mh".split()
PREDICTABLE = [name for name in SCHEDULERS if name != "mh"]  # mh's table is another on purpose: see accepted.py
KEYS = [*itertools.product(("tcp", "udp", "sctp"), (VIP, VIP6), (80, 81, 0)), (5, 2), (5, 10), (6, 2)]
TUNNELS = (None, (0, 0, 0), (1, 6080, 0), (1, 6080, 1), (1, 6080, 2), (2, 0, 0), (2, 0, 1))


def six(key) -> bool:
    return key[1] == 10 if isinstance(key[0], int) else ":" in key[1]


def control(t, random) -> None:
    """A walk of 120 commands over a small world, so that most of them meet something."""
    keys = random.sample(KEYS, 5)
    for step in range(120):
        key = random.choice(keys)
        servers = SERVERS6 if six(key) != (random.random() < 0.05) else SERVERS
        server = (random.choice(servers[:5]), random.choice((80, 8080, 0)))
        kind = random.choices((NEW_SERVICE, SET_SERVICE, DEL_SERVICE, NEW_DEST, SET_DEST, DEL_DEST, FLUSH, ZERO, SET_CONFIG),
                              (12, 8, 3, 30, 14, 10, 1, 2, 2))[0]
        if kind in (NEW_SERVICE, SET_SERVICE):
            t.service(key, random.choice((*SCHEDULERS, "none")), flags=random.choice((0, 0, 1, 4, 8, 24, 0x41)),
                      timeout=random.choice((0, 10, 360)), command=kind,
                      netmask=random.choice((None, None, 64, 0xFFFFFF, 0, 129)), mask=random.choice((0xFFFFFFFF, 1, 0)))
        elif kind in (DEL_SERVICE, ZERO):
            t.genl(kind, [(SERVICE, service_key(key))])
        elif kind in (NEW_DEST, SET_DEST):
            t.dest(key, *server, random.choice((0, 0, 1, 2, 2, 3, 4)), command=kind, af=random.random() < 0.8,
                   weight=random.choice((0, 1, 1, 5, 65535, -1)), upper=random.choice((0, 0, 10, 2, 0x80000000)),
                   lower=random.choice((0, 0, 3, 11)), tunnel=random.choice(TUNNELS))
        elif kind == DEL_DEST:
            t.drop_dest(key, *server)
        elif kind == FLUSH:
            t.genl(FLUSH)
        else:
            t.genl(SET_CONFIG, [(random.choice((4, 5, 6)), u32(random.choice((0, 30, 900, 0xFFFFFFFF))))])
        if step % 30 == 29:
            t.tables()
            t.proc("ip_vs")


def malformed(t, random) -> None:
    """Well-formed requests with octets changed, cut, doubled, attributes swapped."""
    key, key6 = ("tcp", VIP, 80), ("udp", VIP6, 53)
    t.service(key)
    t.dest(key, SERVERS[0], 80)
    for _ in range(100):
        chosen = random.choice((key, key6, (5, 2)))
        service, dest = service_nest(chosen), dest_nest(SERVERS6[0] if six(chosen) else SERVERS[0], 80)
        body = bytearray(nl.attributes([(SERVICE, service), (DEST, dest)]))
        for _ in range(random.randint(1, 3)):
            place = random.randrange(len(body))
            action = random.random()
            if action < 0.6:
                body[place] = random.choice((0, 1, 2, 10, 0x7F, 0x80, 0xFF, body[place] ^ 1 << random.randrange(8)))
            elif action < 0.8:
                del body[place:place + random.randint(1, 8)]
            else:
                body[place:place] = body[place:place + 4]
            if not body:
                body = bytearray(4)
        command = random.choice((NEW_SERVICE, SET_SERVICE, DEL_SERVICE, GET_SERVICE, NEW_DEST, SET_DEST, DEL_DEST, ZERO))
        if _asks_for_a_module(bytes(body)):
            continue
        t.genl(command, raw=bytes(body))
        if command == GET_SERVICE:
            t.genl(GET_DEST, raw=bytes(body), flags=nl.DUMP)
    t.tables()


def _asks_for_a_module(body: bytes) -> bool:
    """A changed scheduler or engine name makes the kernel start modprobe, which takes a second here."""
    for kind, value in nl.parse(body):
        if kind == SERVICE:
            for inner, content in nl.parse(value):
                if inner == 11 or (inner == 6 and content.rstrip(b"\0") not in (b"rr", b"")):
                    return True
    return False


class Traffic:
    """Random packets of a few clients to a few services, and what the servers would answer."""

    def __init__(self, t, random, six_chance: float = 0.5):
        self.t, self.random = t, random
        self.six = random.random() < six_chance
        self.vip = VIP6 if self.six else VIP
        self.clients = (CLIENTS6 if self.six else CLIENTS)[:4]
        self.servers = (SERVERS6 if self.six else SERVERS)[:5]
        self.flows: list = []

    def configure(self, methods=(0, 0, 2, 3)) -> None:
        for protocol in ("tcp", "udp", "sctp"):
            if self.random.random() < 0.75:
                self._service((protocol, self.vip, self.random.choice((80, 80, 0))), methods)
        self._service(("udp", self.vip, 90), methods)

    def _service(self, key, methods) -> None:
        random = self.random
        persistent = key[2] == 0 or random.random() < 0.3
        flags = (1 if persistent else 0) | random.choice((0, 0, 0, 4)) | random.choice((0, 8, 16, 24))
        netmask = random.choice((None, None, 64 if self.six else 0x00FFFFFF))
        self.t.service(key, random.choice(PREDICTABLE), flags=flags, timeout=random.choice((60, 300)), netmask=netmask)
        method = random.choice(methods)
        for server in random.sample(self.servers, random.randint(1, 5)):
            mixed = method if random.random() < 0.8 else random.choice(methods)
            self.t.dest(key, server, 0 if key[2] == 0 else random.choice((key[2], 8080)), mixed,
                        weight=random.choice((0, 1, 1, 2, 3, 10)), upper=random.choice((0, 0, 0, 3)),
                        tunnel=random.choice(TUNNELS) if mixed == 2 else None)

    def payload(self, protocol: str, sport: int, dport: int):
        random = self.random
        data = bytes(random.randrange(256) for _ in range(random.choice((0, 1, 8, 33))))
        if protocol == "tcp":
            flags = random.choice((SYN, SYN, ACK, ACK, ACK | PSH, FIN | ACK, RST, RST | ACK, SYN | ACK, 0))
            return tcp(sport, dport, flags, seq=random.randrange(1 << 32), data=data)
        if protocol == "udp":
            return udp(sport, dport, data, checksum=0 if not self.six and random.random() < 0.1 else None)
        chunks = [chunk(random.choice((0, 1, 1, 2, 3, 4, 6, 7, 8, 9, 10, 11, 14)), data) for _ in range(random.choice((1, 1, 2)))]
        return sctp(sport, dport, *chunks)

    def options(self) -> dict:
        random = self.random
        out = {"ttl": random.choice((64, 64, 64, 64, 2, 1)), "tos": random.choice((0, 0, 0, 3, 0xB8))}
        if self.six and random.random() < 0.1:
            out["extensions"] = [(random.choice((DESTINATION, HOP_BY_HOP)), padding_option(random.choice((8, 16))))]
        elif not self.six:
            out["df"] = random.random() < 0.7
            if random.random() < 0.05:
                out["options"] = b"\1" * random.choice((4, 8))
        return out

    def request(self) -> bytes:
        random = self.random
        protocol = random.choice(("tcp", "tcp", "udp", "udp", "sctp"))
        client, sport = random.choice(self.clients), random.choice((4000, 4001, 4002, 53))
        dport = random.choice((80, 80, 80, 90, 99))
        self.flows.append((protocol, client, sport, dport))
        return ip(client, self.vip, self.payload(protocol, sport, dport), **self.options())

    def answer(self) -> bytes:
        random = self.random
        protocol, client, sport, dport = random.choice(self.flows[-8:])
        source = random.choice((dport, dport, 8080))
        return ip(random.choice(self.servers), client, self.payload(protocol, source, sport), **self.options())

    def error(self, packets: list[bytes]) -> bytes:
        """An ICMP error that quotes something seen on the wire, now and then changed."""
        random = self.random
        quoted = bytearray(random.choice(packets)[:random.choice((28, 48, 64, 128, 576))])
        if random.random() < 0.2 and quoted:
            quoted[random.randrange(len(quoted))] = random.randrange(256)
        source = self.servers[0] if random.random() < 0.5 else self.clients[0]
        target = random.choice((self.vip, self.clients[0], self.clients[1]))
        four = random.choice(((3, 0), (3, 1), (3, 3), (3, 4), (11, 0), (12, 0), (4, 0), (5, 1), (8, 0)))
        other = random.choice(((1, 0), (1, 4), (2, 0), (3, 0), (4, 0), (128, 0)))
        return ip(source, target, icmp(target, four, other, bytes(quoted), rest=random.choice((0, 1300, 1280, 576))))


def packets(t, random) -> None:
    """Services of any kind, 150 packets in both directions, with errors and fragments among them."""
    traffic = Traffic(t, random)
    for name in ("conn_reuse_mode", "sloppy_tcp", "sloppy_sctp", "schedule_icmp", "nat_icmp_send",
                 "expire_nodest_conn", "expire_quiescent_template"):
        if random.random() < 0.25:
            t.sysctl(name, 0 if name == "conn_reuse_mode" else 1)
    traffic.configure()
    seen: list[bytes] = []
    for step in range(150):
        chance = random.random()
        if chance < 0.6 or not traffic.flows:
            seen += t.send(traffic.request())
        elif chance < 0.85:
            seen += t.reply(traffic.answer())
        elif chance < 0.93:
            error = traffic.error(seen or [traffic.request()])
            seen += t.send(error, link=random.choice(("cl", "sa", "sb")))
        else:
            _fragmented(t, traffic, random)
        seen = [canonical(packet) for packet in seen if len(packet) >= 28][-40:]
        if step % 50 == 49:
            t.state()


def _fragmented(t, traffic, random) -> None:
    whole = ip(random.choice(traffic.clients), traffic.vip, udp(random.choice((4000, 4001)), 80, bytes(range(256)) * 2))
    pieces = (fragments6 if traffic.six else fragments4)(whole, random.choice((64, 128, 256)), random.randrange(1, 65535))
    if random.random() < 0.5:
        random.shuffle(pieces)
    if random.random() < 0.2:
        pieces.pop()
    t.send(*pieces, note="fragments")


def changes(t, random) -> None:
    """Traffic while servers come, go, are edited and return, and sysctls change."""
    traffic = Traffic(t, random)
    key = (random.choice(("tcp", "udp")), traffic.vip, 80)
    scheduler = random.choice(PREDICTABLE)
    flags = random.choice((0, 1))
    t.service(key, scheduler, flags=flags, timeout=60)
    ends_at_once = 0  # expire_nodest_conn
    for step in range(120):
        chance = random.random()
        server = random.choice(traffic.servers)
        if chance < 0.08:
            t.dest(key, server, 80, 0, weight=random.choice((0, 1, 2, 5)), upper=random.choice((0, 0, 2, 4)))
        elif chance < 0.13:
            t.dest(key, server, 80, 0, weight=random.choice((0, 0, 1, 3)), upper=random.choice((0, 1, 3)), command=SET_DEST)
        elif chance < 0.17:
            if t.drop_dest(key, server, 80) == 0 and ends_at_once:
                t.until_connections_end(server)
        elif chance < 0.19:
            t.service(key, random.choice(PREDICTABLE), flags=flags, timeout=60, command=SET_SERVICE)
        elif chance < 0.22:
            name = random.choice(("expire_nodest_conn", "expire_quiescent_template", "conn_reuse_mode"))
            value = random.choice((0, 1))
            t.sysctl(name, value)
            if name == "expire_nodest_conn":
                ends_at_once = value
        elif chance < 0.7 or not traffic.flows:
            protocol, client, sport = key[0], random.choice(traffic.clients), random.randrange(4000, 4012)
            traffic.flows.append((protocol, client, sport, 80))
            t.send(ip(client, traffic.vip, traffic.payload(protocol, sport, 80)))
        else:
            protocol, client, sport, dport = random.choice(traffic.flows[-8:])
            t.reply(ip(server, client, traffic.payload(protocol, dport, sport)))
        if step % 40 == 39:
            t.state()


def mutated(t, random) -> None:
    """Good packets with octets changed anywhere but in the outer addresses: parsers must agree on what they see."""
    traffic = Traffic(t, random)
    traffic.configure()
    seen: list[bytes] = []
    for _ in range(120):
        packet = bytearray(traffic.request() if random.random() < 0.7 else traffic.error(seen or [traffic.request()]))
        begin = 40 if traffic.six else 20
        for _ in range(random.randint(1, 3)):
            place = random.randrange(begin, len(packet)) if len(packet) > begin else 0
            if place:
                packet[place] = random.choice((0, 1, 0xFF, packet[place] ^ 1 << random.randrange(8)))
        if random.random() < 0.3:
            del packet[random.randrange(begin, len(packet) + 1):]
            packet = bytearray(_fix_length(bytes(packet), traffic.six))
        seen = (seen + [canonical(out) for out in t.send(bytes(packet)) if len(out) >= 28])[-40:]
    t.state()


def canonical(packet: bytes) -> bytes:
    """A captured packet without what the kernel chose at random or may choose (a sum for UDP that had none), so that
    what quotes it is the same every time."""
    if packet[0] >> 4 == 6:
        packet = packet[:1] + bytes([packet[1] & 0xF0, 0, 0]) + packet[4:]
        protocol, begin = packet[6], 40
    else:
        protocol, begin = packet[9], (packet[0] & 15) * 4
        if packet[4:6] != b"\x12\x34":
            packet = packet[:4] + b"\x77\x77" + packet[6:]
        head = packet[:10] + b"\0\0" + packet[12:begin]
        packet = head[:10] + struct.pack("!H", wire.internet_checksum(head)) + packet[12:]
    if protocol == wire.UDP and len(packet) >= begin + 8:
        source = b"\xc0\0" if packet[begin + 2:begin + 4] == struct.pack("!H", 6080) else packet[begin:begin + 2]
        packet = packet[:begin] + source + packet[begin + 2:begin + 6] + b"\0\0" + packet[begin + 8:]
    return packet


def _fix_length(packet: bytes, is_six: bool) -> bytes:
    if is_six:
        return packet[:4] + struct.pack("!H", len(packet) - 40) + packet[6:]
    head = packet[:2] + struct.pack("!H", len(packet)) + packet[4:10] + b"\0\0" + packet[12:20]
    return head[:10] + struct.pack("!H", wire.internet_checksum(head)) + head[12:] + packet[20:]


