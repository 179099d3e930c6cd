#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""Batches of LVSD_IPVS under traffic: what packets see of them.

    tests/lab run --ipvs bundled -- tests/kernel/batches.py --seconds 10

One process sends new flows to a service without a pause; the other replaces all servers of that service by others and
back, changes the scheduler on the way, and between that sends batches that are wrong at their end. No packet may get
lost, none may reach a server that only wrong batches name, and once a replacement is acknowledged nothing new may go to
the servers that left.
"""

import argparse
import errno
import os
import struct
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))

import nl  # noqa: E402  (the path comes first)
import stage  # noqa: E402
from case import DROUTE, FLUSH, NEW_SERVICE, SERVICE, VIP, dest_nest, service_key, service_nest  # noqa: E402
from stage import CLIENTS, SERVERS  # noqa: E402
from wire import ip, udp  # noqa: E402

BATCH, SERVER, SERVICE_REPLACE, SERVICE_SERVERS = 2, 5, 7, 8
KEY = ("udp", VIP, 80)
SETS = (SERVERS[0:3], SERVERS[3:6])
NEVER = SERVERS[6]  # in wrong batches alone
SCHEDULERS = "rr wrr lc wlc sed nq fo ovf twos sh dh mh lblc lblcr".split()
BURST = 48


class Load:
    def __init__(self, world: stage.World):
        self.director = stage.Director(world)
        with self.director.inside():
            self.events = nl.Generic("LVSD_IPVS")
        self.port, self.client, self.sent = 1024, 0, 0
        code, _ = self.director.ipvs.ask(NEW_SERVICE, [(SERVICE, service_nest(KEY, "rr"))])
        assert code == 0, code
        self.replace(SETS[0], "rr")

    def batch(self, pairs) -> int:
        return self.events.ask(BATCH, pairs)[0]

    def replace(self, servers, scheduler: str | None = None) -> None:
        step = (SERVICE_REPLACE, service_nest(KEY, scheduler)) if scheduler else (SERVICE_SERVERS, service_key(KEY))
        code = self.batch([step, *((SERVER, dest_nest(server, 80, DROUTE)) for server in servers)])
        assert code == 0, errno.errorcode.get(code, code)

    def wrong(self) -> None:
        """Adds a server, removes all others, and then names one that cannot be."""
        code = self.batch([(SERVICE_SERVERS, service_key(KEY)), (SERVER, dest_nest(NEVER, 80, DROUTE)),
                           (SERVER, dest_nest("224.0.0.1", 80, DROUTE))])
        assert code == errno.EINVAL, errno.errorcode.get(code, code)

    def burst(self) -> set[str]:
        """New flows, all of which must come out; the servers that they came out to."""
        for _ in range(BURST):
            self.port += 1
            if self.port == 65000:
                self.port, self.client = 1024, (self.client + 1) % len(CLIENTS)
            self.director.inject("cl", ip(CLIENTS[self.client], VIP, udp(self.port, 80)))
        self.sent += BURST
        came = [bytes.fromhex(data)[stage.VNET_HEADER:] for link, data in self.director.harvest() if link == "sa"]
        assert len(came) == BURST, f"{len(came)} of {BURST} packets came out, after {self.sent}"
        found = {frame[:6] for frame in came}
        return {server for server in SERVERS if stage.mac_of(server) in found}


def change(load: Load, end: float) -> int:
    rounds = 0
    while time.monotonic() < end:
        load.wrong()
        load.replace(SETS[rounds % 2], SCHEDULERS[rounds % len(SCHEDULERS)] if rounds % 3 == 0 else None)
        rounds += 1
    return rounds


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=10)
    options = parser.parse_args()
    stage.prepare_machine()
    load = Load(stage.World())
    # Acknowledged: from here on only the new ones.
    for index, scheduler in enumerate(SCHEDULERS):
        load.replace(SETS[index % 2], scheduler)
        assert load.burst() <= set(SETS[index % 2]), scheduler
    end = time.monotonic() + options.seconds
    read, write = os.pipe()
    child = os.fork()
    if child == 0:
        os.sched_setaffinity(0, {os.cpu_count() - 1})
        os.write(write, struct.pack("=Q", change(load, end)))
        os._exit(0)
    os.close(write)
    seen = set()
    while os.waitpid(child, os.WNOHANG) == (0, 0):
        seen |= load.burst()
    rounds = os.read(read, 8)
    assert len(rounds) == 8, "the process that sends batches failed"
    assert seen <= {*SETS[0], *SETS[1]}, f"packets went to {seen - {*SETS[0], *SETS[1]}}"
    load.director.ipvs.ask(FLUSH)
    print(f"{struct.unpack('=Q', rounds)[0]} replacements and as many refusals under {load.sent} new flows, none of them lost")
    return 0


if __name__ == "__main__":
    sys.exit(main())
