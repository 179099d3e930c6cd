# SPDX-License-Identifier: GPL-2.0-or-later
"""lvsd on our own module, and the module as the tools see it."""

import subprocess
from pathlib import Path

LAB = {"ipvs": "bundled"}


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


def test_it_goes_and_comes_back():
    sh("ipvsadm -C; for m in $(ls /sys/module | grep '^ip_vs_'); do rmmod $m; done; rmmod xt_ipvs 2>/dev/null; rmmod ip_vs")
    assert not Path("/proc/net/ip_vs").exists()
    assert "ip_vs_conn" not in Path("/proc/slabinfo").read_text()
    sh("modprobe ip_vs")
    assert Path("/sys/module/ip_vs/version").read_text().startswith("lvsd")
    assert not [line for line in sh("dmesg").splitlines() if "WARNING" in line or "BUG:" in line]
