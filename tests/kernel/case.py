# SPDX-License-Identifier: GPL-2.0-or-later
"""What a case can do, and the transcript it leaves.

A case is a function of one argument, registered by @case. Everything it does through that argument is recorded raw
(hexadecimal frames, netlink replies, text of files); nothing is judged here. compare.py reads two transcripts on the
host, where time is cheap, decodes and normalises them, and says where they differ.
"""

import ctypes
import errno
import ipaddress
import os
import random
import socket
import struct
import subprocess
import time

import nl
import stage
import wire

CASES: dict[str, object] = {}

NEW_SERVICE, SET_SERVICE, DEL_SERVICE, GET_SERVICE, NEW_DEST, SET_DEST, DEL_DEST, GET_DEST = range(1, 9)
NEW_DAEMON, DEL_DAEMON, GET_DAEMON, SET_CONFIG, GET_CONFIG, SET_INFO, GET_INFO, ZERO, FLUSH = range(9, 18)
SERVICE, DEST, DAEMON, TIMEOUT_TCP, TIMEOUT_FIN, TIMEOUT_UDP = range(1, 7)
PERSISTENT, HASHED, ONEPACKET, SCHED1, SCHED2, SCHED3 = 1, 2, 4, 8, 16, 32
MASQ, LOCALNODE, TUNNEL, DROUTE, BYPASS = range(5)
IPIP, GUE, GRE = range(3)
VIP, VIP6 = "192.0.2.1", "2001:db8:f::1"
PROTOCOLS = {"tcp": wire.TCP, "udp": wire.UDP, "sctp": wire.SCTP}


def case(function):
    assert function.__name__ not in CASES, function.__name__
    CASES[function.__name__] = function
    return function


def generated(name: str, count: int):
    """Registers `count` cases that differ by the seed of the random source they are given."""
    def register(function):
        for seed in range(count):
            CASES[f"{name}_{seed:03}"] = lambda t, n=seed: function(t, random.Random(f"{name}/{n}"))
        return function

    return register


def u16(value: int) -> bytes:
    return struct.pack("=H", value & 0xFFFF)


def u32(value: int) -> bytes:
    return struct.pack("=I", value & 0xFFFFFFFF)


def port(value: int) -> bytes:
    return struct.pack("!H", value)


def wide(text: str) -> bytes:
    return wire.address(text).ljust(16, b"\0")


def family(text: str) -> int:
    return int(socket.AF_INET6 if ":" in text else socket.AF_INET)


def service_key(key) -> list:
    """key: (protocol name, address, port), or (mark, address family)."""
    if isinstance(key[0], int):
        return [(1, u16(key[1])), (5, u32(key[0]))]
    protocol, text, number = key
    return [(1, u16(family(text))), (2, u16(PROTOCOLS[protocol])), (3, wide(text)), (4, port(number))]


def service_nest(key, scheduler="rr", flags=0, timeout=0, netmask=None, mask=0xFFFFFFFF) -> list:
    six = key[1] == socket.AF_INET6 if isinstance(key[0], int) else ":" in key[1]
    given = netmask if netmask is not None else 128 if six else 0xFFFFFFFF
    return service_key(key) + [(6, scheduler.encode() + b"\0"), (7, u32(flags) + u32(mask)), (8, u32(timeout)),
                               (9, u32(given))]


def dest_nest(text, number, method=MASQ, weight=1, upper=0, lower=0, tunnel=None, af=True) -> list:
    """tunnel: (type, port, flags)."""
    pairs = [(1, wide(text)), (2, port(number)), (3, u32(method)), (4, u32(weight)), (5, u32(upper)), (6, u32(lower))]
    if af:
        pairs.append((11, u16(family(text))))
    if tunnel:
        pairs += [(13, bytes([tunnel[0]])), (14, port(tunnel[1])), (15, u16(tunnel[2]))]
    return pairs


class Case:
    """One running case: its director and its transcript."""

    def __init__(self, name: str, director: stage.Director):
        self.name = name
        self.director = director
        self.started = time.monotonic()
        self.records: list[dict] = []
        self.keep: list = []

    def record(self, **fields):
        fields["at"] = round(time.monotonic() - self.started, 2)
        self.records.append(fields)
        return fields

    # Control

    def genl(self, command: int, pairs=(), flags: int = 0, raw: bytes = b"", quiet: bool = False):
        code, replies = self.director.ipvs.ask(command, pairs, flags, raw=raw)
        if not quiet or code:
            sent = (nl.attributes(pairs) + raw).hex()
            self.record(op="genl", command=command, dump=flags, sent=sent, errno=errno.errorcode.get(code, code),
                        replies=[[mode, body.hex()] for mode, body in replies])
        return code, replies

    def service(self, key, *args, command=NEW_SERVICE, **options) -> int:
        return self.genl(command, [(SERVICE, service_nest(key, *args, **options))])[0]

    def dest(self, key, *args, command=NEW_DEST, **options) -> int:
        return self.genl(command, [(SERVICE, service_key(key)), (DEST, dest_nest(*args, **options))])[0]

    def drop_dest(self, key, text, number) -> int:
        nest = [(1, wide(text)), (2, port(number)), (11, u16(family(text)))]
        return self.genl(DEL_DEST, [(SERVICE, service_key(key)), (DEST, nest)])[0]

    def cluster(self, key, servers, scheduler="rr", method=MASQ, target=None, weights=None, tunnel=None, **options):
        """A service with servers, which are addresses; `target` is their port, by default the service's."""
        self.service(key, scheduler, **options)
        number = target if target is not None else 0 if isinstance(key[0], int) else key[2]
        for index, server in enumerate(servers):
            self.dest(key, server, number, method, weights[index] if weights else 1, tunnel=tunnel)

    def tables(self) -> None:
        """Everything the family tells about the configuration; statistics are compared at the end only."""
        _, services = self.genl(GET_SERVICE, flags=nl.DUMP)
        for _, body in services:
            nest = dict(nl.parse(dict(nl.parse(body[4:]))[SERVICE]))
            self.genl(GET_DEST, [(SERVICE, [(kind, nest[kind]) for kind in (1, 2, 3, 4, 5) if kind in nest])],
                      flags=nl.DUMP)

    def tables_late(self) -> None:
        """The same in the middle of a case, with the values of counters that are known to be sampled."""
        self.record(op="mark", what="late")
        self.tables()
        self.record(op="mark", what="end of late")

    def ipvsadm(self, words: str, text: str | None = None):
        with self.director.inside():
            done = subprocess.run(["/sbin/ipvsadm", *words.split()], input=text, stdout=subprocess.PIPE,
                                  stderr=subprocess.PIPE, text=True, timeout=60)
        self.record(op="ipvsadm", words=words, status=done.returncode, out=done.stdout, err=done.stderr)
        return done

    def command(self, *words: str, text: str | None = None) -> None:
        """Anything else in the director; it must succeed and is not compared."""
        with self.director.inside():
            subprocess.run(words, input=text, text=True, check=True, stdout=subprocess.DEVNULL, timeout=60)

    def sysctl(self, name: str, value=None, where: str = "ipv4/vs") -> str:
        """Writes if there is a value; what is read afterwards, or the error, is recorded."""
        path = f"/proc/sys/net/{where}/{name}"
        with self.director.inside():
            try:
                if value is not None:
                    descriptor = os.open(path, os.O_WRONLY)
                    try:
                        os.write(descriptor, f"{value}\n".encode())
                    finally:
                        os.close(descriptor)
                result = self._read(path).strip()
            except OSError as error:
                result = errno.errorcode[error.errno]
        self.record(op="sysctl", name=name, value=value, result=result)
        return result

    @staticmethod
    def _read(path: str) -> str:
        with open(path, encoding="ascii", errors="replace") as file:
            return file.read()

    def proc(self, *names: str) -> None:
        with self.director.inside():
            for name in names:
                try:
                    text = self._read(f"/proc/thread-self/net/{name}")
                except OSError as error:
                    text = errno.errorcode[error.errno]
                self.record(op="proc", name=name, text=text)

    def connections(self) -> list[list[str]]:
        with self.director.inside():
            return [line.split() for line in self._read("/proc/thread-self/net/ip_vs_conn").splitlines()[1:]]

    def state(self) -> None:
        self.proc("ip_vs", "ip_vs_conn", "ip_vs_stats_percpu")

    # Packets

    def send(self, *packets: bytes, link: str = "cl", note: str = "") -> list[bytes]:
        """Puts packets on a link, one after the other, and records what comes out anywhere. Returns the packets."""
        for packet in packets:
            self.director.inject(link, packet)
        return self._harvest([packet.hex() for packet in packets], link, note)

    def send_gso(self, packet: bytes, segment: int, link: str = "cl") -> list[bytes]:
        self.director.inject(link, packet, stage.gso_header(packet, segment))
        return self._harvest([packet.hex()], link, f"gso {segment}")

    def send_frame(self, frame: bytes, link: str = "cl") -> list[bytes]:
        self.director.inject(link, b"", frame=frame)
        return self._harvest([frame.hex()], link, "frame")

    def reply(self, *packets: bytes, link: str = "sa", note: str = "") -> list[bytes]:
        return self.send(*packets, link=link, note=note)

    def _harvest(self, sent: list[str], link: str, note: str) -> list[bytes]:
        out = self.director.harvest()
        self.record(op="send", link=link, sent=sent, out=out, note=note)
        return [wire.completed(bytes.fromhex(data))[14:] for _, data in out]

    def local(self, packet: bytes) -> list[bytes]:
        """The director itself sends this packet."""
        six = packet[0] >> 4 == 6
        target = socket.inet_ntop(socket.AF_INET6, packet[24:40]) if six else socket.inet_ntoa(packet[16:20])
        with self.director.inside():
            raw = socket.socket(socket.AF_INET6 if six else socket.AF_INET, socket.SOCK_RAW, 255)
        with raw:
            try:
                raw.sendto(packet, (target, 0))
                note = "local"
            except OSError as error:
                note = "local " + errno.errorcode[error.errno]
        return self._harvest([packet.hex()], "director", note)

    def listen(self, text: str, number: int) -> socket.socket:
        """A UDP server on the director."""
        with self.director.inside():
            server = socket.socket(socket.AF_INET6 if ":" in text else socket.AF_INET, socket.SOCK_DGRAM)
        server.setsockopt(socket.IPPROTO_IP if ":" not in text else socket.IPPROTO_IPV6, 15 if ":" not in text else 75, 1)
        server.bind((text, number))
        server.setblocking(False)
        self.keep.append(server)
        return server

    def heard(self, server: socket.socket):
        """What a listening socket received, recorded; the sender's address is returned."""
        try:
            data, origin = server.recvfrom(65536)
        except BlockingIOError:
            self.record(op="heard", data=None, origin=None)
            return None
        self.record(op="heard", data=data.hex(), origin=list(origin[:2]))
        return origin

    def until(self, what: str, condition, seconds: float = 10.0) -> bool:
        reached = stage.wait_until(condition, seconds)
        self.record(op="until", what=what, reached=reached)
        return reached

    def until_connections_end(self, server: str) -> None:
        """With expire_nodest_conn both modules end a removed server's a jiffy later. Its templates, without a client port, stay."""
        column = ipaddress.ip_address(server)
        word = column.packed.hex().upper() if column.version == 4 else column.exploded
        self.until(f"the connections of {server} end",
                   lambda: not any(words[5] == word and int(words[2], 16) for words in self.connections()))

    # The end

    def finish(self) -> None:
        self.record(op="mark", what="end")
        self.tables()
        self.proc("ip_vs", "ip_vs_conn", "ip_vs_conn_sync", "ip_vs_stats_percpu")
        self.last_packet = time.monotonic()

    def settled(self) -> bool:
        """Has the sampled total caught up with the live one? Then the samples of services and servers have too."""
        if time.monotonic() - self.last_packet < 2.3:
            return False
        with self.director.inside():
            sampled = self._read("/proc/thread-self/net/ip_vs_stats").splitlines()[2].split()
            lines = self._read("/proc/thread-self/net/ip_vs_stats_percpu").splitlines()[2:]
        live = [[int(word, 16) for word in line.split()[1:]] for line in lines[:_total_line(lines)]]
        return [int(word, 16) for word in sampled] == [sum(column) for column in zip(*live)]

    def late(self) -> None:
        """Read once the rate estimator has run: the counters of every service and server."""
        self.record(op="mark", what="late")
        self.tables()
        self.proc("ip_vs_stats")


def _total_line(lines: list[str]) -> int:
    return next(index for index, line in enumerate(lines) if line.split()[:1] == ["~"])
