#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""The guest's half of `tests/lab bench kernel`: measures one IPVS module after the other in one machine.

    pktgen --pg0--in0-- director --dummy0

The machine counts instructions (one is one nanosecond of its clock), so a duration is a number of instructions and
does not depend on what the host does meanwhile. Each result is a line of JSON: module, name, value. Every
measurement checks that all its packets have come out at dummy0 (or have been dropped where they should be).
"""

import argparse
import contextlib
import ctypes
import json
import os
import re
import subprocess
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
from labkit import ipvs_modules  # noqa: E402 (the path comes first)
from labkit.waiting import wait_for  # noqa: E402

GENERATOR, DIRECTOR = "pg0", "director"
VIP, VIP6 = "172.16.0.0", "2001:db8:f::1"
SERVER, SERVER6 = "10.2.0.1", "2001:db8:2::1"
SCHEDULERS = "rr wrr lc wlc sed nq lblc lblcr dh sh mh fo ovf twos".split()
METHODS = {"NAT": 0, "DR": 3, "TUN": 2}
OPTION = {"NAT": "-m", "DR": "-g", "TUN": "-i"}
FLOWS = 64


LIBC = ctypes.CDLL(None, use_errno=True)


def enter(namespace: int) -> None:
    if LIBC.setns(namespace, 0):
        raise OSError(ctypes.get_errno(), "setns")


class Bench:
    def __init__(self, load: str, module: str, scale: int, some: list[str]):
        self.load, self.module, self.scale, self.some = load, module, scale, some
        self.here = os.open("/proc/self/ns/net", os.O_RDONLY)

    def result(self, name: str, value: float) -> None:
        print(json.dumps({"module": self.module, "name": name, "value": value}), flush=True)

    # The machine

    @contextlib.contextmanager
    def inside(self):
        """In the director's namespace, by hand: every program started costs as much as thousands of packets."""
        enter(self.there)
        try:
            yield
        finally:
            enter(self.here)

    def sh(self, script: str, inside: bool = False) -> None:
        with self.inside() if inside else contextlib.nullcontext():
            done = subprocess.run(["sh", "-ec", script], stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
        if done.returncode:
            raise SystemExit(f"{script}\n{done.stderr}")

    def tool(self, *words, inside: bool = True) -> int:
        with self.inside() if inside else contextlib.nullcontext():
            done = subprocess.run([self.load, *map(str, words)], stdout=subprocess.PIPE, text=True, check=True)
        return int(done.stdout.split()[-1])

    @contextlib.contextmanager
    def director(self):
        """A fresh one. What it leaves behind is waited for: the next measurement must not pay for it."""
        self.sh(f"""
            ip netns add {DIRECTOR}
            ip link add {GENERATOR} type veth peer name in0 netns {DIRECTOR}
            ip link set {GENERATOR} up
            ip -n {DIRECTOR} -batch - <<END
link set lo up
link set in0 address 02:00:00:00:00:01 up
link add dummy0 type dummy
link set dummy0 address 02:00:00:00:00:02 up
addr add 10.0.0.1/16 dev in0
addr add 10.1.0.1/24 dev dummy0
neigh add 10.1.0.2 lladdr 02:00:00:00:00:03 dev dummy0 nud permanent
route add 10.2.0.0/16 via 10.1.0.2 dev dummy0
route add blackhole 10.3.0.0/16
route add local 172.16.0.0/12 dev lo
addr add 2001:db8:c::1/64 dev in0 nodad
addr add 2001:db8:1::1/64 dev dummy0 nodad
neigh add 2001:db8:1::2 lladdr 02:00:00:00:00:03 dev dummy0 nud permanent
route add 2001:db8:2::/64 via 2001:db8:1::2 dev dummy0
route add local 2001:db8:f::/64 dev lo
END
            """)
        self.there = os.open(f"/run/netns/{DIRECTOR}", os.O_RDONLY)
        self.sh("""
            echo 1 > /proc/sys/net/ipv4/ip_forward
            echo 1 > /proc/sys/net/ipv6/conf/all/forwarding
            echo 0 > /proc/sys/net/ipv4/conf/all/rp_filter
            echo 0 > /proc/sys/net/ipv4/conf/in0/rp_filter
            """, inside=True)
        try:
            yield
        finally:
            os.close(self.there)
            self.sh(f"ip link del {GENERATOR}; ip netns del {DIRECTOR}")
            self.wait_for_the_end()

    def wait_for_the_end(self) -> None:
        """A namespace is taken down behind its deletion. Who registers something for all namespaces, as bonding
        does, waits for that."""
        time.sleep(0.5)
        self.sh("modprobe bonding max_bonds=0; rmmod bonding")
        time.sleep(0.5)

    def sent(self) -> int:
        with self.inside():
            lines = Path("/proc/thread-self/net/dev").read_text().splitlines()
        return next(int(line.split()[10]) for line in lines if line.split()[0] == "dummy0:")

    # Packets

    def pktgen(self, packets: int, target: str, flows: int = FLOWS, source: str = "10.0.1.1", sources: int = 1,
               first_port: int = 1024, out: bool = True) -> float:
        """Instructions per packet of UDP packets of `flows` consecutive source ports; all must come out, or none."""
        six = ":" in target
        lines = ["rem_device_all", f"add_device {GENERATOR}"]
        for line in lines:
            Path("/proc/net/pktgen/kpktgend_0").write_text(line + "\n")
        device = Path(f"/proc/net/pktgen/{GENERATOR}")
        base = sum(int(part) << shift for part, shift in zip(source.split("."), (24, 16, 8, 0))) if not six else 0
        last = ".".join(str((base + sources - 1) >> shift & 255) for shift in (24, 16, 8, 0))
        addresses = [f"src6 {source}", f"dst6 {target}"] if six else [f"src_min {source}", f"src_max {last}",
                                                                       f"dst_min {target}", f"dst_max {target}"]
        for line in (f"count {packets}", "clone_skb 0", f"pkt_size {78 if six else 60}", "delay 0",
                     "dst_mac 02:00:00:00:00:01", *addresses, "udp_dst_min 80", "udp_dst_max 80",
                     f"udp_src_min {first_port}", f"udp_src_max {first_port + flows}"):
            device.write_text(line + "\n")
        before = self.sent()
        Path("/proc/net/pktgen/pgctrl").write_text("start\n")
        self.check(self.sent() - before, packets if out else 0)
        done = re.search(r"Result: OK: (\d+)\(", device.read_text())
        return int(done[1]) * 1000 / packets

    def check(self, came_out: int, expected: int) -> None:
        if came_out != expected:
            raise SystemExit(f"{self.module}: {came_out} packets came out instead of {expected}")

    def tcp(self, packets: int, target: str, out: bool = True) -> float:
        source = "2001:db8:c::9" if ":" in target else "10.0.1.1"
        before = self.sent()
        spent = self.tool("tcp", GENERATOR, "02:00:00:00:00:01", source, target, FLOWS, packets, inside=False)
        self.check(self.sent() - before, packets + 2 * FLOWS if out else 0)
        return spent / packets

    def quiet(self) -> None:
        """Lets connections of a second's timeout run out; idle time costs nothing here."""
        time.sleep(4)

    # What one packet more costs: a run has costs of its own, so two lengths are compared. The median of three,
    # for now and then the kernel does something else meanwhile.

    def slope(self, run, packets: int) -> float:
        costs = sorted((3 * packets * run(3 * packets) - packets * run(packets)) / (2 * packets) for _ in range(3))
        return costs[1]

    def steady(self, target: str, source: str = "10.0.1.1", flows: int = FLOWS, out: bool = True) -> float:
        """Established UDP flows."""
        return self.slope(lambda count: self.pktgen(count, target, flows, source=source, out=out), 1600 // self.scale)

    def fresh(self, packets: int, target: str = VIP) -> float:
        """New connections, every run with ports that were not used before."""
        self.port = 10000

        def run(count: int) -> float:
            self.port += count
            return self.pktgen(count, target, count, first_port=self.port - count)

        return self.slope(run, packets // self.scale)

    def segments(self, target: str, out: bool = True) -> float:
        """Established TCP flows; setting up is not part of what is counted."""
        return sorted(self.tcp(3200 // self.scale, target, out) for _ in range(3))[1]

    # What is measured

    def baseline(self) -> None:
        with self.director():
            self.sh("tc qdisc add dev in0 clsact; tc filter add dev in0 ingress matchall action drop", inside=True)
            self.plain("drop", False)
            self.sh("tc qdisc del dev in0 clsact", inside=True)
            self.plain("forward", True)

    def plain(self, name: str, out: bool) -> None:
        for family, target, source in (("4", SERVER, "10.0.1.1"), ("6", SERVER6, "2001:db8:c::9")):
            self.pktgen(200, target, source=source, out=out)
            self.result(f"{name}/udp{family}", self.steady(target, source, out=out))
            self.result(f"{name}/tcp{family}", self.segments(target, out))

    def established(self) -> None:
        for method, option in OPTION.items():
            with self.director():
                self.sh(f"""
                    ipvsadm -R <<END
-A -u {VIP}:80 -s rr
-a -u {VIP}:80 -r {SERVER}:80 {option}
-A -t {VIP}:80 -s rr
-a -t {VIP}:80 -r {SERVER}:80 {option}
-A -u [{VIP6}]:80 -s rr
-a -u [{VIP6}]:80 -r [{SERVER6}]:80 {option}
-A -t [{VIP6}]:80 -s rr
-a -t [{VIP6}]:80 -r [{SERVER6}]:80 {option}
END
                    """, inside=True)
                for family, vip, source in (("4", VIP, "10.0.1.1"), ("6", VIP6, "2001:db8:c::9")):
                    self.pktgen(FLOWS * 2, vip, source=source)
                    self.result(f"established {method}/udp{family}", self.steady(vip, source))
                    self.result(f"established {method}/tcp{family}", self.segments(vip))
                self.result(f"new {method}/udp4", self.fresh(1000))

    def schedulers(self) -> None:
        for servers in (4, 64, 1024, 4096):
            with self.director():
                self.sh("ipvsadm --set 900 120 1", inside=True)
                self.tool("services", 0, 1)
                before = available()
                spent = self.tool("dests", 0, servers, METHODS["DR"], 0x0A020001)
                if servers == 4096:
                    self.result("memory/server", (before - available()) / servers)
                    self.result("netlink add server/4096", spent / servers)
                # Every server's route is looked up once, which is not what is asked here.
                self.pktgen(servers, VIP, flows=servers, source="10.0.3.1")
                for name in self.some:
                    if not self.switch(name):
                        continue
                    self.pktgen(32, VIP, flows=32, source="10.0.3.1")
                    self.result(f"new {name}/{servers}", self.fresh(256))
                    self.quiet()

    def switch(self, name: str) -> bool:
        """False: this scheduler does not take so many servers (mh, with a table that is too small)."""
        with self.inside():
            return subprocess.run([self.load, "scheduler", "0", name], stdout=subprocess.DEVNULL,
                                  stderr=subprocess.DEVNULL).returncode == 0

    def connections(self, most: int) -> None:
        """Established DR flows of one service beside many connections of another, whose server is a black hole."""
        with self.director():
            self.sh(f"""
                ipvsadm -A -u {VIP}:80 -s rr; ipvsadm -a -u {VIP}:80 -r {SERVER} -g
                ipvsadm -A -u 172.17.0.0:80 -s rr; ipvsadm -a -u 172.17.0.0:80 -r 10.3.0.1 -g
                ipvsadm --set 900 120 3000
                """, inside=True)
            flows, before, begun = 1000, available(), busy()
            for step, total in enumerate((1000, 100_000, 1_000_000)):
                if total > most:
                    break
                self.grow(step, total)
                if total == 100_000:
                    self.result("memory/connection, all", (before - available()) / total)
                    self.result("memory/connection, slab", int(Path("/sys/kernel/slab/ip_vs_conn/slab_size").read_text()))
                self.pktgen(flows, VIP, flows=flows)
                self.result(f"lookup connections/{total}", self.steady(VIP, flows=flows))
            self.result("connections", total)
            begun = busy()
        self.result(f"remove connection/{total}", (busy() - begun) / total)
        self.returned(f"memory kept/connection of {total}", before, total)

    def grow(self, step: int, total: int) -> None:
        """More connections, from addresses and ports that had none yet, until there are `total`."""
        missing = total - self.entries()
        self.pktgen(missing, "172.17.0.0", flows=60000, source=f"10.0.{step + 2}.1", sources=17, out=False)
        if self.entries() != total:
            raise SystemExit(f"{self.module}: {self.entries()} connections instead of {total}")

    def returned(self, name: str, before: int, count: int) -> None:
        """What is still in use of what `count` things have needed, in bytes of each; the last frees come late."""
        time.sleep(3)
        self.result(name, (before - available()) / count)

    def entries(self) -> int:
        """Connections there are, by what the server of the black hole has."""
        with self.inside():
            text = Path("/proc/thread-self/net/ip_vs").read_text()
        return sum(int(line.split()[-1]) + int(line.split()[-2]) for line in text.splitlines() if "0A030001" in line)

    def services(self, most: int) -> None:
        """New connections to the oldest of many services, and what adding a thousand more costs."""
        with self.director():
            self.sh("ipvsadm --set 900 120 1", inside=True)
            before = available()
            self.tool("services", 0, 1)
            self.tool("dests", 0, 4, METHODS["DR"], 0x0A020001)
            there = 1
            for total in (1, 10_000, 100_000):
                if total > most:
                    break
                if total > there:
                    self.tool("services", there, total - there)
                    there = total
                self.pktgen(32, VIP, flows=32, source="10.0.3.1")
                self.result(f"new of services/{total}", self.fresh(500))
                self.result(f"add service/{total}", self.tool("services", there, 1000) / 1000)
                there += 1000
                self.quiet()
            begun = busy()
            self.sh("ipvsadm -C", inside=True)
            self.returned(f"memory kept/service of {there}", before, there)
            self.result(f"remove service/{there}", (busy() - begun) / there)

    def netlink(self, count: int) -> None:
        with self.director():
            before = available()
            self.result(f"netlink fill {count} x 5", self.tool("fill", count, 5))
            self.result("memory/service with 5 servers", (before - available()) / count)
            self.result(f"netlink dump {count} x 5", self.tool("dump", count))


def available() -> int:
    """Bytes not used by the kernel's objects, as well as they are known."""
    fields = dict(line.split()[:2] for line in Path("/proc/meminfo").read_text().splitlines())
    return -1024 * sum(int(fields[name]) for name in ("Slab:", "Percpu:", "VmallocUsed:"))


def busy() -> int:
    """Nanoseconds this machine has worked, however long it has slept."""
    fields = Path("/proc/stat").read_text().splitlines()[0].split()[1:]
    idle, waiting = 3, 4
    worked = sum(int(field) for index, field in enumerate(fields[:8]) if index not in (idle, waiting))
    return worked * 1_000_000_000 // os.sysconf("SC_CLK_TCK")


def load_module(which: str) -> None:
    """`stock` is the kernel's own file whatever modprobe would prefer."""
    subprocess.run(["modprobe", "-a", "nf_conntrack", "nf_defrag_ipv6", "libcrc32c", "ip_tunnel", "udp_tunnel", "ip6_udp_tunnel"],
                   check=False)
    if which == "ours":
        subprocess.run(["modprobe", "ip_vs"], check=True)
        return
    folder = Path(f"/lib/modules/{os.uname().release}/kernel/net/netfilter/ipvs")
    for name in ("ip_vs", *(f"ip_vs_{scheduler}" for scheduler in SCHEDULERS)):
        for file in folder.glob(f"{name}.ko*"):
            subprocess.run(["insmod", file], check=True)


def unload_modules() -> None:
    wait_for(ipvs_modules.unload, 60, "the module is unloaded", interval=0.2)


def main() -> int:
    parser = argparse.ArgumentParser()
    parser.add_argument("load")
    parser.add_argument("modules", nargs="+", choices=("stock", "ours"))
    parser.add_argument("--only", action="append", default=[])
    parser.add_argument("--scheduler", action="append", choices=SCHEDULERS, help="only these")
    parser.add_argument("--scale", type=int, default=1)
    parser.add_argument("--connections", type=int, default=1_000_000)
    parser.add_argument("--services", type=int, default=100_000)
    options = parser.parse_args()
    subprocess.run(["modprobe", "-a", "pktgen", "veth", "dummy", "sch_ingress", "cls_matchall", "act_gact"], check=True)
    Path("/sys/kernel/rcu_expedited").write_text("1\n")
    Path("/proc/sys/kernel/printk").write_text("1\n")
    parts = {"baseline": Bench.baseline, "established": Bench.established, "schedulers": Bench.schedulers,
             "netlink": lambda bench: bench.netlink(10_000 // options.scale),
             "services": lambda bench: bench.services(options.services),
             "connections": lambda bench: bench.connections(options.connections)}
    for module in options.modules:
        unload_modules()
        load_module(module)
        bench = Bench(options.load, module, options.scale, options.scheduler or SCHEDULERS)
        for name, part in parts.items():
            if not options.only or name in options.only:
                begun = time.monotonic()
                part(bench)
                print(f"{module} {name}: {time.monotonic() - begun:.1f} G instructions", file=sys.stderr, flush=True)
    unload_modules()
    return 0


if __name__ == "__main__":
    sys.exit(main())
