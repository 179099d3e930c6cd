# SPDX-License-Identifier: GPL-2.0-or-later
"""IPVS among its neighbours: sysctls, hooks and their order, connection tracking, the ipvs match, real sockets."""

import os

from case import CASES, DROUTE, MASQ, TUNNEL, VIP, VIP6, case
from stage import CLIENTS, CLIENTS6, SERVERS, SERVERS6
from wire import ACK, FIN, RST, SYN, icmp, ip, tcp, udp

PEERS = {4: (CLIENTS, VIP, SERVERS), 6: (CLIENTS6, VIP6, SERVERS6)}


def _both(function):
    for six in (4, 6):
        CASES[f"{function.__name__}{six}"] = lambda t, six=six: function(t, *PEERS[six])
    return function


@case
def sysctl_names_and_defaults(t):
    with t.director.inside():
        names = sorted(os.listdir("/proc/sys/net/ipv4/vs"))
        modes = [oct(os.stat(f"/proc/sys/net/ipv4/vs/{name}").st_mode) for name in names]
    t.record(op="sysctls", names=names, modes=modes)
    for name in names:
        if name != "sync_qlen_max":  # depends on the free memory of the moment
            t.sysctl(name)


def _register_sysctls():
    values = (0, 1, 2, 3, 4, 5, 10, 64, 65, -1, 2147483647, 2147483648, -2147483649, "x", "", "1 2", "3 50", "50 3",
              "0 0", "5 0", "-1 5", "5 5", "0x10", " 7", "99999999999")
    for name in ("amemthresh am_droprate drop_entry drop_packet secure_tcp conntrack snat_reroute sync_version sync_ports "
                 "sync_persist_mode sync_qlen_max sync_sock_size cache_bypass expire_nodest_conn sloppy_tcp sloppy_sctp "
                 "expire_quiescent_template sync_threshold sync_refresh_period sync_retries nat_icmp_send pmtu_disc "
                 "backup_only conn_reuse_mode schedule_icmp ignore_tunneled run_estimation lblc_expiration "
                 "lblcr_expiration").split():
        def run(t, name=name):
            for value in values:
                t.sysctl(name, value)
        CASES[f"sysctl_{name}"] = run


_register_sysctls()


@case
def sysctls_are_of_the_namespace(t):
    """Written in one, unchanged in another."""
    import stage
    other = stage.Director(t.director.world)
    t.sysctl("conn_reuse_mode", 0)
    t.sysctl("sync_threshold", "5 100")
    with other.inside():
        for name in ("conn_reuse_mode", "sync_threshold"):
            with open(f"/proc/sys/net/ipv4/vs/{name}", encoding="ascii") as file:
                t.record(op="other", name=name, value=file.read())
    t.service(("tcp", VIP, 80))
    _, services = other.ipvs.ask(4, flags=0x300)
    t.record(op="other", services=len(services))
    other.close()


CHAINS = (("prerouting", (-301, -199, -149, 0)), ("input", (0, 97, 99, 100, 101)), ("forward", (0, 98, 99, 100, 101)),
          ("output", (-401, -199, -149, -100, -98, -97, 0, 101)), ("postrouting", (0, 99, 101, 301)))


def counters(six: bool) -> str:
    """Chains at places before, between and after those of IPVS, each counting what matters here."""
    word = "ip6" if six else "ip"
    lines = [f"table {word} seen {{"]
    for hook, priorities in CHAINS:
        for priority in priorities:
            name = f"{hook}_{'m' if priority < 0 else ''}{abs(priority)}"
            lines.append(f"chain {name} {{\ntype filter hook {hook} priority {priority}\n"
                         + ("ip6 daddr ff00::/8 return\n" if six else "") +
                         "meta l4proto { 6, 17, 132, 1, 58, 4, 41 } counter\n"
                         "meta l4proto { 6, 17 } ct state untracked counter\n}")
    return "\n".join([*lines, "}"])


def hooks(t, clients, vip, servers, method):
    six = ":" in vip
    t.command("nft", "-f", "-", text=counters(six))
    t.cluster(("udp", vip, 80), servers[:1], method=method)
    t.send(*(ip(clients[n], vip, udp(4000, 80)) for n in range(3)))
    t.reply(*(ip(servers[0], clients[n], udp(80, 4000)) for n in range(3)))
    t.local(ip("2001:db8:c::1" if six else "10.0.0.1", vip, udp(4000, 80)))
    t.reply(ip(servers[0], clients[0], icmp(vip, (3, 3), (1, 4), ip(clients[0], servers[0], udp(4000, 80)))))
    show(t, "nft", "list", "ruleset")


def show(t, *words) -> None:
    """The output of a program in the director."""
    import subprocess
    with t.director.inside():
        done = subprocess.run(words, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=60)
    lines = [" ".join(word for word in line.split()) for line in done.stdout.splitlines()]
    t.record(op="show", words=" ".join(words), out=lines, status=done.returncode)


def _register_hooks():
    for six in (4, 6):
        for name, method in (("nat", MASQ), ("dr", DROUTE), ("tun", TUNNEL)):
            CASES[f"hooks_{name}{six}"] = lambda t, six=six, method=method: hooks(t, *PEERS[six], method)


_register_hooks()


@case
def hooks_come_and_go(t):
    """The hooks of a family are there while it has services."""
    show(t, "nft", "list", "hooks")
    for key, label in ((("tcp", VIP, 80), "v4"), (("tcp", VIP6, 80), "v6")):
        t.service(key)
        show(t, "nft", "list", "hooks")
    t.genl(17)
    show(t, "nft", "list", "hooks")


STATES = "ip6 daddr ff00::/8 return\n" + "\n".join(f"ct state {state} counter" for state in ("new", "established", "related", "untracked", "invalid"))
TRACKING = "table inet track {\n" + "\n".join(
    f"chain at_{hook} {{\ntype filter hook {hook} priority {priority}\n{STATES}\n}}"
    for hook, priority in (("forward", 200), ("input", 90), ("output", 90), ("postrouting", 90))) + "\n}\n"
MASQUERADE = """table %s nat {
    chain post {
        type nat hook postrouting priority 100
        oifname "sa" counter masquerade
    }
}
"""


def _register_tracking():
    for six in (4, 6):
        for enabled in (0, 1):
            for name, method in (("nat", MASQ), ("dr", DROUTE), ("tun", TUNNEL)):
                for masquerade in (False, True):
                    def run(t, six=six, enabled=enabled, method=method, masquerade=masquerade):
                        tracking(t, *PEERS[six], enabled, method, masquerade)
                    CASES[f"conntrack{enabled}_{name}{'_masquerade' if masquerade else ''}{six}"] = run


def tracking(t, clients, vip, servers, enabled, method, masquerade):
    word = "ip6" if ":" in vip else "ip"
    here = "2001:db8:1::1" if ":" in vip else "10.0.1.1"
    t.command("nft", "-f", "-", text=TRACKING + (MASQUERADE % word if masquerade else ""))
    t.sysctl("conntrack", enabled)
    t.cluster(("tcp", vip, 80), servers[:2], method=method, target=8080 if method == MASQ else 80)
    t.cluster(("udp", vip, 80), servers[:2], method=method)
    number = 8080 if method == MASQ else 80
    for flags in (SYN, ACK, FIN | ACK):
        t.send(ip(clients[0], vip, tcp(4000, 80, flags)))
        if flags == SYN:
            for server in servers[:2]:
                t.reply(ip(server, here if masquerade else clients[0], tcp(number, 4000, SYN | ACK)))
    for _ in range(2):
        t.send(ip(clients[0], vip, udp(4000, 80)))
        for server in servers[:2]:
            t.reply(ip(server, here if masquerade else clients[0], udp(80, 4000)))
    t.reply(ip(servers[0], here if masquerade else clients[0],
               icmp(vip, (3, 3), (1, 4), ip(here if masquerade else clients[0], servers[0], udp(4000, 80)))))
    t.send(ip(clients[0], vip, tcp(4000, 80, RST)))
    t.send(ip(clients[0], vip, tcp(4000, 80, SYN)))
    t.send(ip(clients[0], vip, tcp(4000, 80, SYN)))
    show(t, "nft", "list", "ruleset")
    t.state()


_register_tracking()


@_both
def conntrack_reuse(t, clients, vip, servers):
    """A connection in TIME_WAIT is asked for again while conntrack knows it: the first SYN is dropped."""
    t.command("nft", "-f", "-", text=TRACKING)
    t.sysctl("conntrack", 1)
    t.sysctl("expire_nodest_conn", 1)
    key = ("tcp", vip, 80)
    t.cluster(key, servers[:2])
    for who in clients[:2]:
        for flags in (SYN, ACK, FIN | ACK, RST, SYN, SYN, ACK):
            t.send(ip(who, vip, tcp(4000, 80, flags)))
    t.state()
    t.drop_dest(key, servers[0], 80)
    t.until_connections_end(servers[0])
    for who in clients[:2]:
        for flags in (ACK, SYN, SYN):
            t.send(ip(who, vip, tcp(4000, 80, flags)))
    t.state()


@_both
def ipvs_match(t, clients, vip, servers):
    """`-m ipvs` as kube-proxy and others use it. What is not IPVS's is counted of TCP alone: hosts tell of multicast groups
    whenever they like."""
    tables = "ip6tables" if ":" in vip else "iptables"
    matches = ("--ipvs", "! --ipvs -p tcp", "--vproto 17", f"--vaddr {vip}", "--vport 80", "--vdir ORIGINAL", "--vdir REPLY",
               "--vmethod MASQ", "--vmethod GATE", "--vportctl 21", f"--vaddr {vip} --vproto 17 --vport 80")
    rules = [f"-A {chain} -m ipvs {match}" for chain in ("INPUT", "FORWARD", "OUTPUT", "POSTROUTING") for match in matches]
    t.command(tables + "-restore", text="\n".join(["*mangle", *rules, "COMMIT", ""]))
    t.cluster(("udp", vip, 80), servers[:1])
    t.cluster(("udp", vip, 81), servers[:1], method=DROUTE)
    t.send(ip(clients[0], vip, udp(4000, 80)), ip(clients[0], vip, udp(4000, 81)), ip(clients[0], vip, udp(4000, 99)))
    t.send(ip(clients[0], servers[0], udp(4000, 99)))
    t.reply(ip(servers[0], clients[0], udp(80, 4000)))
    show(t, tables, "-t", "mangle", "-nvxL")


@_both
def ignore_tunneled(t, clients, vip, servers):
    import wire
    t.cluster(("udp", vip, 80), servers[:1])
    for enabled in (0, 1):
        t.sysctl("ignore_tunneled", enabled)
        inner = ip(clients[0], vip, udp(4000, 80))
        t.send(ip(clients[1], vip, wire.raw(wire.IPV6 if ":" in vip else wire.IPIP, inner)))
    t.state()


@_both
def policy_routing(t, clients, vip, servers):
    """The route to a server is looked up by its address alone."""
    six = ("-6",) if ":" in vip else ()
    bad = "2001:db8:2::21" if six else "10.0.2.21"
    t.command("nft", "-f", "-", text="table inet m {\nchain p {\n"
              "type filter hook prerouting priority -150\nmeta mark set 9\n}\n}\n")
    t.command("ip", *six, "rule", "add", "fwmark", "9", "to", servers[0], "lookup", "99")
    t.command("ip", *six, "route", "add", "default", "via", bad, "table", "99")
    for number, method in ((80, MASQ), (81, DROUTE), (82, TUNNEL)):
        t.cluster(("udp", vip, number), servers[:1], method=method)
        t.send(ip(clients[0], vip, udp(4000, number)))
        t.reply(ip(servers[0], clients[0], udp(number, 4000)))


@_both
def route_changes(t, clients, vip, _servers):
    """The cached route of a server follows the routing table and the state of links."""
    six = ("-6",) if ":" in vip else ()
    server, prefix = ("2001:db8:9::5", "2001:db8:9::/64") if six else ("10.9.0.5", "10.9.0.0/16")
    other = "2001:db8:2::21" if six else "10.0.2.21"
    for number, method in ((80, MASQ), (81, DROUTE), (82, TUNNEL)):
        t.cluster(("udp", vip, number), [server], method=method)
    def all_methods():
        for number in (80, 81, 82):
            t.send(ip(clients[0], vip, udp(4000, number)))
    all_methods()
    t.command("ip", *six, "route", "replace", prefix, "via", other)
    all_methods()
    t.command("ip", *six, "route", "del", prefix)
    all_methods()
    t.command("ip", *six, "route", "add", prefix, "via", other)
    all_methods()
    t.command("ip", "link", "set", "sb", "mtu", "1380")
    for number in (80, 81, 82):
        t.send(ip(clients[0], vip, udp(4000, number, b"m" * 1345)))


@case
def run_estimation_off(t):
    t.cluster(("udp", VIP, 80), SERVERS[:1])
    t.send(ip(CLIENTS[0], VIP, udp(4000, 80)))
    t.sysctl("run_estimation", 0)
    t.send(ip(CLIENTS[0], VIP, udp(4000, 80)))
    t.sysctl("run_estimation", 1)
    t.send(ip(CLIENTS[0], VIP, udp(4000, 80)))


@case
def udp_expires(t):
    """A real wait: a connection whose time is short goes, its server's count with it, its template later."""
    from case import SET_CONFIG, u32
    t.genl(SET_CONFIG, [(6, u32(1))])
    t.cluster(("udp", VIP, 80), SERVERS[:1])
    t.cluster(("udp", VIP, 81), SERVERS[:1], flags=1, timeout=2)
    t.send(ip(CLIENTS[0], VIP, udp(4000, 80)), ip(CLIENTS[0], VIP, udp(4000, 81)))
    t.proc("ip_vs")
    t.until("connections gone", lambda: len(t.connections()) <= 1, 8)
    t.until("template gone", lambda: not t.connections(), 70)
    t.state()


@case
def deleted_server_expires(t):
    from case import SET_CONFIG, u32
    t.genl(SET_CONFIG, [(6, u32(1))])
    key = ("udp", VIP, 80)
    t.cluster(key, SERVERS[:2])
    t.send(ip(CLIENTS[0], VIP, udp(4000, 80)), ip(CLIENTS[1], VIP, udp(4000, 80)))
    t.drop_dest(key, SERVERS[0], 80)
    t.until("connections gone", lambda: not t.connections(), 8)
    t.dest(key, SERVERS[0], 80)
    t.state()
