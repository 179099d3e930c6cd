# SPDX-License-Identifier: GPL-2.0-or-later
"""Every command and every configuration of the guides in etc/doc, carried out on a cluster like the one they describe.

A block of a guide says after its language where it is run: "sh d1,d2", and whether until it succeeds: "sh c1 until";
"toml d1:/etc/lvsd/lvsd.toml" is a file. The nodes share one file system except for what lvsd has of its own; a stand-in
for systemctl starts, reloads and stops lvsd there as the unit would.
"""

import json
import re
import shlex
import subprocess
from dataclasses import dataclass
from pathlib import Path

import pytest

from labkit.paths import ROOT
from labkit.topology import CLIENT, DIRECTOR, SERVER, Link, Node, Topology
from labkit.waiting import wait_for

LAB = {"kernels": ["6.1"], "timeout": 900}

GUIDES = {path.stem: path for path in sorted((ROOT / "etc/doc").glob("*.md"))}
BLOCK = re.compile(r"^```(\w+)(?: +(\S+)( until)?)?\n(.*?)^```$", re.MULTILINE | re.DOTALL)
PRIVATE = ("/etc/lvsd", "/run/lvsd", "/var/lib/lvsd")

# Lines that cannot be carried out in a namespace, and the test that does.
ELSEWHERE = dict.fromkeys(("apt install ./lvsd_*_amd64.deb ipvsadm", "apt install ./lvsd_*_amd64.deb",
                           "apt install ./lvsd-ipvs-dkms_*_all.deb linux-headers-amd64", "lvsd-ipvs use lvsd",
                           "lvsd-ipvs status", "lvsd-ipvs use stock"), "lab_tests/test_packages.py")

SYSTEMCTL = """#!/bin/bash
set -e
case "$*" in
*"enable --now lvsd"* | "start lvsd") ;;
"reload lvsd") lvsd --check && kill -HUP $(cat /run/lvsd/pid); exit ;;
"restart lvsd") $0 stop lvsd ;;
"stop lvsd") kill $(cat /run/lvsd/pid); while kill -0 $(cat /run/lvsd/pid) 2>/dev/null; do read -rt 0.05 <> <(:) || :; done; exit ;;
"is-active lvsd") kill -0 $(cat /run/lvsd/pid) && echo active; exit ;;
*) echo "this stand-in does not know: systemctl $*" >&2; exit 1 ;;
esac
lvsd --check
setsid lvsd --config /etc/lvsd/lvsd.toml >>/var/lib/lvsd/journal 2>&1 &
echo $! > /run/lvsd/pid
"""
JOURNALCTL = "#!/bin/sh\ncat /var/lib/lvsd/journal\n"


@dataclass
class Block:
    language: str
    nodes: list[str]
    path: str
    until: bool
    text: str


def blocks(guide: Path) -> list[Block]:
    found = []
    for language, place, until, text in BLOCK.findall(guide.read_text()):
        if language == "text":
            continue
        nodes, _, path = place.partition(":")
        assert nodes, f"{guide.name}: a block of {language} does not say where it is run:\n{text}"
        found.append(Block(language, nodes.split(","), path, bool(until), text))
    return found


def lan(number: int) -> Link:
    return Link("lan", (f"192.0.2.{number}/24", f"2001:db8::{number:x}/64"))


def inside(number: int) -> Link:
    return Link("inside", (f"10.0.0.{number}/24",))


def far(number: int) -> Link:
    return Link("far", (f"198.51.100.{number}/24",))


CLIENTS = (Node("c1", CLIENT, (lan(200),)),)
TOPOLOGIES = {
    "dr": Topology(("lan",), tuple(Node(f"d{n}", DIRECTOR, (lan(1 + n),)) for n in (1, 2)) +
                   tuple(Node(f"s{n}", SERVER, (lan(10 + n),)) for n in (1, 2)) + CLIENTS),
    "nat": Topology(("lan", "inside"), tuple(Node(f"d{n}", DIRECTOR, (lan(1 + n), inside(1 + n))) for n in (1, 2)) +
                    tuple(Node(f"s{n}", SERVER, (inside(10 + n),)) for n in (1, 2)) + CLIENTS),
    "tun": Topology(("lan", "far"),
                    tuple(Node(f"d{n}", DIRECTOR, (lan(1 + n),), routes=("default via 192.0.2.1",)) for n in (1, 2)) +
                    tuple(Node(f"s{n}", SERVER, (far(10 + n),), routes=("default via 198.51.100.1",)) for n in (1, 2)) +
                    (Node("r1", "router", (lan(1), far(1)), sysctls={"net.ipv4.ip_forward": 1}),) + CLIENTS),
}


class Reader:
    """Somebody who does what the guide says, on every machine."""

    def __init__(self, cluster):
        self.cluster = cluster
        for node in cluster.nodes.values():
            for place in PRIVATE:
                self.at(node, place).mkdir(parents=True)
            for name, text in (("systemctl", SYSTEMCTL), ("journalctl", JOURNALCTL)):
                tool = node.directory / "bin" / name
                tool.parent.mkdir(exist_ok=True)
                tool.write_text(text)
                tool.chmod(0o755)

    def at(self, node, path: str) -> Path:
        """Where a file of the node is for us."""
        for place in PRIVATE:
            if path.startswith(place):
                return node.directory / "own" / path[1:]
        return Path(path)

    def write(self, name: str, path: str, text: str) -> None:
        place = self.at(self.cluster[name], path)
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_text(text)

    def type(self, name: str, text: str, check: bool = True):
        node = self.cluster[name]
        binds = "\n".join(f"mkdir -p {place}; mount --bind {shlex.quote(str(self.at(node, place)))} {place}"
                          for place in PRIVATE)
        lines = "\n".join(line for line in text.splitlines() if line not in ELSEWHERE)
        script = f"set -e\nexport PATH={node.directory}/bin:$PATH\n{binds}\n{lines}\n"
        return node.run(["unshare", "-m", "--propagation", "private", "bash", "-c", script], check=check)

    def follow(self, block: Block) -> None:
        for name in block.nodes:
            if block.path:
                self.write(name, block.path, block.text)
            elif block.until:
                wait_for(lambda: self.type(name, block.text, check=False).returncode == 0, 60,
                         f"on {name}:\n{block.text}", interval=0.3)
            else:
                self.type(name, block.text)


def topology_of(guide: Path) -> Topology | None:
    found = re.match(r"<!-- cluster: (\w+) -->", guide.read_text())
    return TOPOLOGIES[found[1]] if found else None


@pytest.fixture
def reader(make_cluster, request):
    cluster = make_cluster(topology_of(GUIDES[request.param]))
    for server in cluster.with_role(SERVER):
        server.start("web", ["lab-load", "echo", "--listen", "0.0.0.0:80", "--listen", "[::]:80", "--id", server.name])
    yield Reader(cluster), GUIDES[request.param]
    for node in cluster.nodes.values():
        node.kill_all()


WITH_COMMANDS = [name for name, path in GUIDES.items() if topology_of(path)]


@pytest.mark.limit(400)
@pytest.mark.parametrize("reader", WITH_COMMANDS, indirect=True)
def test_the_guide_works(reader):
    person, guide = reader
    for block in blocks(guide):
        person.follow(block)


@pytest.mark.parametrize("name", GUIDES)
def test_the_guide_points_to_files_that_exist(name):
    for target in re.findall(r"\]\(([^)#]+)", GUIDES[name].read_text()):
        assert "://" in target or (GUIDES[name].parent / target).exists(), target


def test_no_guide_without_a_cluster_has_commands():
    for name, path in GUIDES.items():
        assert name in WITH_COMMANDS or not blocks(path), name


def test_every_setting_named_for_keepalived_users_exists():
    described = json.loads(subprocess.run(["lvsd", "--print-schema"], stdout=subprocess.PIPE, check=True).stdout)
    known = set(re.findall(r'"(\w+)": \{', json.dumps(described)))
    counterparts = GUIDES["from-keepalived"].read_text().partition("What has no counterpart")[0]
    rows = [line for line in counterparts.splitlines() if line.startswith("| `")]
    named = {word for row in rows for code in re.findall(r"`([^`]+)`", row.split(" | ")[1])
             for word in re.findall(r"^\[?(\w+)", code)}
    assert len(rows) > 20 and named <= known, named - known
