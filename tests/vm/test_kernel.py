# SPDX-License-Identifier: GPL-2.0-or-later
"""What every test in a machine relies on: IPVS and the modules of the booted kernel, in namespaces too."""

import os
import subprocess
from pathlib import Path

import pytest

from labkit import topology
from labkit.waiting import wait_for


def test_ipvs_is_loaded():
    assert Path("/proc/net/ip_vs").read_text().startswith("IP Virtual Server version")


@pytest.mark.parametrize("module", ["veth", "dummy", "pktgen", "sch_netem", "ip_vs_wrr", "macvlan"])
def test_modprobe_finds_the_kernels_own_modules(module):
    subprocess.run(["modprobe", module], check=True)
    assert Path("/sys/module", module).exists()


def test_the_usual_file_systems_are_there():
    for path in ("/proc/self", "/sys/class/net/lo", "/dev/null", "/dev/pts/ptmx", "/sys/kernel/debug/sched",
                 "/sys/kernel/tracing/trace", "/sys/fs/cgroup/cgroup.procs"):
        assert os.path.exists(path), path
    for directory in ("/tmp", "/run", "/var/lib", "/dev/shm", "/etc"):
        path = Path(directory, "lab-writes-here")
        path.write_text("x")
        path.unlink()


def test_ipvs_forwards_in_a_cluster_of_namespaces(make_cluster):
    """Direct routing by hand with ipvsadm: the whole path of the demo without lvsd."""
    cluster = make_cluster(topology.dr(directors=1, servers=2))
    vip, director, client = cluster.topology.vip, cluster["d1"], cluster["c1"]
    director.run(["ip", "addr", "add", f"{vip}/24", "dev", "eth0"])
    director.run(["ipvsadm", "-A", "-t", f"{vip}:80", "-s", "rr"])
    for server in cluster.with_role(topology.SERVER):
        server.start("web", ["lab-load", "echo", "--listen", "0.0.0.0:80", "--id", server.name])
        director.run(["ipvsadm", "-a", "-t", f"{vip}:80", "-r", f"{server.address()}:80", "-g"])
    answers = set()

    def both_have_answered() -> bool:
        answers.add(client.run(["curl", "-sS", "--max-time", "5", f"http://{vip}/"]).stdout.strip())
        return answers == {"s1", "s2"}

    wait_for(both_have_answered, 30, "both servers answer through the virtual address")
