# SPDX-License-Identifier: GPL-2.0-or-later
"""Clients as Debian ships them, and as container runtimes write them, on whichever IPVS the machine has."""

import contextlib
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from labkit.waiting import wait_for

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "kernel"))

import nl  # noqa: E402  (the path comes first)
from case import (DEST, FLUSH, GET_DEST, GET_SERVICE, NEW_DEST, NEW_SERVICE, SERVICE, SET_DEST, port, u16, u32)  # noqa: E402

VIP = "192.0.2.1"


@pytest.fixture
def namespace():
    name = f"parity{os.getpid()}"
    subprocess.run(["ip", "netns", "add", name], check=True)
    subprocess.run(["ip", "-n", name, "link", "set", "lo", "up"], check=True)
    subprocess.run(["ip", "-n", name, "route", "add", "local", "192.0.2.0/24", "dev", "lo"], check=True)
    subprocess.run(["ip", "-n", name, "route", "add", "10.0.0.0/8", "dev", "lo"], check=True)
    yield name
    subprocess.run(["ip", "netns", "del", name], check=True)


def ipvsadm(namespace: str, words: str) -> str:
    done = subprocess.run(["ip", "netns", "exec", namespace, "ipvsadm", *words.split()], stdout=subprocess.PIPE,
                          stderr=subprocess.PIPE, text=True)
    assert (done.returncode, done.stderr) == (0, ""), words
    return done.stdout


def test_the_example_of_the_documentation(namespace):
    ipvsadm(namespace, f"-A -t {VIP}:80 -s rr")
    ipvsadm(namespace, f"-a -t {VIP}:80 -r 10.0.1.11:80 -m")
    ipvsadm(namespace, f"-a -t {VIP}:80 -r 10.0.1.12:80 -m")
    listed = ipvsadm(namespace, "-Ln").splitlines()
    assert listed[0].startswith("IP Virtual Server version 1.2.1 (size=")
    assert listed[1:] == [
        "Prot LocalAddress:Port Scheduler Flags",
        "  -> RemoteAddress:Port           Forward Weight ActiveConn InActConn",
        "TCP  192.0.2.1:80 rr",
        "  -> 10.0.1.11:80                 Masq    1      0          0         ",
        "  -> 10.0.1.12:80                 Masq    1      0          0         ",
    ]
    assert ipvsadm(namespace, "-Sn").splitlines() == [
        "-A -t 192.0.2.1:80 -s rr", "-a -t 192.0.2.1:80 -r 10.0.1.11:80 -m -w 1", "-a -t 192.0.2.1:80 -r 10.0.1.12:80 -m -w 1"]


KEEPALIVED = """
global_defs {
    router_id parity
}
virtual_server 192.0.2.1 80 {
    lb_algo wrr
    lb_kind NAT
    protocol TCP
    persistence_timeout 50
    real_server 10.0.1.11 8080 {
        weight %d
    }
    real_server 10.0.1.12 8080 {
        weight 1
    }
}
virtual_server 192.0.2.1 53 {
    lb_algo sh
    lb_kind DR
    protocol UDP
    ops
    real_server 10.0.1.13 53 {
    }
}
virtual_server fwmark 7 {
    lb_algo mh
    lb_kind TUN
    real_server 10.0.1.14 0 {
        uthreshold 100
        lthreshold 50
    }
}
virtual_server 2001:db8::1 80 {
    lb_algo lc
    lb_kind DR
    protocol TCP
    real_server 2001:db8::2 80 {
    }
}
"""


def expected(weight: int) -> set[str]:
    return {"-A -t 192.0.2.1:80 -s wrr -p 50", f"-a -t 192.0.2.1:80 -r 10.0.1.11:8080 -m -w {weight}",
            "-a -t 192.0.2.1:80 -r 10.0.1.12:8080 -m -w 1", "-A -u 192.0.2.1:53 -s sh -o",
            "-a -u 192.0.2.1:53 -r 10.0.1.13:53 -g -w 1", "-A -f 7 -s mh", "-a -f 7 -r 10.0.1.14:0 -i -w 1 --tun-type ipip",
            "-A -t [2001:db8::1]:80 -s lc", "-a -t [2001:db8::1]:80 -r [2001:db8::2]:80 -g -w 1"}


@contextlib.contextmanager
def keepalived(namespace: str, folder: Path):
    command = ["ip", "netns", "exec", namespace, "keepalived", "--dont-fork", "--log-console", "--check", "--use-file",
               folder / "k.conf", "--pid", folder / "k.pid", "--checkers_pid", folder / "c.pid"]
    with open(folder / "log", "wb") as log:
        running = subprocess.Popen(command, stdout=log, stderr=log)
    try:
        yield running
    finally:
        running.kill()
        running.wait()


def test_keepalived_manages_it(namespace, tmp_path):
    subprocess.run(["ip", "-n", namespace, "addr", "add", "2001:db8::9/64", "dev", "lo", "nodad"], check=True)
    (tmp_path / "k.conf").write_text(KEEPALIVED % 3)

    def has(weight: int) -> bool:
        text = ipvsadm(namespace, "-Sn")
        return {line.replace(" --tun-type ipip", "").strip() for line in text.splitlines()} == {
            line.replace(" --tun-type ipip", "") for line in expected(weight)}

    with keepalived(namespace, tmp_path) as running:
        wait_for(lambda: has(3), 60, "keepalived has configured every service")
        (tmp_path / "k.conf").write_text(KEEPALIVED % 9)
        running.send_signal(signal.SIGHUP)
        wait_for(lambda: has(9), 60, "a reload has changed the weight")
        running.terminate()
        assert running.wait(60) == 0, (tmp_path / "log").read_text()
        assert ipvsadm(namespace, "-Sn") == ""


@pytest.fixture
def family(namespace):
    """The netlink family as seen in the namespace. Entering it is final for a process, so a thread of our own does."""
    import stage
    descriptor = os.open(f"/run/netns/{namespace}", os.O_RDONLY)
    here = os.open("/proc/thread-self/ns/net", os.O_RDONLY)
    stage.enter(descriptor)
    try:
        client = nl.Generic("IPVS")
    finally:
        stage.enter(here)
        os.close(descriptor)
        os.close(here)
    yield client
    client.close()


def runtime_key(number: int) -> list:
    return [(1, u16(2)), (2, u16(6)), (3, bytes([192, 0, 2, 1])), (4, port(number))]


def runtime_service(number: int) -> list:
    return runtime_key(number) + [(6, b"rr\0"), (7, u32(0) + u32(0xFFFFFFFF)), (8, u32(0)), (9, u32(0xFFFFFFFF))]


def runtime_server(last: int, weight: int) -> list:
    return [(1, bytes([10, 0, 1, last])), (2, port(8080)), (3, u32(0)), (4, u32(weight)), (5, u32(0)), (6, u32(0))]


def test_requests_of_container_runtimes(family, namespace):
    """An empty SERVICE nest in the dump, addresses of four octets, answers of sixteen, EEXIST and ESRCH as they expect."""
    assert family.ask(GET_SERVICE, [(SERVICE, b"")], nl.DUMP) == (0, [])
    assert family.ask(GET_SERVICE, [(SERVICE, runtime_key(80))])[0] == 3  # ESRCH
    assert family.ask(NEW_SERVICE, [(SERVICE, runtime_service(80))])[0] == 0
    assert family.ask(NEW_SERVICE, [(SERVICE, runtime_service(80))])[0] == 17  # EEXIST
    for last in (11, 12):
        pairs = [(SERVICE, runtime_key(80)), (DEST, runtime_server(last, 1))]
        assert family.ask(NEW_DEST, pairs)[0] == 0
        assert family.ask(NEW_DEST, pairs)[0] == 17
    _, services = family.ask(GET_SERVICE, [(SERVICE, b"")], nl.DUMP)
    nest = dict(nl.parse(dict(nl.parse(services[0][1][4:]))[SERVICE]))
    assert (len(services), nest[3], nest[4]) == (1, bytes([192, 0, 2, 1]).ljust(16, b"\0"), port(80))
    assert family.ask(SET_DEST, [(SERVICE, runtime_key(80)), (DEST, runtime_server(11, 0))])[0] == 0
    _, dests = family.ask(GET_DEST, [(SERVICE, runtime_key(80))], nl.DUMP)
    found = [dict(nl.parse(dict(nl.parse(body[4:]))[DEST])) for _, body in dests]
    assert [(each[1][:4], each[4]) for each in found] == [(bytes([10, 0, 1, 12]), u32(1)), (bytes([10, 0, 1, 11]), u32(0))]
    assert family.ask(GET_DEST, [(SERVICE, runtime_key(81))], nl.DUMP) == (0, [])
    assert family.ask(FLUSH)[0] == 0
    assert ipvsadm(namespace, "-Sn") == ""
