#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""Services, servers, namespaces and the module itself come and go under traffic; then nothing may be left.

    tests/lab run --ipvs bundled -- tests/kernel/churn.py --seconds 120

Three processes work on their own directors: one sends packets and changes the services they go to, one makes and
ends whole namespaces, and between rounds everything is taken down, the module unloaded and loaded again. The verdict:
no complaint in the kernel's log, no module that stays, and slab memory back where the first round left it.
"""

import argparse
import contextlib
import os
import random
import re
import subprocess
import sys
import time
import traceback
from pathlib import Path

sys.path[:0] = [str(Path(__file__).resolve().parent), str(Path(__file__).resolve().parents[1])]

import nl  # noqa: E402  (the path comes first)
import stage  # noqa: E402
from case import (DEL_DEST, DEL_SERVICE, DEST, FLUSH, GET_DEST, GET_SERVICE, NEW_DEST, NEW_SERVICE, SERVICE,  # noqa: E402
                  SET_DEST, SET_SERVICE, VIP, VIP6, ZERO, dest_nest, service_key, service_nest)
from labkit import ipvs_modules  # noqa: E402
from stage import CLIENTS, CLIENTS6, SERVERS, SERVERS6  # noqa: E402
from wire import ACK, FIN, RST, SYN, ip, tcp, udp  # noqa: E402

COMPLAINT = re.compile(r"WARNING:|BUG:|Call Trace|general protection|Oops|KASAN|UBSAN|possible recursive|suspicious RCU|"
                       r"unreferenced object|unregister_netdevice: waiting|refcount_t|blocked for more than")
SCHEDULERS = "rr wrr lc wlc lblc lblcr dh sh sed nq fo ovf mh".split()
KEYS = [("tcp", VIP, 80), ("udp", VIP, 80), ("udp", VIP6, 80), ("tcp", VIP6, 80), ("udp", VIP, 0)]
LEAST_ROUNDS = 3  # fewer say nothing about a leak
SLACK = 0.10  # of the slab memory after the first round, for what the rest of the kernel does meanwhile


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=120)
    parser.add_argument("--round", type=float, default=10, help="seconds between two unloadings of the module")
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    Path("/sys/kernel/rcu_expedited").write_text("1\n", encoding="ascii")
    stage_ends = time.monotonic() + options.seconds
    slabs, rounds = [], 0
    while time.monotonic() < stage_ends or rounds < LEAST_ROUNDS:
        rounds += 1
        load_modules()
        status = one_round(options.round, options.seed * 1000 + rounds)
        if status:
            print(f"round {rounds}: {status}")
            return 1
        slabs.append(take_down())
        complaints = kernel_complaints()
        if complaints:
            print("\n".join(["the kernel complained:", *complaints]))
            return 1
    return verdict(slabs)


def load_modules() -> None:
    """The schedulers too, before anything happens: the kernel's own module asks for them with its mutex held, and then
    the end of a namespace (which wants the mutex) and lblc's registration (which wants namespaces to rest) wait for
    each other forever."""
    subprocess.run(["modprobe", "-a", "ip_vs", "veth"], check=True)
    for name in SCHEDULERS:
        subprocess.run(["modprobe", "-q", f"ip_vs_{name}"], check=False)


def one_round(seconds: float, seed: int) -> str:
    children = [start(worker, seed + index, time.monotonic() + seconds) for index, worker in enumerate((traffic, namespaces))]
    failed = [pid for pid in children if os.waitpid(pid, 0)[1]]
    return f"{len(failed)} workers failed" if failed else ""


def start(worker, seed: int, end: float) -> int:
    child = os.fork()
    if child:
        return child
    try:
        worker(random.Random(seed), end)
        os._exit(0)
    except BaseException:  # the parent only sees the status
        traceback.print_exc()
        os._exit(1)


def change(ipvs, source) -> None:
    """One command, right or wrong; what it answers does not matter here."""
    key = source.choice(KEYS)
    six = ":" in key[1]
    server = source.choice(SERVERS6 if six else SERVERS)
    command = source.choice((NEW_SERVICE, NEW_SERVICE, SET_SERVICE, DEL_SERVICE, NEW_DEST, NEW_DEST, NEW_DEST, SET_DEST, DEL_DEST,
                             ZERO, GET_SERVICE, GET_DEST))
    if command in (NEW_SERVICE, SET_SERVICE):
        nest = service_nest(key, source.choice(SCHEDULERS), flags=1 if key[2] == 0 else source.choice((0, 0, 1, 4)), timeout=2)
        ipvs.ask(command, [(SERVICE, nest)])
    elif command == GET_DEST:
        ipvs.ask(command, [(SERVICE, service_key(key))], nl.DUMP)
    elif command in (DEL_SERVICE, ZERO, GET_SERVICE):
        ipvs.ask(command, [(SERVICE, service_key(key))], nl.DUMP if command == GET_SERVICE else 0)
    else:
        dest = dest_nest(server, key[2], source.choice((0, 2, 3)), weight=source.choice((0, 1, 3)), upper=source.choice((0, 0, 5)))
        ipvs.ask(command, [(SERVICE, service_key(key)), (DEST, dest)])
    if source.random() < 0.01:
        ipvs.ask(FLUSH)


def packet(source) -> tuple[str, bytes]:
    six = source.random() < 0.5
    clients, vip, servers = (CLIENTS6, VIP6, SERVERS6) if six else (CLIENTS, VIP, SERVERS)
    port, flags = source.randrange(1024, 3000), source.choice((SYN, SYN, ACK, FIN | ACK, RST))
    if source.random() < 0.3:
        payload = tcp(80, port, flags) if source.random() < 0.5 else udp(80, port)
        return "sa", ip(source.choice(servers), source.choice(clients), payload)
    payload = tcp(port, 80, flags) if source.random() < 0.5 else udp(port, 80)
    return "cl", ip(source.choice(clients), vip, payload)


def traffic(source, end: float) -> None:
    director = stage.Director(stage.World())
    with director.inside():
        for name in ("expire_nodest_conn", "expire_quiescent_template"):
            stage.write(f"/proc/sys/net/ipv4/vs/{name}", 1)
    while time.monotonic() < end:
        change(director.ipvs, source)
        for _ in range(8):
            director.inject(*packet(source))
        director.harvest()


def namespaces(source, end: float) -> None:
    world = stage.World()
    while time.monotonic() < end:
        director = stage.Director(world)
        for _ in range(source.randrange(12)):
            change(director.ipvs, source)
        for _ in range(source.randrange(20)):
            director.inject(*packet(source))
        director.close()  # with its services and connections: the end of the namespace is the test


def take_down() -> int:
    """Unloads the module, which needs every namespace with services to have ended, and weighs the slabs."""
    if not stage.wait_until(ipvs_modules.unload, 120, 0.2):
        print("the module does not unload: something still holds it")
        print("\n".join(kernel_complaints()))
        raise SystemExit(1)
    # A cache that was merged with one of the kernel's own leaves its name, a link, for good. One of its own must go.
    caches = [path for path in Path("/sys/kernel/slab").glob("ip_vs*") if not path.is_symlink()]
    if not stage.wait_until(lambda: not any(path.exists() for path in caches), 20):
        raise SystemExit(f"still there without the module: {', '.join(path.name for path in caches)}")
    for shrink in Path("/sys/kernel/slab").glob("*/shrink"):
        with contextlib.suppress(OSError):
            shrink.write_text("1\n", encoding="ascii")
    fields = dict(line.split()[:2] for line in Path("/proc/meminfo").read_text(encoding="ascii").splitlines())
    return int(fields["SUnreclaim:"]) + int(fields["Percpu:"])


def kernel_complaints() -> list[str]:
    shown = subprocess.run(["dmesg"], stdout=subprocess.PIPE, text=True, check=True).stdout.splitlines()
    first = next((index for index, line in enumerate(shown) if COMPLAINT.search(line)), None)
    return [] if first is None else shown[max(0, first - 2):first + 40]


def verdict(slabs: list[int]) -> int:
    print(f"{len(slabs)} rounds; unreclaimable slab and per-CPU memory after each, KiB: {slabs}")
    if slabs[-1] > slabs[0] * (1 + SLACK):
        print("the memory did not come back")
        return 1
    print("no complaint, no leak")
    return 0


if __name__ == "__main__":
    sys.exit(main())
