# SPDX-License-Identifier: GPL-2.0-or-later
"""Clients as they are in the wild: ipvsadm with all its options, and the requests of container orchestrators."""

from case import (DEL_DEST, DEL_SERVICE, DEST, DROUTE, FLUSH, GET_CONFIG, GET_DEST, GET_INFO, GET_SERVICE, NEW_DEST,
                  NEW_SERVICE, ONEPACKET, PERSISTENT, SERVICE, SET_CONFIG, SET_DEST, SET_SERVICE, TUNNEL, VIP, VIP6, case,
                  port, u16, u32)
from nl import DUMP
from stage import SERVERS, SERVERS6

KEY = ("tcp", VIP, 80)
KEY6 = ("tcp", VIP6, 80)


@case
def documentation_example(t):
    """The two-server NAT example of the LVS documentation."""
    t.ipvsadm(f"-A -t {VIP}:80 -s rr")
    t.ipvsadm(f"-a -t {VIP}:80 -r {SERVERS[0]}:80 -m")
    t.ipvsadm(f"-a -t {VIP}:80 -r {SERVERS[1]}:80 -m")
    for words in ("", "-L", "-Ln", "-Sn", "-Ln --stats", "-Ln --rate", "-Ln --thresholds", "-Ln --persistent-conn",
                  "-Ln --exact --stats", "-Lnc", "-L --timeout", "-L --daemon"):
        t.ipvsadm(words)


@case
def ipvsadm_everything(t):
    v6 = f"[{VIP6}]:80"
    for words in (
            f"-A -t {VIP}:80 -s wlc -p 600 -M 255.255.255.0", f"-A -u {VIP}:53 -s rr -o", f"-A -f 5 -s sh -b sh-fallback,sh-port",
            f"-A -f 6 -6 -s mh -b mh-fallback", f"-A -t {v6} -s wrr -p 300 -M 64", f"-A --sctp-service {VIP}:9 -s lc",
            f"-A -t {VIP}:80 -s wlc", f"-A -t {VIP}:81 -s nosuch",
            f"-a -t {VIP}:80 -r {SERVERS[0]} -g -w 3 -x 100 -y 50", f"-a -t {VIP}:80 -r {SERVERS[1]}:80 -i",
            f"-a -t {VIP}:80 -r {SERVERS[2]}:8080 -m -w 0", f"-a -t {VIP}:80 -r {SERVERS[2]}:8080 -m",
            f"-a -t {VIP}:80 -r {SERVERS[3]} -i --tun-type gue --tun-port 6080 --tun-csum",
            f"-a -t {VIP}:80 -r {SERVERS[4]} -i --tun-type gre --tun-nocsum",
            f"-a -t {VIP}:80 -r {SERVERS[5]} -i --tun-type gue --tun-port 6080 --tun-remcsum",
            f"-a -t {VIP}:80 -r [{SERVERS6[0]}]:80 -i", f"-a -t {VIP}:80 -r [{SERVERS6[0]}]:80 -g",
            f"-a -t {v6} -r [{SERVERS6[0]}]:80 -g", f"-a -t {v6} -r {SERVERS[0]}:80 -i", f"-a -f 5 -r {SERVERS[0]} -g",
            f"-a -f 6 -6 -r [{SERVERS6[0]}] -g", f"-a -t {VIP}:82 -r {SERVERS[0]}", f"-e -t {VIP}:80 -r {SERVERS[7]} -g",
            f"-e -t {VIP}:80 -r {SERVERS[0]} -g -w 7 -x 10 -y 20", f"-e -t {VIP}:80 -r {SERVERS[0]} -i -w 7",
            f"-E -t {VIP}:80 -s rr", f"-E -t {VIP}:83 -s rr", f"-E -t {v6} -s sed -p 20"):
        t.ipvsadm(words)
    for words in ("-Ln", "-Sn", "-Ln --thresholds", "-Ln --persistent-conn", "-L -n -t 192.0.2.1:80", "-Ln -f 5",
                  "-Ln -t 192.0.2.1:99", "-Ln --tun-info", "--zero", "-Z -t 192.0.2.1:80", "-Z -t 192.0.2.1:99",
                  "-d -t 192.0.2.1:80 -r 10.0.1.12:80", "-d -t 192.0.2.1:80 -r 10.0.1.12:80", "-D -f 5", "-D -f 5",
                  "-Sn", "-C", "-Ln"):
        t.ipvsadm(words)


@case
def ipvsadm_save_and_restore(t):
    t.cluster(KEY, SERVERS[:4], "wrr", weights=[4, 3, 2, 1])
    t.cluster(KEY6, SERVERS6[:3], "sh", DROUTE, flags=8 | 16)
    t.cluster(("udp", VIP, 53), SERVERS[:2], "rr", TUNNEL, tunnel=(1, 6080, 1), flags=ONEPACKET)
    t.cluster((9, 2), SERVERS[:2], "mh", DROUTE, flags=PERSISTENT, timeout=360, netmask=0x00FFFFFF)
    saved = t.ipvsadm("-Sn").stdout
    t.ipvsadm("-C")
    t.ipvsadm("-R", text=saved)
    t.ipvsadm("-Sn")
    t.tables()


@case
def container_orchestrator(t):
    """The requests of moby's library and of kube-proxy: an empty nest in the dump, four-octet addresses, SET with
    an unchanged service, GET before NEW, weights to zero before removal."""
    def key(number):
        return [(1, u16(2)), (2, u16(6)), (3, bytes([192, 0, 2, 1])), (4, port(number))]

    def definition(number, scheduler=b"rr\0", flags=0, timeout=0):
        return key(number) + [(6, scheduler), (7, u32(flags) + u32(0xFFFFFFFF)), (8, u32(timeout)), (9, u32(0xFFFFFFFF))]

    def server(last, weight):
        return [(1, bytes([10, 0, 1, last])), (2, port(8080)), (3, u32(0)), (4, u32(weight)), (5, u32(0)), (6, u32(0))]

    for name in ("conntrack", "conn_reuse_mode", "expire_nodest_conn", "expire_quiescent_template"):
        t.sysctl(name)
    t.sysctl("conntrack", 1)
    t.sysctl("expire_nodest_conn", 1)
    t.sysctl("expire_quiescent_template", 1)
    t.genl(GET_SERVICE, [(SERVICE, b"")], DUMP)
    t.genl(GET_INFO)
    t.genl(GET_CONFIG)
    for number in (80, 443):
        t.genl(GET_SERVICE, [(SERVICE, key(number))])
        t.genl(NEW_SERVICE, [(SERVICE, definition(number))])
        t.genl(GET_SERVICE, [(SERVICE, key(number))])
        for last in (11, 12, 13):
            t.genl(NEW_DEST, [(SERVICE, key(number)), (DEST, server(last, 1))])
            t.genl(NEW_DEST, [(SERVICE, key(number)), (DEST, server(last, 1))])
    t.genl(GET_SERVICE, [(SERVICE, b"")], DUMP)
    t.genl(GET_DEST, [(SERVICE, definition(80))], DUMP)
    t.genl(SET_SERVICE, [(SERVICE, definition(80, flags=PERSISTENT, timeout=10800))])
    t.genl(SET_DEST, [(SERVICE, key(80)), (DEST, server(11, 0))])
    t.genl(DEL_DEST, [(SERVICE, key(80)), (DEST, server(11, 0))])
    t.genl(DEL_SERVICE, [(SERVICE, key(443))])
    t.tables()
    t.genl(SET_CONFIG, [(4, u32(900)), (5, u32(120)), (6, u32(300))])
    t.genl(FLUSH)
