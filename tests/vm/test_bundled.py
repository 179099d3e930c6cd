# SPDX-License-Identifier: GPL-2.0-or-later
"""lvsd on our own module, and the module as the tools see it."""

import subprocess
import sys
from pathlib import Path

import pytest

from labkit import ipvs_modules

LAB = {"ipvs": "bundled", "memory": 2048}
TESTS = Path(__file__).resolve().parents[1]


def sh(command):
    return subprocess.run(command, shell=True, check=True, text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT).stdout


def test_anyone_can_tell_which_module_is_loaded():
    assert Path("/sys/module/ip_vs/version").read_text().startswith("lvsd")
    sh("modprobe ip_vs_wlc; modprobe ip_vs_sh; modprobe xt_ipvs")
    assert Path("/sys/module/ip_vs/version").read_text().startswith("lvsd")


def test_the_example_of_the_lvs_documentation():
    sh("ipvsadm -A -t 207.175.44.110:80 -s rr; ipvsadm -a -t 207.175.44.110:80 -r 192.168.10.1:80 -m;"
       "ipvsadm -a -t 207.175.44.110:80 -r 192.168.10.2:80 -m")
    saved = sh("ipvsadm -Sn")
    assert saved == ("-A -t 207.175.44.110:80 -s rr\n"
                     "-a -t 207.175.44.110:80 -r 192.168.10.1:80 -m -w 1\n"
                     "-a -t 207.175.44.110:80 -r 192.168.10.2:80 -m -w 1\n")
    shown = sh("ipvsadm -Ln")
    assert "TCP  207.175.44.110:80 rr\n" in shown and "-> 192.168.10.1:80              Masq    1" in shown
    sh("ipvsadm -C")
    assert sh("ipvsadm -Sn") == ""


@pytest.fixture
def two_ends():
    """A director `near` and a server `far`, in namespaces of their own."""
    sh("ip netns add near; ip netns add far; ip link add to0 netns near type veth peer name to1 netns far;"
       "for n in near far; do ip -n $n link set lo up; done; ip -n near link set to0 up; ip -n far link set to1 up;"
       "ip -n near addr add 192.0.2.1/32 dev lo; ip -n near addr add 2001:db8:f::1/128 dev lo nodad;"
       "ip -n near addr add 10.0.1.1/24 dev to0; ip -n far addr add 10.0.1.2/24 dev to1;"
       "ip -n near addr add 2001:db8:1::1/64 dev to0 nodad; ip -n far addr add 2001:db8:1::2/64 dev to1 nodad")
    yield
    sh("ip netns del near; ip netns del far")


@pytest.mark.parametrize("vip, server", [("192.0.2.1", "10.0.1.2"), ("[2001:db8:f::1]", "[2001:db8:1::2]")])
@pytest.mark.parametrize("method", ["-m", "-g", "-i"])
@pytest.mark.limit(300)
def test_a_link_goes_while_servers_are_behind_it(two_ends, vip, server, method):
    """The route that a server keeps must not hold the device: `ip link del` waits until nothing does."""
    sh(f"ip netns exec near ipvsadm -A -u {vip}:80; ip netns exec near ipvsadm -a -u {vip}:80 -r {server}:80 {method}")
    sh(f"ip netns exec near bash -c 'echo x > /dev/udp/{vip.strip('[]')}/80'")
    assert "80" in sh("ip netns exec near ipvsadm -Lnc").splitlines()[-1]
    subprocess.run(["ip", "-n", "near", "link", "del", "to0"], check=True, timeout=60)
    assert "waiting for to0" not in sh("dmesg")


@pytest.mark.limit(300)
def test_generation_events_and_batches():
    """Of our second family; without services in this namespace, and none are left."""
    sh("ipvsadm -C")
    told = sh(f"{sys.executable} {TESTS}/kmod/events_check.py")
    assert "FAIL" not in told and told.count("ok ") > 30, told


@pytest.mark.limit(300)
def test_batches_under_traffic():
    assert "none of them lost" in sh(f"{sys.executable} {TESTS}/kernel/batches.py --seconds 4")


def test_it_goes_and_comes_back():
    sh("ipvsadm -C")
    assert ipvs_modules.unload()
    assert not Path("/proc/net/ip_vs").exists()
    assert "ip_vs_conn" not in Path("/proc/slabinfo").read_text()
    sh("modprobe ip_vs")
    assert Path("/sys/module/ip_vs/version").read_text().startswith("lvsd")
    assert not [line for line in sh("dmesg").splitlines() if "WARNING" in line or "BUG:" in line]
