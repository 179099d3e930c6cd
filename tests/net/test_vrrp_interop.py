# SPDX-License-Identifier: GPL-2.0-or-later
"""With others: FRR's vrrpd and Debian's keepalived with its virtual MAC. The plain cases with keepalived are in
test_vrrp.py."""

import json
import os
import shutil
import signal
import subprocess
import tempfile
from pathlib import Path

import pytest

from labkit import topology
from labkit.paths import bin_dir
from labkit.waiting import wait_for

LAB = {"when": "whole"}

BIN = Path(os.environ.get("LVSD_BIN", bin_dir()))
DIRECTORS = topology.dr(directors=2, servers=0, clients=1)
VIP, VIP6 = DIRECTORS.vip, DIRECTORS.vip6
FRR = Path("/usr/lib/frr")
MACS = {4: "00:00:5e:00:01:33", 6: "00:00:5e:00:02:33"}


class Ours:
    def __init__(self, node, priority, version, family, virtual_mac, *options):
        self.node, self.address = node, VIP if family == 4 else VIP6
        words = [BIN / "vrrp_node", "--interface", "eth0", "--vrid", "51", "--priority", priority, "--version", version,
                 "--interval", "1s" if version == 2 else "100ms", "--address",
                 f"{VIP}/24" if family == 4 else f"{VIP6}/64", *(["--virtual-mac"] if virtual_mac else []),
                 *options]
        self.process = node.start("ours", words)

    def is_master(self):
        return self.address in self.node.addresses()

    def stop(self):
        self.process.stop()


class Keepalived:
    """With a virtual MAC: a device of its own, private, up whether master or not."""

    def __init__(self, node, priority, version, family):
        self.node, self.address = node, VIP if family == 4 else VIP6
        config = node.directory / "keepalived.conf"
        config.write_text(f"global_defs {{\n vrrp_version {version}\n}}\nvrrp_instance r {{\n state BACKUP\n"
                          f" interface eth0\n use_vmac\n virtual_router_id 51\n priority {priority}\n"
                          f" advert_int {1 if version == 2 else 0.1}\n virtual_ipaddress {{\n"
                          f" {self.address}/{24 if family == 4 else 64}\n }}\n}}\n")
        pids = [node.directory / name for name in ("k.pid", "v.pid")]
        for pid in pids:
            pid.unlink(missing_ok=True)
        self.process = node.start("keepalived", ["keepalived", "-n", "-l", "-P", "-f", config, "-p", pids[0], "-r",
                                                 pids[1]])

    def is_master(self):
        return self.address in self.node.addresses()

    def stop(self):
        self.process.stop(signal.SIGTERM)


class Frr:
    """The device with the virtual MAC and the address is the administrator's; vrrpd takes its carrier away."""

    def __init__(self, node, priority, version, family):
        self.node, self.family = node, family
        address, length = (VIP, 24) if family == 4 else (VIP6, 64)
        node.run(["ip", "link", "add", "vrrp0", "link", "eth0", "address", MACS[family], "type", "macvlan", "mode",
                  "bridge"])
        node.run(["ip", "addr", "add", f"{address}/{length}", "dev", "vrrp0"])
        node.run(["ip", "link", "set", "vrrp0", "up"])
        self.directory = Path(tempfile.mkdtemp(prefix="lvsdlab-frr-"))  # its user must reach it
        (self.directory / "zebra.conf").write_text("")
        (self.directory / "vrrpd.conf").write_text(
            f"interface eth0\n vrrp 51 version {version}\n vrrp 51 priority {priority}\n"
            f" vrrp 51 advertisement-interval {1000 if version == 2 else 100}\n"
            f" vrrp 51 {'ip' if family == 4 else 'ipv6'} {address}\n")
        for path in (self.directory, *self.directory.iterdir()):
            shutil.chown(path, "frr", "frrvty")
        self.processes = [self.start("zebra")]
        wait_for(lambda: (self.directory / "zserv.api").exists(), 20, "zebra listens")
        self.processes.append(self.start("vrrpd"))

    def start(self, name):
        d = self.directory
        return self.node.start(name, [FRR / name, "-f", d / f"{name}.conf", "-z", d / "zserv.api", "-i",
                                      d / f"{name}.pid", "--vty_socket", d, "-P", "0"])

    def is_master(self):
        shown = self.node.run(["vtysh", "--vty_socket", self.directory, "-d", "vrrpd", "-c", "show vrrp json"]).stdout
        return json.loads(shown)[0][f"v{self.family}"]["status"] == "Master"

    def stop(self):
        for process in reversed(self.processes):
            process.stop(signal.SIGTERM)
        self.node.run(["ip", "link", "del", "vrrp0"])
        shutil.rmtree(self.directory, ignore_errors=True)


@pytest.fixture
def cluster(make_cluster):
    return make_cluster(DIRECTORS)


@pytest.fixture
def other():
    """Makes a peer; FRR's files go with the test."""
    made = []

    def make(kind, *arguments):
        made.append(kind(*arguments))
        return made[-1]

    yield make
    for peer in made:
        shutil.rmtree(getattr(peer, "directory", "/nonexistent"), ignore_errors=True)


def alone(one, two):
    wait_for(lambda: one.is_master() and not two.is_master(), 30, f"{type(one).__name__} alone is master")


def isolate(cluster, yes):
    for port in ("d1.0", "d2.0"):
        subprocess.run(["bridge", "-n", cluster.namespaces[0], "link", "set", "dev", port, "isolated",
                        "on" if yes else "off"], check=True)


CASES = [(kind, version, family, virtual_mac)
         for kind in (Frr, Keepalived) for version, family in ((3, 4), (3, 6), (2, 4)) for virtual_mac in (True, False)]
NAMES = [f"{kind.__name__.lower()}-v{version}-ipv{family}-{'virtual' if mac else 'own'}-mac"
         for kind, version, family, mac in CASES]


@pytest.mark.parametrize("kind,version,family,virtual_mac", CASES, ids=NAMES)
def test_mastership_moves_both_ways(cluster, other, kind, version, family, virtual_mac):
    theirs = other(kind, cluster["d1"], 100, version, family)
    wait_for(theirs.is_master, 30, "they are master")
    ours = Ours(cluster["d2"], 150, version, family, virtual_mac)
    alone(ours, theirs)
    ours.stop()
    wait_for(theirs.is_master, 30, "they are master again")
    assert not ours.is_master()
    ours = Ours(cluster["d2"], 100, version, family, virtual_mac)  # equal: the one that is master stays
    wait_for(lambda: "backup started" in ours.process.output(), 10, "we listen")
    assert theirs.is_master() and not ours.is_master()
    theirs.stop()
    wait_for(ours.is_master, 30, "we take over")


@pytest.mark.parametrize("ours_is_higher", (True, False), ids=("we-are-higher", "they-are-higher"))
@pytest.mark.parametrize("kind", (Frr, Keepalived))
def test_of_two_equal_masters_the_higher_address_stays(cluster, other, kind, ours_is_higher):
    """keepalived 2.2.7 says nothing while it hears faster adverts whose checksum it refuses, so ours has to be right before
    we heard it."""
    mine, its = ("d2", "d1") if ours_is_higher else ("d1", "d2")
    isolate(cluster, True)
    theirs = other(kind, cluster[its], 100, 3, 4)
    ours = Ours(cluster[mine], 100, 3, 4, True, "--checksum", "pseudo-header")
    wait_for(lambda: ours.is_master() and theirs.is_master(), 30, "two masters")
    isolate(cluster, False)
    alone(*((ours, theirs) if ours_is_higher else (theirs, ours)))
