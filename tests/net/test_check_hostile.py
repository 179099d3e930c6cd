# SPDX-License-Identifier: GPL-2.0-or-later
"""Servers that mean ill, through the whole daemon: one verdict each, and the worker's memory stays small.

What each kind says of each trick is in unit/checkers/hostile_test.cpp; here it is measured what it costs.
"""

from pathlib import Path

from labkit import topology
from labkit.director import Director
from labkit.waiting import wait_for

PEERS = Path(__file__).with_name("_peers.py")
OF_EACH = {"flood": 8, "drip": 3, "half": 3, "reset": 3}  # at a time


def frame(kind, stream, payload):
    return len(payload).to_bytes(3, "big") + bytes((kind, 0)) + stream.to_bytes(4, "big") + payload


SETTINGS = frame(4, 0, b"")
# name: (the check, how an honest server would begin, what is said over and over after it)
FLOODS = {
    "tcp": ('kind = "tcp", expect = "ready"', b"hello ", b"hello "),
    "headers": ('kind = "http"', b"HTTP/1.1 200 OK\r\n", b"X-More: and more\r\n"),
    "line": ('kind = "http"', b"HTTP/1.1 200 ", b"O"),
    "body": ('kind = "http", body = "not there"', b"HTTP/1.1 200 OK\r\n\r\n", b"x" * 4096),
    "length": ('kind = "http", body = "not there"', b"HTTP/1.1 200 OK\r\nContent-Length: 999999999999\r\n\r\n", b"x"),
    "pings": ('kind = "http", http = "2"', SETTINGS, frame(6, 0, b"12345678")),
    "continuations": ('kind = "http", http = "2"', SETTINGS + frame(1, 1, b"\x88"), frame(9, 1, b"\0\1x\5yyyyy")),
    "grpc": ('kind = "grpc"', SETTINGS, SETTINGS),
    "record": ('kind = "https", verify = false', b"\x16\x03\x03\x40\0\x02", b"z" * 4096),
    "smtp": ('kind = "smtp"', b"220-mx\r\n", b"220-and more\r\n"),
    "dns": ('kind = "dns", name = "example.org", protocol = "tcp"', b"\0\x0c", b"\0\x0c\xff\xff\x80\0\0\1\0\0\0\0\0\0"),
    "agent": ('kind = "agent"', b"u", b"p"),
}
FIRST_PORT = 7000


def memory(pid, which):
    """In MiB; VmHWM is the most there ever was."""
    line = next(line for line in Path(f"/proc/{pid}/status").read_text().splitlines() if line.startswith(which))
    return int(line.split()[1]) / 1024


def test_each_ends_in_a_verdict_and_in_little_memory(make_cluster):
    cluster = make_cluster(topology.dr(directors=1, servers=1, clients=0))
    server = cluster["s1"]
    text, words = "", []
    for place, (manner, name) in enumerate((manner, name) for manner in OF_EACH for name in FLOODS):
        check, polite, endless = FLOODS[name]
        words += [str(FIRST_PORT + place), manner, polite.hex(), endless.hex()]
        # Each keeps its place in the table: checks that differ run one by one.
        text += "".join(f"""
[virtual_service.{manner}-{name}-{number}]
address = "198.51.100.1:{100 * place + number + 1}"
servers = ["{server.address()}:{FIRST_PORT + place}"]
check = {{ {check}, interval = "{1000 + number}ms", timeout = "1s", rise = 1, fall = 1 }}
""" for number in range(OF_EACH[manner]))
    hostile = server.start("hostile", ["/usr/bin/python3", PEERS, "hostile", *words])
    wait_for(lambda: "ready" in hostile.output(), 30, "the servers listen")
    count = len(FLOODS) * sum(OF_EACH.values())
    director = Director(cluster["d1"], text).start()

    def results():
        return {service["name"]: service["servers"][0]["checks"][0] for service in director.status().get("services", [])}

    def all_judged():
        seen = results()
        return len(seen) == count and all(check["runs"] >= 3 for check in seen.values())

    wait_for(all_judged, 100, "every check has run three times")
    worker, = director.children("lvsd-checker")
    most = memory(worker, "VmHWM")
    print(f"the worker needed {most:.1f} MiB at most for {count} hostile servers")
    for name, check in results().items():
        assert check["state"] == "down" and check["reason"] and "not checked" not in check["reason"], (name, check)
        assert check["failures"] == check["runs"], (name, check)
        assert check["latency_us"] < 30_000_000, (name, check)
    assert most < 40
    assert director.status()["daemon"]["worker"]["restarts"] == 0


def test_memory_that_silent_servers_took_is_given_back(make_cluster):
    cluster = make_cluster(topology.dr(directors=1, servers=1, clients=0))
    server = cluster["s1"]
    silent = server.start("silent", ["/usr/bin/python3", PEERS, "silence", str(FIRST_PORT)])
    wait_for(lambda: "ready" in silent.output(), 30, "the server listens")

    def config(count):
        # Handshakes that stay open for seconds; checks that differ run one by one.
        return "[global]\nguard = 100\n" + "".join(f"""
[virtual_service.s{number}]
address = "198.51.100.1:{number + 1}"
servers = ["{server.address()}:{FIRST_PORT}"]
check = {{ kind = "https", verify = false, interval = "{4000 + number}ms", timeout = "3900ms", fall = 1 }}
""" for number in range(count))

    director = Director(cluster["d1"], config(1)).start()
    worker, = wait_for(lambda: director.children("lvsd-checker"), 20, "the worker runs")
    before = memory(worker, "RssAnon")
    director.accept(config(600))
    wait_for(lambda: memory(worker, "RssAnon") > before + 16, 30, "hundreds of handshakes are open")
    director.accept(config(1))
    wait_for(lambda: memory(worker, "RssAnon") < before + 8, 40, "their memory is given back")
    assert director.children("lvsd-checker") == [worker]
