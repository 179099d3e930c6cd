# SPDX-License-Identifier: GPL-2.0-or-later
"""What the tests of virtual routers have in common: two directors, their configuration, and what they hold."""

import json
from collections import defaultdict

from . import topology
from .waiting import wait_for

DIRECTORS = topology.dr(directors=2, servers=0, clients=1)
VIP, VIP6 = DIRECTORS.vip, DIRECTORS.vip6
MARK = "108"  # our routing protocol number


def router(name, vrid, addresses, *, interface="eth0", priority=100, interval="50ms", extra=""):
    """The table of one virtual router."""
    quoted = ", ".join(f'"{address}"' for address in addresses)
    return (f'[virtual_router.{name}]\ninterface = "{interface}"\nvrid = {vrid}\npriority = {priority}\n'
            f'advert_interval = "{interval}"\naddresses = [{quoted}]\n{extra}\n')


def config(priority, *, interval="50ms", addresses=(f"{VIP}/24",), extra="", more=""):
    return router("web", 51, addresses, priority=priority, interval=interval, extra=extra) + f"{more}\n"


def instance(director, router="web", family="ipv4"):
    """Its state; every member None while lvsd does not answer."""
    for one in director.status().get("routers", []):
        for each in one["instances"] if one["name"] == router else []:
            if each["family"] == family:
                return each
    return defaultdict(lambda: None)


def holds(node, address=VIP):
    return address in node.addresses()


def wait_master(node, other, address=VIP):
    wait_for(lambda: holds(node, address) and not holds(other, address), 20, f"{node.name} alone holds {address}")


def ours(node, what, family="-4"):
    """Routes of every table, or rules, with our mark, as `ip` shows them."""
    if what == "route":
        return json.loads(node.run(["ip", "-j", family, "route", "show", "table", "all", "proto", MARK]).stdout or "[]")
    rules = json.loads(node.run(["ip", "-j", family, "rule", "show"]).stdout or "[]")
    return [rule for rule in rules if rule.get("protocol") == MARK]


def with_everything(priority):
    return config(priority, addresses=(f"{VIP}/24", f"{VIP6}/64"), extra="""
excluded_addresses = ["10.77.0.210/24 label eth0:more", { address = "198.51.100.1/24", dev = "side0" },
                      "2001:db8:77::210/64 dad"]
routes = ["203.0.113.0/24 via 10.77.0.250", "blackhole 192.0.2.0/24 metric 7",
          { to = "default", via = "10.77.0.250", table = 4000 }, "198.51.100.128/25 dev side0 src 198.51.100.1",
          "2001:db8:99::/48 via fe80::99"]
rules = ["from 10.77.0.210 table 4000 priority 1000", { fwmark = 7, priority = 1001, action = "prohibit" },
         "to 2001:db8:99::/48 table 100 priority 1002"]""")


def side(node):
    node.run(["ip", "link", "add", "side0", "type", "veth", "peer", "name", "side1"])
    for name in ("side0", "side1"):
        node.run(["ip", "link", "set", name, "up"])


def everything_is_there(node):
    routes = {(route["dst"], route.get("table", "main"), route.get("dev"), route.get("type", "unicast"))
              for route in ours(node, "route")}
    return routes == {("203.0.113.0/24", "main", "eth0", "unicast"), ("192.0.2.0/24", "main", None, "blackhole"),
                      ("default", "4000", "eth0", "unicast"), ("198.51.100.128/25", "main", "side0", "unicast")} and \
        {(rule["priority"], rule.get("table"), rule.get("fwmark")) for rule in ours(node, "rule")} == \
        {(1000, "4000", None), (1001, None, "0x7")} and \
        [route["dst"] for route in ours(node, "route", "-6")] == ["2001:db8:99::/48"] and \
        [rule["priority"] for rule in ours(node, "rule", "-6")] == [1002]


def nothing_is_there(node):
    return not any(ours(node, what, family) for what in ("route", "rule") for family in ("-4", "-6"))
