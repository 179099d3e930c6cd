# SPDX-License-Identifier: GPL-2.0-or-later
"""Packets, byte by byte: building them, right or deliberately wrong.

A transport payload is a function of the two addresses (checksums cover them), so `ip4(a, b, tcp(...))` reads in
the order of the wire. Each builder takes `checksum=` to force a wrong one.
"""

import socket
import struct

TCP, UDP, SCTP, ICMP, ICMP6, IPIP, IPV6, GRE, ESP, AH, FENCE = 6, 17, 132, 1, 58, 4, 41, 47, 50, 51, 253
FIN, SYN, RST, PSH, ACK = 1, 2, 4, 8, 16


def fold(data: bytes, start: int = 0) -> int:
    if len(data) % 2:
        data += b"\0"
    total = start + sum(struct.unpack(f"!{len(data) // 2}H", data))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return total


def internet_checksum(data: bytes, start: int = 0) -> int:
    return fold(data, start) ^ 0xFFFF


def address(text) -> bytes:
    if isinstance(text, bytes):
        return text
    return socket.inet_pton(socket.AF_INET6 if ":" in text else socket.AF_INET, text)


def pseudo(source: bytes, target: bytes, protocol: int, length: int) -> int:
    return fold(source + target + struct.pack("!II", length, protocol))


def _crc_table():
    for index in range(256):
        for _ in range(8):
            index = (index >> 1) ^ (0x82F63B78 if index & 1 else 0)
        yield index


CRC_TABLE = tuple(_crc_table())


def crc32c(data: bytes) -> int:
    crc = 0xFFFFFFFF
    for byte in data:
        crc = CRC_TABLE[(crc ^ byte) & 0xFF] ^ (crc >> 8)
    return crc ^ 0xFFFFFFFF


class Payload:
    """What an IP header carries: a protocol number and a function of the addresses."""

    def __init__(self, protocol: int, build):
        self.protocol = protocol
        self.build = build


def raw(protocol: int, data: bytes = b"") -> Payload:
    return Payload(protocol, lambda _source, _target: data)


def tcp(sport, dport, flags, seq=1000, ack=0, data=b"", options=b"", window=8192, checksum=None, offset=None,
        partial=False) -> Payload:
    options += b"\0" * (-len(options) % 4)
    words = (20 + len(options)) // 4 if offset is None else offset

    def build(source, target):
        head = struct.pack("!HHIIBBHHH", sport, dport, seq, ack, words << 4, flags, window, 0, 0) + options
        start = pseudo(source, target, TCP, len(head) + len(data))
        value = start if partial else internet_checksum(head + data, start) if checksum is None else checksum
        return head[:16] + struct.pack("!H", value) + head[18:] + data

    return Payload(TCP, build)


def udp(sport, dport, data=b"ping", checksum=None, length=None, partial=False) -> Payload:
    def build(source, target):
        size = 8 + len(data)
        head = struct.pack("!HHHH", sport, dport, size if length is None else length, 0)
        start = pseudo(source, target, UDP, size)
        value = start if partial else (internet_checksum(head + data, start) or 0xFFFF) if checksum is None else checksum
        return head[:6] + struct.pack("!H", value) + data

    return Payload(UDP, build)


def chunk(kind: int, data: bytes = b"", flags: int = 0, length=None) -> bytes:
    size = 4 + len(data) if length is None else length
    return struct.pack("!BBH", kind, flags, size) + data + b"\0" * (-len(data) % 4)


def sctp(sport, dport, *chunks, tag=1, checksum=None) -> Payload:
    body = b"".join(chunks)

    def build(_source, _target):
        head = struct.pack("!HHI", sport, dport, tag)
        value = crc32c(head + b"\0\0\0\0" + body) if checksum is None else checksum
        return head + struct.pack("<I", value) + body

    return Payload(SCTP, build)


def icmp4(kind, code, quoted: bytes = b"", rest: int = 0, checksum=None) -> Payload:
    def build(_source, _target):
        data = struct.pack("!BBHI", kind, code, 0, rest) + quoted
        value = internet_checksum(data) if checksum is None else checksum
        return data[:2] + struct.pack("!H", value) + data[4:]

    return Payload(ICMP, build)


def icmp6(kind, code, quoted: bytes = b"", rest: int = 0, checksum=None) -> Payload:
    def build(source, target):
        data = struct.pack("!BBHI", kind, code, 0, rest) + quoted
        value = internet_checksum(data, pseudo(source, target, ICMP6, len(data))) if checksum is None else checksum
        return data[:2] + struct.pack("!H", value) + data[4:]

    return Payload(ICMP6, build)


def icmp(af_text: str, kind4, kind6, quoted: bytes, rest: int = 0) -> Payload:
    """An ICMP error of either family; kinds are (type, code)."""
    return icmp6(*kind6, quoted, rest) if ":" in af_text else icmp4(*kind4, quoted, rest)


def ip4(source, target, payload: Payload, ttl=64, ident=0x1234, df=True, mf=False, offset=0, tos=0, options=b"",
        ihl=None, total=None, data: bytes | None = None) -> bytes:
    source, target = address(source), address(target)
    options += b"\0" * (-len(options) % 4)
    body = payload.build(source, target) if data is None else data
    size = 20 + len(options) + len(body)
    fragment = (0x4000 if df else 0) | (0x2000 if mf else 0) | offset >> 3
    head = struct.pack("!BBHHHBBH", 0x40 | ((20 + len(options)) // 4 if ihl is None else ihl), tos,
                       size if total is None else total, ident, fragment, ttl, payload.protocol, 0)
    head += source + target + options
    return head[:10] + struct.pack("!H", internet_checksum(head)) + head[12:] + body


def ip6(source, target, payload: Payload, ttl=64, extensions=(), tos=0, label=0, data: bytes | None = None,
        total=None) -> bytes:
    """extensions: (header number, bytes without the next-header octet)."""
    source, target = address(source), address(target)
    body = payload.build(source, target) if data is None else data
    after = payload.protocol
    for number, content in reversed(extensions):
        body = bytes([after]) + content + body
        after = number
    size = len(body) if total is None else total
    return struct.pack("!IHBB", 6 << 28 | tos << 20 | label, size, after, ttl) + source + target + body


def ip(source, target, payload: Payload, **options) -> bytes:
    return (ip6 if ":" in source else ip4)(source, target, payload, **options)


HOP_BY_HOP, ROUTING, FRAGMENT, DESTINATION = 0, 43, 44, 60


def padding_option(octets: int = 8) -> bytes:
    """A hop-by-hop or destination header (without its next-header octet) of so many octets, all padding."""
    return bytes([octets // 8 - 1, 1, octets - 4]) + b"\0" * (octets - 4)


def fragments4(packet: bytes, size: int, ident: int = 0x4242, df: bool = False) -> list[bytes]:
    """An unfragmented IPv4 packet without options in fragments of `size` (a multiple of 8) payload octets."""
    source, target, protocol, body = packet[12:16], packet[16:20], packet[9], packet[20:]
    out = []
    for begin in range(0, len(body), size):
        out.append(ip4(source, target, raw(protocol, body[begin:begin + size]), ttl=packet[8], ident=ident, df=df,
                       mf=begin + size < len(body), offset=begin))
    return out


def fragments6(packet: bytes, size: int, ident: int = 0x424242) -> list[bytes]:
    source, target, after, body = packet[8:24], packet[24:40], packet[6], packet[40:]
    out = []
    for begin in range(0, len(body), size):
        more = begin + size < len(body)
        head = b"\0" + struct.pack("!HI", begin | int(more), ident)
        out.append(ip6(source, target, raw(after, body[begin:begin + size]), ttl=packet[7], extensions=[(FRAGMENT, head)]))
    return out


VNET_HEADER = 10


def completed(data: bytes) -> bytes:
    """A captured frame as it is on the wire: a checksum left to the driver is filled in. Those of GSO packets are made
    later."""
    flags, gso, _, _, start, offset = struct.unpack_from("=BBHHHH", data)
    frame = data[VNET_HEADER:]
    place = start + offset
    if not flags & 1 or gso or place + 2 > len(frame):
        return frame
    if offset == 8 and frame[12:14] == b"\x08\x00" and frame[23] == SCTP:
        return frame[:place] + struct.pack("<I", crc32c(frame[start:place] + bytes(4) + frame[place + 4:])) + frame[place + 4:]
    return frame[:place] + struct.pack("!H", internet_checksum(frame[start:]) or 0xFFFF) + frame[place + 2:]
