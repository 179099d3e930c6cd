# SPDX-License-Identifier: GPL-2.0-or-later
"""From raw transcripts to comparable values. Runs on the host.

What two correct implementations may choose differently, or what the clock decides, is replaced by a word here:
identifications made by the kernel, hashed source ports and flow labels, hash order, remaining seconds (kept as
numbers under "expires", compared with a tolerance). Everything else stays.
"""

import ipaddress
import struct

import nl
import wire

GUE_PORTS = (6080, 6081, 6666)  # of our servers


def text_address(packed: bytes) -> str:
    return str(ipaddress.ip_address(packed))


def mac(packed: bytes) -> str:
    if packed[:2] == b"\x02\x04":
        return text_address(packed[2:])
    if packed[:2] == b"\x02\x06":
        return "2001:db8:" + packed[2:4].hex().lstrip("0") + "::" + packed[4:].hex().lstrip("0")
    if packed[:5] == bytes([2, 0, 0, 0, 0xDD]):
        return f"director{packed[5]}"
    return packed.hex(":")


def piece(protocol: int, data: bytes, first: bool) -> str:
    """A fragment's octets; the port that a tunnel hashes, and the sum that has it in, are the same for nobody."""
    if first and protocol == wire.UDP and len(data) >= 8 and struct.unpack_from("!H", data, 2)[0] in GUE_PORTS:
        return f"hashed {data[2:6].hex()} {'sum' if any(data[6:8]) else 'no sum'} {data[8:].hex()}"
    return data.hex()


class Frames:
    """Decodes the frames of one case; `known` are the IPv4 identifications that the case itself has sent."""

    def __init__(self):
        self.known = set()
        self.arps = set()

    def sent(self, packets: list[str]) -> None:
        for text in packets:
            packet = bytes.fromhex(text)
            if len(packet) >= 20 and packet[0] >> 4 == 4:
                self.known.add(packet[4:6])
            elif len(packet) >= 48 and packet[6] == wire.FRAGMENT:
                self.known.add(packet[44:48])

    def frame(self, text: str):
        """A comparable form, or None for what belongs to no case (neighbour and group housekeeping)."""
        data = bytes.fromhex(text)
        vnet, frame = struct.unpack_from("=BBHHHH", data), wire.completed(data)
        kind, body = frame[12:14], frame[14:]
        out = {"to": mac(frame[:6]), "from": mac(frame[6:12])}
        if vnet[1]:
            out["gso"] = {"type": vnet[1], "size": vnet[3]}
        partial = bool(vnet[0] & 1 and vnet[1])
        if kind == b"\x08\x06":
            key = body.hex()
            if key in self.arps:
                return None
            self.arps.add(key)
            return {"arp": text_address(body[24:28])}
        if kind == b"\x08\x00":
            return {**out, **self.ip4(body, partial)}
        if kind == b"\x86\xdd":
            decoded = self.ip6(body, partial)
            return {**out, **decoded} if decoded else None
        return {**out, "type": kind.hex(), "data": body.hex()}

    def any_ip(self, data: bytes, partial: bool, whole: bool = True) -> dict:
        if len(data) >= 20 and data[0] >> 4 == 4:
            return self.ip4(data, partial, whole)
        if len(data) >= 40 and data[0] >> 4 == 6:
            return self.ip6(data, partial, whole) or {"neighbour": True}
        return {"data": data.hex()}

    def ip4(self, data: bytes, partial: bool, whole: bool = True) -> dict:
        length = (data[0] & 15) * 4
        _, tos, total, _, fragment, ttl, protocol, _ = struct.unpack_from("!BBHHHBBH", data)
        ident = data[4:6]
        out = {"src": text_address(data[12:16]), "dst": text_address(data[16:20]), "tos": tos, "ttl": ttl,
               "id": ident.hex() if ident in self.known else "0" if ident == b"\0\0" else "new",
               "fragment": fragment, "proto": protocol, "total": total}
        if length > 20:
            out["options"] = data[20:length].hex()
        if wire.fold(data[:length]) != 0xFFFF:
            out["ip_checksum"] = "bad"
        if whole and total != len(data):
            out["captured"] = len(data)
        body = data[length:total]
        if fragment & 0x3FFF:
            return {**out, "data": piece(protocol, body, not fragment & 0x1FFF)}
        return {**out, **self.transport(protocol, body, data[12:16], data[16:20], partial, whole)}

    def ip6(self, data: bytes, partial: bool, whole: bool = True) -> dict | None:
        word, total, after, ttl = struct.unpack_from("!IHBB", data)
        out = {"src": text_address(data[8:24]), "dst": text_address(data[24:40]), "tos": word >> 20 & 255,
               "label": "set" if word & 0xFFFFF else "0", "ttl": ttl, "total": total}
        body, extensions = data[40:40 + total], []
        if whole and total + 40 != len(data):
            out["captured"] = len(data)
        fragmented = first = False
        while after in (wire.HOP_BY_HOP, wire.ROUTING, wire.DESTINATION, wire.FRAGMENT) and len(body) >= 8:
            size = 8 if after == wire.FRAGMENT else 8 * (body[1] + 1)
            content = body[1:size].hex()
            if after == wire.FRAGMENT:
                content = content[:6] + (body[4:8].hex() if body[4:8] in self.known else "new")
            extensions.append(f"{after}:{content}")
            if after == wire.FRAGMENT:
                where = struct.unpack_from("!H", body, 2)[0]
                fragmented, first = bool(where & 0xFFF9), not where & 0xFFF8
            after, body = body[0], body[size:]
        if extensions:
            out["extensions"] = extensions
        out["proto"] = after
        if after == wire.ICMP6 and body[:1] and 130 <= body[0] <= 143 and body[0] not in (138, 139, 140):
            return None
        if fragmented:
            return {**out, "data": piece(after, body, first)}
        return {**out, **self.transport(after, body, data[8:24], data[24:40], partial, whole)}

    def transport(self, protocol: int, data: bytes, source: bytes, target: bytes, partial: bool, whole: bool) -> dict:
        decoders = {wire.TCP: self.tcp, wire.UDP: self.udp, wire.SCTP: self.sctp, wire.ICMP: self.icmp,
                    wire.ICMP6: self.icmp, wire.GRE: self.gre}
        if protocol in (wire.IPIP, wire.IPV6):
            return {"inner": self.any_ip(data, partial)}
        if protocol not in decoders or len(data) < 8:
            return {"data": data.hex()}
        try:
            out = decoders[protocol](data, whole)
        except (IndexError, struct.error):  # cut short or mangled, as quotations may be: then its octets are compared
            return {"data": data.hex()}
        if not whole or protocol == wire.GRE:
            return out
        return {**out, "checksum": _verdict(protocol, data, source, target, partial)}

    def tcp(self, data: bytes, _whole: bool) -> dict:
        if len(data) < 20:
            return {"ports": struct.unpack_from("!HH", data), "data": data[4:].hex()}
        sport, dport, seq, ack, words, flags, window, _, urgent = struct.unpack_from("!HHIIBBHHH", data)
        return {"sport": sport, "dport": dport, "seq": seq, "ack": ack, "flags": flags, "window": window,
                "urgent": urgent, "options": data[20:(words >> 4) * 4].hex(), "data": data[(words >> 4) * 4:].hex()}

    def udp(self, data: bytes, whole: bool) -> dict:
        sport, dport, length, checksum = struct.unpack_from("!HHHH", data)
        body = data[8:]
        out = {"sport": sport, "dport": dport, "length": length, "data": body.hex()}
        if not checksum:
            out["no_checksum"] = True
        if dport in GUE_PORTS:
            out.update(sport="hashed" if sport else 0, gue=body[:4].hex(), data="",
                       inner=self.any_ip(body[4 * (1 + (body[0] & 31)):], False, whole))
            options = body[4:4 * (1 + (body[0] & 31))]
            if options:
                out["gue_options"] = options.hex()
        return out

    def sctp(self, data: bytes, _whole: bool) -> dict:
        sport, dport, tag = struct.unpack_from("!HHI", data)
        return {"sport": sport, "dport": dport, "tag": tag, "chunks": data[12:].hex()}

    def icmp(self, data: bytes, _whole: bool) -> dict:
        kind, code, _, rest = struct.unpack_from("!BBHI", data)
        return {"type": kind, "code": code, "rest": rest, "quotes": self.any_ip(data[8:], False, whole=False)}

    def gre(self, data: bytes, _whole: bool) -> dict:
        flags, kind = struct.unpack_from("!HH", data)
        offset = 4 + (4 if flags & 0x8000 else 0) + (4 if flags & 0x2000 else 0) + (4 if flags & 0x1000 else 0)
        verdict = {} if not flags & 0x8000 else {"gre_checksum": "good" if wire.fold(data) == 0xFFFF else "bad"}
        return {"gre": flags, "kind": kind, **verdict, "inner": self.any_ip(data[offset:], False)}


def _verdict(protocol: int, data: bytes, source: bytes, target: bytes, partial: bool) -> str:
    """good, bad, absent or partial: what is to be completed by the driver is right if it is the pseudo header's sum."""
    if protocol == wire.SCTP:
        return "good" if wire.crc32c(data[:8] + b"\0\0\0\0" + data[12:]) == struct.unpack_from("<I", data, 8)[0] else "bad"
    if protocol == wire.ICMP:
        return "good" if wire.fold(data) == 0xFFFF else "bad"
    start = wire.pseudo(source, target, protocol, len(data))
    place = {wire.TCP: 16, wire.UDP: 6, wire.ICMP6: 2}[protocol]
    value = struct.unpack_from("!H", data, place)[0] if len(data) >= place + 2 else None
    if partial and value == start:
        return "partial"
    if protocol == wire.UDP and value == 0:
        return "absent"
    return "good" if wire.fold(data, start) == 0xFFFF else "bad"


# Netlink

SERVICE_NAMES = {1: "af", 2: "protocol", 3: "addr", 4: "port", 5: "fwmark", 6: "sched", 7: "flags", 8: "timeout",
                 9: "netmask", 10: "stats", 11: "pe", 12: "stats64"}
DEST_NAMES = {1: "addr", 2: "port", 3: "method", 4: "weight", 5: "u_thresh", 6: "l_thresh", 7: "active",
              8: "inactive", 9: "persist", 10: "stats", 11: "family", 12: "stats64", 13: "tun_type", 14: "tun_port",
              15: "tun_flags"}
STATS_NAMES = {1: "conns", 2: "inpkts", 3: "outpkts", 4: "inbytes", 5: "outbytes", 6: "cps", 7: "inpps", 8: "outpps",
               9: "inbps", 10: "outbps"}
RATES = {"cps", "inpps", "outpps", "inbps", "outbps"}
NESTS = {1: ("service", SERVICE_NAMES), 2: ("dest", DEST_NAMES)}


def statistics(data: bytes, late: bool) -> list:
    """Names and lengths always; values where they are due, and never rates, which depend on the moment."""
    out = []
    for kind, value in nl.parse(data):
        name = STATS_NAMES.get(kind, str(kind))
        out.append([name, len(value), int.from_bytes(value, "little") if late and name not in RATES else "..."])
    return out


def reply(body: bytes, late: bool) -> dict:
    command, version, reserved = struct.unpack_from("=BBH", body)
    out = {"command": command, "version": version, "reserved": reserved, "attributes": []}
    for kind, value in _flagged(body[4:]):
        name, names = NESTS.get(kind, (kind, None)) if command in (1, 5) else (kind, None)
        if not names:
            out["attributes"].append([name, value.hex()])
            continue
        inner = []
        for number, content in _flagged(value):
            label = names.get(number, number)
            is_stats = label in ("stats", "stats64")
            # By the time of the late look some connections have run out.
            gone = late and label in ("active", "inactive", "persist")
            inner.append([label, statistics(content, late) if is_stats else "..." if gone else content.hex()])
        out["attributes"].append([name, inner])
    return out


def _flagged(data: bytes):
    """Attributes with their type as it stands, NLA_F_NESTED included: it must not be set."""
    out = []
    while len(data) >= 4:
        length, kind = struct.unpack_from("=HH", data)
        if length < 4:
            break
        out.append((kind, data[4:length]))
        data = data[(length + 3) & ~3:]
    return out


# Text files

def services_file(text: str) -> dict:
    """/proc/net/ip_vs: the order of services is that of a hash, the order of servers is not."""
    lines = text.splitlines()
    blocks: list[list[str]] = []
    for line in lines[3:]:
        if line.startswith("  ->") and blocks:
            blocks[-1].append(line)
        else:
            blocks.append([line])
    return {"header": lines[:3], "services": {block[0]: block[1:] for block in sorted(blocks)}}


def connections_file(text: str, column: int) -> dict:
    lines = text.splitlines()
    entries = []
    for line in lines[1:]:
        words = line.split()
        expires = int(words[column])
        before, _, after = line.rpartition(words[column]) if len(words) == column + 1 else (line, "", "")
        entries.append({"entry": " ".join(words[:column] + words[column + 1:]), "expires": expires,
                        "width": len(before) + len(words[column]) + len(after)})
    entries.sort(key=lambda entry: (entry["entry"], entry["expires"]))
    return {"header": lines[:1], "entries": entries}


def percpu_file(text: str) -> dict:
    """The live counters, all CPUs together; the sampled total and the rates are not for this moment."""
    lines = text.splitlines()
    end = next(index for index, line in enumerate(lines) if line.split()[:1] == ["~"])
    rows = [[int(word, 16) for word in line.split()] for line in lines[2:end]]
    return {"header": lines[:2], "cpus": [row[0] for row in rows], "sum": [sum(column) for column in zip(*rows)][1:],
            "widths": [len(line) for line in lines[2:]], "rates_header": lines[end + 2]}


def stats_file(text: str) -> dict:
    lines = text.splitlines()
    return {"header": lines[:2], "counters": lines[2], "between": lines[3:5], "rates_width": len(lines[5])}


def proc_file(name: str, text: str):
    if "\n" not in text:
        return text
    if name == "ip_vs":
        return services_file(text)
    if name == "ip_vs_conn":
        return connections_file(text, 8)
    if name == "ip_vs_conn_sync":
        return connections_file(text, 9)
    if name == "ip_vs_stats_percpu":
        return percpu_file(text)
    return stats_file(text) if name == "ip_vs_stats" else text


def ipvsadm_output(words: str, text: str):
    if "-L" in words and "c" in words.split()[0] and not words.startswith("-L --"):
        return _listed_connections(text)
    if "--stats" in words or "--rate" in words:
        # Counters read now may be a sample of up to two seconds ago: the layout is what counts here.
        return [" ".join(line.split()[:2]) for line in text.splitlines()]
    return _sorted_blocks(text.splitlines())


def _sorted_blocks(lines: list[str]) -> list[str]:
    """Services in one order, each followed by its servers in theirs: ipvsadm leaves marks in that of the dump."""
    blocks: list[list[str]] = []
    for line in lines:
        if line.startswith(("  ->", "-a ")) and blocks:
            blocks[-1].append(line)
        else:
            blocks.append([line])
    return [line for block in sorted(blocks) for line in block]


def _listed_connections(text: str) -> list:
    rows = []
    for line in text.splitlines():
        words = line.split()
        if len(words) > 2 and ":" in words[1] and words[1].replace(":", "").isdigit():
            minutes, seconds = words[1].rsplit(":", 1)
            rows.append({"entry": " ".join(words[:1] + words[2:]), "expires": int(minutes) * 60 + int(seconds)})
        else:
            rows.append({"entry": line, "expires": 0})
    return sorted(rows, key=lambda row: (row["entry"], row["expires"]))


# A whole case

def record(raw: dict, frames: Frames, late: bool) -> dict:
    out = {key: value for key, value in raw.items() if key != "at"}
    if raw["op"] == "genl":
        decoded = [[mode, reply(bytes.fromhex(body), late)] for mode, body in raw["replies"]]
        if raw["command"] == 4 and raw["dump"]:
            decoded.sort(key=lambda item: str(item[1]["attributes"][0][1][:4]))
        out["replies"] = decoded
    elif raw["op"] == "send":
        if raw["note"] != "frame":
            frames.sent(raw["sent"])
        seen = [(link, frames.frame(text)) for link, text in raw["out"]]
        out["out"] = [{"link": link, **fields} for link, fields in seen if fields is not None]
    elif raw["op"] == "proc":
        out["text"] = proc_file(raw["name"], raw["text"])
    elif raw["op"] == "ipvsadm":
        out["out"] = ipvsadm_output(raw["words"], raw["out"])
    return out


def records(raw: list[dict]) -> list[dict]:
    """All records of a case. The dumps at its end come in hash order; they are sorted by what they were asked for."""
    frames, late, out, run = Frames(), False, [], []
    for item in raw:
        if item["op"] == "mark":
            late = item["what"] == "late"
        decoded = record(item, frames, late)
        if item["op"] == "genl" and item["command"] == 8 and item["dump"]:
            run.append(decoded)
            continue
        out += sorted(run, key=lambda entry: entry["sent"])
        run = []
        out.append(decoded)
    return out + sorted(run, key=lambda entry: entry["sent"])
