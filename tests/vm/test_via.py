# SPDX-License-Identifier: GPL-2.0-or-later
"""Checks through the data path: what is wrong on the way is found, which a check of the server itself does not see.

Each case has two services on the same servers, one checked directly and one `via = "service"`: the first stays up.
"""

from labkit import topology
from labkit.director import Director

LAB = {"timeout": 900}

PORT, DIRECT = 80, 81


def make(make_cluster, forward):
    cluster = make_cluster(topology.nat(directors=1, servers=2) if forward == "nat" else topology.dr(directors=1, servers=2))
    for server in cluster.with_role(topology.SERVER):
        listen = [word for port in (PORT, DIRECT) for host in ("0.0.0.0", "[::]") for word in ("--listen", f"{host}:{port}")]
        server.start("web", ["lab-load", "echo", *listen, "--id", server.name])
    return cluster


def config(cluster, forward, version=4):
    vip, prefix = (cluster.topology.vip, 24) if version == 4 else (cluster.topology.vip6, 64)
    shown = f"[{vip}]" if version == 6 else vip
    router = f"""
[global]
reconcile_interval = "1s"
[virtual_router.web]
interface = "eth0"
vrid = 51
advert_interval = "100ms"
addresses = ["{vip}/{prefix}"]
"""
    text = router
    for name, port, via in (("through", PORT, "service"), ("direct", DIRECT, "server")):
        servers = ", ".join(f'"{one(cluster, name_, port, version)}"' for name_ in ("s1", "s2"))
        text += f"""
[virtual_service.{name}]
address = "{shown}:{port}"
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


def rule(words, action):
    return [str(word).replace("{}", action) for word in words]


def test_dr_over_ipv6(make_cluster):
    cluster = make(make_cluster, "dr")
    director = start(cluster, "dr", version=6)
    vip = cluster.topology.vip6 + "/128"
    broken_and_mended(cluster, director, "dr", ["ip", "addr", "del", vip, "dev", "lo"],
                      ["ip", "addr", "add", vip, "dev", "lo", "nodad"], version=6)


def test_nat_a_firewall_for_other_addresses_is_found(make_cluster):
    """The director's own packets pass to the port of the direct check, those of the service's port do not."""
    cluster = make(make_cluster, "nat")
    director = start(cluster, "nat")
    block = ["iptables", "-{}", "INPUT", "-p", "tcp", "--dport", PORT, "-j", "DROP"]
    broken_and_mended(cluster, director, "nat", rule(block, "A"), rule(block, "D"))
