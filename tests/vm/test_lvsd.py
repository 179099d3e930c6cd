# SPDX-License-Identifier: GPL-2.0-or-later
"""The whole daemon on a kernel with IPVS: one director, three real servers, one client, direct routing."""

import os
import re
import signal
import subprocess

import pytest

from labkit import ipvs_modules, topology
from labkit.director import Director
from labkit.waiting import wait_for

LAB = {"timeout": 900}

CLUSTER = topology.dr(directors=1, servers=3)
VIP, VIP6 = CLUSTER.vip, CLUSTER.vip6
PORT = 80
FOREIGN = ["-t", "198.51.100.1:443"]  # a service of somebody else


@pytest.fixture
def cluster(make_cluster):
    cluster = make_cluster(CLUSTER)
    for server in cluster.with_role(topology.SERVER):
        start_web(server)
    return cluster


def start_web(server):
    server.start("web", ["lab-load", "echo", "--listen", f"0.0.0.0:{PORT}", "--listen", f"[::]:{PORT}", "--id", server.name])


def stop_web(server):
    server.kill_all()


def address(cluster, name, version=4):
    host = cluster[name].address(version)
    return f"[{host}]:{PORT}" if version == 6 else f"{host}:{PORT}"


def config(cluster, servers=("s1", "s2"), version=4, on_failure="weight0", extra="", top=""):
    vip, prefix = (VIP, 24) if version == 4 else (VIP6, 64)
    quoted = ", ".join(f'"{address(cluster, name, version)}"' for name in servers)
    shown = f"[{vip}]" if version == 6 else vip
    return f"""
[global]
reconcile_interval = "1s"
{top}
[virtual_router.web]
interface = "eth0"
vrid = 51
advert_interval = "100ms"
addresses = ["{vip}/{prefix}"]

[virtual_service.web]
address = "{shown}:{PORT}"
scheduler = "rr"
forward = "dr"
on_failure = "{on_failure}"
servers = [{quoted}]
check = {{ kind = "http", path = "/healthz", interval = "300ms", timeout = "250ms", rise = 1, fall = 2 }}
{extra}"""


def table(node):
    """The kernel's table: {service: {server: weight}}."""
    services = {}
    for line in node.run(["ipvsadm", "-Sn"]).stdout.splitlines():
        words = line.split()
        key = words[2]
        if words[0] == "-A":
            services[key] = {}
        else:
            services[key][words[words.index("-r") + 1]] = int(words[words.index("-w") + 1])
    return services


def wait_table(node, wanted, what="the table is as wanted", timeout=20):
    wait_for(lambda: table(node) == wanted, timeout, f"{what}: {wanted}")


def answers(client, vip=VIP, count=6):
    shown = f"[{vip}]" if ":" in vip else vip
    return {client.run(["curl", "-gsS", "--max-time", "5", f"http://{shown}/"]).stdout.strip() for _ in range(count)}


def up(cluster, *names, version=4):
    return {f"{VIP if version == 4 else '[' + VIP6 + ']'}:{PORT}": {address(cluster, name, version): 1 for name in names}}


def test_a_client_is_served_and_a_stop_leaves_only_what_is_foreign(cluster):
    d1 = cluster["d1"]
    d1.run(["ipvsadm", "-A", *FOREIGN, "-s", "lc"])
    director = Director(d1, config(cluster)).start()
    wait_table(d1, {**up(cluster, "s1", "s2"), FOREIGN[1]: {}})
    director.wait_routers("master")
    assert answers(cluster["c1"]) == {"s1", "s2"}
    assert director.status()["daemon"]["ipvs"]["module"] in ("stock", "lvsd")
    assert director.stop() == 0
    assert table(d1) == {FOREIGN[1]: {}}
    assert VIP not in d1.addresses()


def test_the_same_over_ipv6(cluster):
    d1 = cluster["d1"]
    director = Director(d1, config(cluster, version=6)).start()
    wait_table(d1, up(cluster, "s1", "s2", version=6))
    director.wait_routers("master")
    assert answers(cluster["c1"], VIP6) == {"s1", "s2"}


@pytest.mark.parametrize("on_failure", ["weight0", "remove"])
def test_a_dead_server_gets_nothing_and_comes_back(cluster, on_failure):
    d1 = cluster["d1"]
    director = Director(d1, config(cluster, on_failure=on_failure)).start()
    wait_table(d1, up(cluster, "s1", "s2"))
    stop_web(cluster["s2"])
    dead = up(cluster, "s1")
    if on_failure == "weight0":
        dead[f"{VIP}:{PORT}"][address(cluster, "s2")] = 0
    wait_table(d1, dead)
    director.wait_routers("master")
    assert answers(cluster["c1"]) == {"s1"}
    shown = director.status()["services"][0]
    assert shown["state"] == "degraded" and "refused" in shown["servers"][1]["reason"]
    start_web(cluster["s2"])
    wait_table(d1, up(cluster, "s1", "s2"))


def test_the_sorry_server_steps_in_and_leaves(cluster):
    d1 = cluster["d1"]
    sorry = f'sorry_server = "{address(cluster, "s3")}"'
    director = Director(d1, config(cluster, servers=("s1",), on_failure="remove", extra=sorry)).start()
    wait_table(d1, up(cluster, "s1"))
    director.wait_routers("master")
    stop_web(cluster["s1"])
    wait_table(d1, up(cluster, "s3"))
    assert answers(cluster["c1"]) == {"s3"}
    start_web(cluster["s1"])
    wait_table(d1, up(cluster, "s1"))


def test_a_router_follows_the_quorum_of_a_service(cluster):
    """Not whether anything serves: below the quorum the next director shall have the address."""
    d1 = cluster["d1"]
    text = config(cluster, servers=("s1", "s2", "s3"), extra='quorum = 2\n[tracker.enough]\nservice = "web"\n')
    director = Director(d1, text.replace("addresses = [", 'track = ["enough"]\naddresses = [')).start()
    director.wait_routers("master")
    stop_web(cluster["s1"])
    wait_for(lambda: director.status()["services"][0]["state"] == "degraded", 20, "one server is down")
    assert director.routers() == {("web", "ipv4"): "master"}
    stop_web(cluster["s2"])
    director.wait_routers("waiting")
    assert director.status()["services"][0]["state"] == "degraded", "one server still serves"
    assert VIP not in d1.addresses()
    start_web(cluster["s2"])
    director.wait_routers("master")
    wait_for(lambda: VIP in d1.addresses(), 10, "the address is back")


def test_a_lost_worker_changes_nothing(cluster):
    d1 = cluster["d1"]
    director = Director(d1, config(cluster, servers=("s1", "s2"))).start()
    wait_table(d1, up(cluster, "s1", "s2"))
    stop_web(cluster["s2"])
    known = up(cluster, "s1")
    known[f"{VIP}:{PORT}"][address(cluster, "s2")] = 0
    wait_table(d1, known)
    worker = director.status()["daemon"]["worker"]
    os.kill(worker["pid"], signal.SIGKILL)

    def replaced():
        assert table(d1) == known, "the table changed while the worker was away"
        now = director.status()["daemon"]["worker"]
        return now["state"] == "running" and now["pid"] not in (0, worker["pid"])

    wait_for(replaced, 20, "another worker runs")
    start_web(cluster["s2"])
    wait_table(d1, up(cluster, "s1", "s2"), "the new worker goes on checking")


def test_the_worker_has_no_rights(cluster):
    director = Director(cluster["d1"], config(cluster)).start()
    director.wait_servers("web", {address(cluster, "s1"): "up", address(cluster, "s2"): "up"})
    pid = director.status()["daemon"]["worker"]["pid"]
    with open(f"/proc/{pid}/status") as file:
        status = dict(line.split(":\t", 1) for line in file.read().splitlines() if ":\t" in line)
    assert {int(word) for word in status["Uid"].split()} != {0} and "0" not in status["Uid"].split()
    assert all(int(status[name], 16) == 0 for name in ("CapEff", "CapPrm", "CapBnd", "CapAmb", "CapInh"))
    assert (status["NoNewPrivs"], status["Seccomp"]) == ("1", "2")


def test_vandals_are_undone(cluster):
    d1 = cluster["d1"]
    director = Director(d1, config(cluster)).start()
    wait_table(d1, up(cluster, "s1", "s2"))
    wait_for(lambda: director.status()["daemon"]["ipvs"]["available"], 10, "the table was seen")
    d1.run(["ipvsadm", "-C"])
    wait_table(d1, up(cluster, "s1", "s2"), "flushed, and repaired")
    d1.run(["ipvsadm", "-e", "-t", f"{VIP}:{PORT}", "-r", address(cluster, "s1"), "-g", "-w", "9"])
    wait_table(d1, up(cluster, "s1", "s2"), "a weight was changed, and repaired")
    assert director.status()["daemon"]["ipvs"]["repairs"] >= 2
    assert "ipvs-drift" in director.log()


def test_a_killed_daemon_leaves_nothing_the_next_one_does_not_reclaim(cluster):
    d1 = cluster["d1"]
    d1.run(["ipvsadm", "-A", *FOREIGN, "-s", "lc"])
    extra = f"""
[virtual_service.old]
address = "{VIP}:8080"
forward = "nat"
servers = ["10.77.0.11:80"]
"""
    Director(d1, config(cluster, extra=extra)).start()
    old = {f"{VIP}:8080": {"10.77.0.11:80": 1}}
    wait_table(d1, {**up(cluster, "s1", "s2"), **old, FOREIGN[1]: {}})
    first = Director(d1, config(cluster))
    d1.processes[-1].send(signal.SIGKILL)
    d1.processes[-1].popen.wait()
    assert table(d1) == {**up(cluster, "s1", "s2"), **old, FOREIGN[1]: {}}
    seen = []

    def settled():
        seen.append(table(d1))
        return seen[-1] == {**up(cluster, "s1", "s2"), FOREIGN[1]: {}}

    first.start()
    wait_for(settled, 20, "what is no longer wanted is gone, the rest stays")
    working = up(cluster, "s1", "s2")
    for each in seen:
        assert each[f"{VIP}:{PORT}"] == working[f"{VIP}:{PORT}"], "a working server was taken out by the restart"


def test_on_stop_keep_keeps_the_table(cluster):
    d1 = cluster["d1"]
    director = Director(d1, config(cluster, top='on_stop = "keep"')).start()
    wait_table(d1, up(cluster, "s1", "s2"))
    assert director.stop() == 0
    assert table(d1) == up(cluster, "s1", "s2")
    director = Director(d1, config(cluster, servers=("s2",))).start()
    wait_table(d1, up(cluster, "s2"), "the next start takes over what was kept")


def test_a_reload_changes_what_changed_and_nothing_else(cluster):
    d1, client = cluster["d1"], cluster["c1"]
    director = Director(d1, config(cluster)).start()
    wait_table(d1, up(cluster, "s1", "s2"))
    director.wait_routers("master")
    load = client.start("load", ["lab-load", "http", "--to", f"{VIP}:{PORT}", "--rate", "20", "--timeout", "3s"])
    wait_for(lambda: '"ok": ' in load.output(), 20, "requests are answered")
    runs = director.status()["services"][0]["servers"][0]["checks"][0]["runs"]
    for names in (("s1", "s2", "s3"), ("s1", "s3"), ("s1", "s2")):
        director.reload(config(cluster, servers=names))
        wait_table(d1, up(cluster, *names))
    check = director.status()["services"][0]["servers"][0]["checks"][0]
    assert check["runs"] >= runs and check["state"] == "up", "an unchanged check lost its state"
    assert director.status()["routers"][0]["instances"][0]["transitions"] == 1
    load.stop(signal.SIGTERM)
    last = load.output().splitlines()[-1]
    assert re.search(r'"summary": true', last) and '"failed": 0' in last, last


def test_all_processes_together_stay_small(cluster):
    director = Director(cluster["d1"], config(cluster)).start()
    director.wait_servers("web", {address(cluster, "s1"): "up", address(cluster, "s2"): "up"})
    total = 0
    for pid in cluster["d1"].pids():
        with open(f"/proc/{pid}/status") as file:
            text = file.read()
        if re.search(r"^Name:\s+lvsd", text, re.MULTILINE):
            total += int(re.search(r"^VmRSS:\s+(\d+)", text, re.MULTILINE)[1])
    print(f"lvsd and its worker: {total} KiB resident")
    assert 0 < total <= 30 * 1024


def test_no_ipvs_in_the_kernel_is_said_clearly_and_overcome(cluster):
    d1 = cluster["d1"]
    forbidden = "/etc/modprobe.d/no-ip_vs.conf"
    wait_for(ipvs_modules.unload, 30, "ip_vs can be unloaded: the namespaces of former tests hold it no more")
    with open(forbidden, "w") as file:
        file.write("install ip_vs /bin/false\n")
    try:
        director = Director(d1, config(cluster)).start()
        wait_for(lambda: "the kernel has no IPVS" in director.log(), 20, "the trouble is in the log")
        assert "modprobe ip_vs" in director.log()
        wait_for(lambda: "no IPVS" in director.status()["daemon"]["ipvs"]["last_error"], 20, "and in the status")
    finally:
        os.unlink(forbidden)
    subprocess.run(["modprobe", "ip_vs"], check=True)
    wait_table(d1, up(cluster, "s1", "s2"), "the table is written as soon as there is one", timeout=60)
