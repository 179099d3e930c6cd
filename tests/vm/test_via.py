# SPDX-License-Identifier: GPL-2.0-or-later
"""Checks through the data path: what is wrong on the way is found, which a check of the server itself does not see.

Each case has two services on the same servers, one checked directly and one `via = "service"`: the first stays up.
"""

import subprocess

import pytest

from labkit import topology
from labkit.director import Director
from labkit.waiting import wait_for

LAB = {"timeout": 900}

PORT, DIRECT = 80, 81


def make(make_cluster, forward):
    cluster = make_cluster(topology.nat(directors=1, servers=2) if forward == "nat" else topology.dr(directors=1, servers=2))
    for server in cluster.with_role(topology.SERVER):
        if forward == "tun":
            subprocess.run(["modprobe", "ipip"], check=True)
            server.run(["ip", "link", "set", "tunl0", "up"])
            server.run(["ip", "addr", "add", cluster.topology.vip + "/32", "dev", "tunl0"])
            server.run(["ip", "addr", "del", cluster.topology.vip + "/32", "dev", "lo"])
            server.sysctl({"net.ipv4.conf.tunl0.rp_filter": 0})
        listen = [word for port in (PORT, DIRECT) for host in ("0.0.0.0", "[::]") for word in ("--listen", f"{host}:{port}")]
        server.start("web", ["lab-load", "echo", *listen, "--id", server.name])
    return cluster


def config(cluster, forward, version=4):
    vip, prefix = (cluster.topology.vip, 24) if version == 4 else (cluster.topology.vip6, 64)
    router = f"""
[global]
reconcile_interval = "1s"
[virtual_router.web]
interface = "eth0"
vrid = 51
advert_interval = "100ms"
addresses = ["{vip}/{prefix}"]
"""
    return router + services_of(cluster, forward, version)


def services_of(cluster, forward, version=4):
    vip = cluster.topology.vip if version == 4 else f"[{cluster.topology.vip6}]"
    text = ""
    for name, port, via in (("through", PORT, "service"), ("direct", DIRECT, "server")):
        servers = ", ".join(f'"{one(cluster, name_, port, version)}"' for name_ in ("s1", "s2"))
        text += f"""
[virtual_service.{name}]
address = "{vip}:{port}"
forward = "{forward}"
servers = [{servers}]
check = {{ kind = "http", path = "/healthz", via = "{via}", interval = "400ms", timeout = "350ms", rise = 1, fall = 2 }}
"""
    return text


def one(cluster, name, port, version=4):
    host = cluster[name].address(version)
    return f"[{host}]:{port}" if version == 6 else f"{host}:{port}"


def states(cluster, port, s1="up", version=4):
    return {one(cluster, "s1", port, version): s1, one(cluster, "s2", port, version): "up"}


def start(cluster, forward, version=4):
    director = Director(cluster["d1"], config(cluster, forward, version)).start()
    director.wait_routers("master", timeout=40)
    director.wait_servers("through", states(cluster, PORT, version=version), timeout=40)
    director.wait_servers("direct", states(cluster, DIRECT, version=version), timeout=40)
    return director


def broken_and_mended(cluster, director, forward, breaking, mending, version=4):
    s1 = cluster["s1"]
    s1.run(breaking)
    director.wait_servers("through", states(cluster, PORT, "down", version), timeout=40)
    assert director.servers("direct") == states(cluster, DIRECT, version=version), "a direct check sees nothing of it"
    service = next(each for each in director.status()["services"] if each["name"] == "through")
    reason = service["servers"][0]["reason"]
    assert reason.startswith(f"http through the service ({forward}): "), reason
    s1.run(mending)
    director.wait_servers("through", states(cluster, PORT, version=version), timeout=40)


def drop(cluster, port):
    return ["iptables", "-{}", "INPUT", "-p", "tcp", "-d", cluster.topology.vip, "--dport", port, "-j", "DROP"]


def rule(words, action):
    return [str(word).replace("{}", action) for word in words]


def test_dr_a_missing_address_and_a_firewall_are_found(make_cluster):
    cluster = make(make_cluster, "dr")
    director = start(cluster, "dr")
    address = ["dev", "lo"]
    vip = cluster.topology.vip + "/32"
    broken_and_mended(cluster, director, "dr", ["ip", "addr", "del", vip, *address], ["ip", "addr", "add", vip, *address])
    block = drop(cluster, PORT)
    broken_and_mended(cluster, director, "dr", rule(block, "A"), rule(block, "D"))


def test_dr_over_ipv6(make_cluster):
    cluster = make(make_cluster, "dr")
    director = start(cluster, "dr", version=6)
    vip = cluster.topology.vip6 + "/128"
    broken_and_mended(cluster, director, "dr", ["ip", "addr", "del", vip, "dev", "lo"],
                      ["ip", "addr", "add", vip, "dev", "lo", "nodad"], version=6)


def test_tun_a_wrong_tunnel_is_found(make_cluster):
    cluster = make(make_cluster, "tun")
    director = start(cluster, "tun")
    broken_and_mended(cluster, director, "tun", ["ip", "link", "set", "tunl0", "down"],
                      ["ip", "link", "set", "tunl0", "up"])


def test_nat_a_firewall_for_other_addresses_is_found(make_cluster):
    """The director's own packets pass to the port of the direct check, those of the service's port do not."""
    cluster = make(make_cluster, "nat")
    director = start(cluster, "nat")
    block = ["iptables", "-{}", "INPUT", "-p", "tcp", "--dport", PORT, "-j", "DROP"]
    broken_and_mended(cluster, director, "nat", rule(block, "A"), rule(block, "D"))


def test_a_backup_checks_as_well_and_a_master_that_holds_the_address_goes_on(make_cluster):
    cluster = make(make_cluster, "dr")
    d1 = cluster["d1"]
    text = config(cluster, "dr").replace("vrid = 51", "vrid = 51\nstartup_delay = \"8s\"")
    director = Director(d1, text).start()
    director.wait_servers("through", states(cluster, PORT), timeout=40)
    assert cluster.topology.vip not in d1.addresses(), "it was master before its servers were known"
    director.wait_routers("master", timeout=40)
    runs = checks(director)[0]["runs"]
    wait_for(lambda: checks(director)[0]["runs"] >= runs + 3, 20, "the checks go on")
    assert all(check["state"] == "up" and "not checked" not in check["reason"] for check in checks(director))
    assert " is down" not in director.log(), "nothing failed when the address came"


def checks(director):
    return [check for service in director.status()["services"] if service["name"] == "through"
            for server in service["servers"] for check in server["checks"]]


def test_ways_are_told_apart_from_services_and_repaired(make_cluster):
    cluster = make(make_cluster, "dr")
    d1 = cluster["d1"]
    director = start(cluster, "dr")
    ipvs = director.status()["daemon"]["ipvs"]
    assert (ipvs["services"], ipvs["servers"], ipvs["check_ways"]) == (2, 4, 2)
    held = d1.run(["ipvsadm", "-Sn"]).stdout
    assert "-f 16777216 -s rr" in held and "-f 16777217 -s rr" in held
    d1.run(["ipvsadm", "-D", "-f", "16777216"])
    wait_for(lambda: "-f 16777216 -s rr" in d1.run(["ipvsadm", "-Sn"]).stdout, 20, "the way is there again")
    wait_for(lambda: "the check of" in director.log(), 10, "drift says what it was")
    director.wait_servers("through", states(cluster, PORT), timeout=20)
    assert director.stop() == 0
    assert d1.run(["ipvsadm", "-Sn"]).stdout == ""


def test_where_answers_are_dropped_nothing_is_said_of_the_server(make_cluster):
    """The address is on one interface, the servers answer to another, and that one is strict."""
    cluster = make(make_cluster, "dr")
    d1 = cluster["d1"]
    d1.run(["ip", "link", "add", "vip0", "up", "type", "dummy"])
    d1.run(["ip", "addr", "add", cluster.topology.vip + "/32", "dev", "vip0"])
    d1.sysctl({"net.ipv4.conf.eth0.rp_filter": 1})
    director = Director(d1, config(cluster, "dr").partition("[virtual_router.web]")[0] + services_of(cluster, "dr")).start()
    refused = "not checked: this host refuses answers from the service's address"
    wait_for(lambda: [check["reason"][:len(refused)] for check in checks(director)] == [refused] * 2, 40,
             "both checks say that they cannot be")
    d1.sysctl({"net.ipv4.conf.eth0.rp_filter": 2})
    director.wait_servers("through", states(cluster, PORT), timeout=40)
    assert " is down" not in director.log()
