# SPDX-License-Identifier: GPL-2.0-or-later
"""lvs_ipvs_io against the kernel's own IPVS, with ipvsadm as witness and as vandal.

Runs inside a virtual machine: tests/lab run --ipvs stock -- /usr/bin/python3 -m pytest tests/vm/test_ipvs_netlink.py
LVSD_BIN names the folder of the built programs; without it the newest build is used.
"""
import os
import pathlib
import select
import subprocess
import time

import pytest

from labkit import ipvs_modules

ROOT = pathlib.Path(__file__).resolve().parents[2]
SWITCH = pathlib.Path("/proc/sys/kernel/modprobe")


def keeper_path():
    if "LVSD_BIN" in os.environ:
        return pathlib.Path(os.environ["LVSD_BIN"]) / "ipvs_keeper"
    built = sorted(ROOT.glob("build/*/bin/ipvs_keeper"), key=lambda path: path.stat().st_mtime)
    return built[-1] if built else pathlib.Path("ipvs_keeper")


def kernel_has_ipvs():
    subprocess.run(["modprobe", "ip_vs"], capture_output=True)
    return pathlib.Path("/proc/net/ip_vs").exists()


pytestmark = pytest.mark.skipif(not kernel_has_ipvs(), reason="needs a kernel with IPVS: run it in tests/lab run")


def ipvsadm(*args, stdin=None):
    return subprocess.run(["ipvsadm", *args], input=stdin, check=True, capture_output=True, text=True).stdout


def rules():
    return sorted(ipvsadm("-Sn").splitlines())


def wait_for(condition, seconds=60):
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if condition():
            return
        time.sleep(0.02)
    assert condition(), "did not happen in time"


class Keeper:
    def __init__(self, state, interval_ms=3_600_000, *options):
        self.process = subprocess.Popen(
            [keeper_path(), str(state), str(interval_ms), *options], stdin=subprocess.PIPE, stdout=subprocess.PIPE, bufsize=0
        )
        self.text = b""
        self.lines = []

    def say(self, line):
        self.process.stdin.write(line.encode() + b"\n")

    def hear(self, first_word, seconds=120):
        """Lines up to and including the first that starts with the word."""
        heard, deadline = [], time.monotonic() + seconds
        while True:
            while b"\n" in self.text:
                line, self.text = self.text.split(b"\n", 1)
                heard.append(line.decode())
                if heard[-1].split()[0] == first_word:
                    return heard
            ready, _, _ = select.select([self.process.stdout], [], [], max(0, deadline - time.monotonic()))
            assert ready, f"no {first_word!r} in time, heard {heard}"
            more = os.read(self.process.stdout.fileno(), 65536)
            assert more, f"the program ended, heard {heard}"
            self.text += more

    def want(self, services, servers, weight):
        self.say(f"want {services} {servers} {weight}")
        return self.hear("settled", 300)

    def kill(self):
        self.process.kill()
        self.process.wait()


@pytest.fixture
def keeper(tmp_path):
    started = []

    def start(*args, state="owned"):
        started.append(Keeper(tmp_path / state, *args))
        return started[-1]

    ipvsadm("-C")
    yield start
    for one in started:
        one.kill()
    ipvsadm("-C")


FOREIGN = ["-A -t 203.0.113.1:443 -s rr", "-a -t 203.0.113.1:443 -r 10.9.0.1:443 -m -w 7"]


def add_foreign():
    ipvsadm("-A", "-t", "203.0.113.1:443", "-s", "rr")
    ipvsadm("-a", "-t", "203.0.113.1:443", "-r", "10.9.0.1:443", "-m", "-w", "7")


def test_writes_only_the_difference_and_leaves_foreign_services_alone(keeper):
    add_foreign()
    ipvsadm("-A", "-t", "198.18.0.0:80", "-s", "wlc")
    ipvsadm("-a", "-t", "198.18.0.0:80", "-r", "10.0.0.1:80", "-m", "-w", "5")
    ipvsadm("-a", "-t", "198.18.0.0:80", "-r", "10.0.0.9:80", "-m", "-w", "5")
    one = keeper()
    # set 10.0.0.1, add 10.0.0.2, delete 10.0.0.9; nothing about the service itself
    assert [line.split()[:2] for line in one.want(1, 2, 3)] == [["applied", "3"], ["settled"]]
    assert rules() == sorted(
        FOREIGN
        + ["-A -t 198.18.0.0:80 -s wlc", "-a -t 198.18.0.0:80 -r 10.0.0.1:80 -m -w 3", "-a -t 198.18.0.0:80 -r 10.0.0.2:80 -m -w 3"]
    )
    one.kill()
    assert keeper().want(1, 2, 3) == ["settled"], "what is there already is not written again"


def test_repairs_what_a_vandal_flushed(keeper):
    one = keeper(200)
    one.want(20, 3, 1)
    before = rules()
    assert len(before) == 80
    ipvsadm("-C")
    heard = one.hear("applied")
    assert heard[0] == "drifted 80" and heard[-1].startswith("applied 80 ")
    assert rules() == before
    ipvsadm("-e", "-t", "198.18.0.4:80", "-r", "10.0.0.2:80", "-m", "-w", "99")
    assert one.hear("applied")[0] == "drifted 1"
    assert rules() == before


def test_a_kill_leaves_nothing_the_next_run_does_not_reclaim(keeper):
    add_foreign()
    one = keeper()
    one.want(50, 2, 1)
    one.kill()
    assert len(rules()) == 150 + 2
    keeper().want(20, 2, 1)
    assert len(rules()) == 60 + 2
    assert set(FOREIGN) < set(rules())


def test_a_kill_in_the_middle_of_the_writing(keeper):
    add_foreign()
    for written in (3, 300, 1500):
        one = keeper()
        one.say("want 1000 3 1")
        wait_for(lambda: len(rules()) > written + 42)
        one.kill()
        last = keeper()
        last.want(10, 3, 1)
        assert len(rules()) == 40 + 2
        last.kill()


def test_stop_removes_ours_or_keeps_them(keeper):
    add_foreign()
    one = keeper()
    one.want(5, 2, 1)
    one.say("stop keep")
    one.hear("stopped")
    assert len(rules()) == 15 + 2
    two = keeper()
    two.want(5, 2, 1)
    two.say("stop remove")
    two.hear("stopped")
    assert rules() == sorted(FOREIGN)


def test_tells_the_kernels_version(keeper):
    one = keeper()
    one.say("info")
    assert one.hear("info")[-1].startswith("info 10201 ")


def unload():
    """Until the daemon lets go between two looks: it puts its table back as soon as it sees the loss."""
    ipvsadm("-C")
    return ipvs_modules.unload()


def test_a_module_taken_away_and_brought_back_under_its_feet(keeper):
    loader = SWITCH.read_text()
    one = keeper(500, "no-load")
    one.want(10, 2, 1)
    before = rules()
    try:
        SWITCH.write_text("/bin/false\n")
        wait_for(unload)
        said = one.hear("troubled")[-1]
        assert "the kernel has no IPVS: run `modprobe ip_vs`" in said
    finally:
        SWITCH.write_text(loader)
        subprocess.run(["modprobe", "ip_vs"], check=True)
    one.hear("recovered")
    assert rules() == before


def test_loads_the_module_by_itself(keeper):
    wait_for(unload)
    assert not pathlib.Path("/proc/net/ip_vs").exists()
    keeper().want(1, 1, 1)
    assert len(rules()) == 2


def test_two_thousand_services(keeper, record_property, capsys):
    started = time.monotonic()
    heard = keeper().want(2000, 3, 1)
    whole = time.monotonic() - started
    assert len(heard) == 2 and heard[0].startswith("applied 8000 ")
    lines = rules()
    assert len(lines) == 8000
    two = keeper()
    started = time.monotonic()
    assert two.want(2000, 3, 1) == ["settled"]
    look = time.monotonic() - started
    two.say("want 2000 3 2")
    assert two.hear("applied")[-1].startswith("applied 6000 ")
    ipvsadm("-C")
    started = time.monotonic()
    ipvsadm("-R", stdin="\n".join(sorted(lines, key=lambda line: line[1] != "A")) + "\n")
    theirs = time.monotonic() - started
    with capsys.disabled():
        print(f"\n2000 services x 3: written and read back {whole:.2f} s, looked at {look:.2f} s, ipvsadm -R {theirs:.2f} s")
