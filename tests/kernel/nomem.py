#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""Every allocation of every kind of request fails once: a request is done or not, never half, and nothing is lost.

    tests/lab run --kernel debug --ipvs bundled --memory 2048 -- tests/kernel/nomem.py

Needs a kernel with FAILSLAB (the debug kernel). The n-th allocation of the task is made to fail, for n = 1, 2, ...
until a request gets by without. After each the listing must be what it was before or what the request would have made
of it; a refused one leaves the generation as it was. What does not come back is for kmemleak to say.
"""

import errno
import os
import struct
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))

import nl  # noqa: E402  (the path comes first)
import stage  # noqa: E402
from case import (DEL_DEST, DEL_SERVICE, DEST, FLUSH, GET_DEST, GET_SERVICE, NEW_DEST, NEW_SERVICE, SERVICE,  # noqa: E402
                  SET_DEST, SET_SERVICE, VIP, VIP6, ZERO, dest_nest, service_key, service_nest)
from stage import SERVERS, SERVERS6  # noqa: E402

SCHEDULERS = "rr wrr lc wlc lblc lblcr dh sh sed nq fo ovf mh twos".split()
GENERATION, BATCH = 1, 2  # of LVSD_IPVS; attributes below
SERVER, SERVICE_SET, SERVICE_REPLACE, SERVICE_SERVERS, SERVICE_DEL = 5, 6, 7, 8, 9
WEB, WEB6, OTHER = ("tcp", VIP, 80), ("tcp", VIP6, 80), ("udp", VIP, 53)
MOST = 400  # allocations of one request


class Failing:
    """Makes the n-th allocation of this thread fail."""

    def __init__(self):
        for name, value in (("ignore-gfp-wait", "N"), ("verbose", "0")):
            Path("/sys/kernel/debug/failslab", name).write_text(value + "\n")
        self.file = os.open("/proc/thread-self/fail-nth", os.O_RDWR)

    def send(self, client: nl.Generic, command: int, pairs, nth: int) -> tuple[int, bool]:
        """The errno of the request and whether an allocation of it has failed."""
        client.sequence += 1
        body = struct.pack("=BBH", command, 1, 0) + nl.attributes(pairs)
        data = nl.message(client.family, nl.REQUEST | nl.ACK, client.sequence, body)
        order, code = b"%d\n" % nth, 0
        os.pwrite(self.file, order, 0)
        try:
            client.socket.send(data)
        except OSError as error:
            code = error.errno
        left = os.pread(self.file, 16, 0)
        os.pwrite(self.file, b"0\n", 0)
        return code or self._answer(client), int(left) == 0

    @staticmethod
    def _answer(client: nl.Generic) -> int:
        while True:
            try:
                data = client.socket.recv(1 << 18)
            except OSError as error:  # ENOBUFS: done or not, the answer found no memory
                return error.errno
            for kind, _, sequence, content in nl.split(data):
                if kind == nl.NLMSG_ERROR and sequence == client.sequence:
                    return -struct.unpack_from("=i", content)[0]


def listing(ipvs: nl.Generic) -> list:
    """Every service and server, without the numbers the kernel gives them."""
    found = []
    for _, body in ipvs.ask(GET_SERVICE, [], nl.DUMP)[1]:
        nest = dict(nl.parse(dict(nl.parse(body[4:]))[SERVICE]))
        key = [(kind, nest[kind]) for kind in (1, 2, 3, 4, 5) if kind in nest]
        servers = [dict(nl.parse(dict(nl.parse(each[4:]))[DEST])) for _, each in ipvs.ask(GET_DEST, [(SERVICE, key)], nl.DUMP)[1]]
        found.append((key, [nest[kind] for kind in (6, 7, 8, 9)], sorted(tuple(one[kind] for kind in (1, 2, 3, 4)) for one in servers)))
    return sorted(found)


def generation(events: nl.Generic) -> int:
    return struct.unpack("=Q", dict(nl.parse(events.ask(GENERATION)[1][0][1][4:]))[2])[0]


def scene(ipvs: nl.Generic) -> None:
    """What every request finds: two services, one of them with servers, one server in the trash."""
    must(ipvs, FLUSH, [])
    must(ipvs, NEW_SERVICE, [(SERVICE, service_nest(WEB, "wlc"))])
    for server in SERVERS[:4]:
        must(ipvs, NEW_DEST, [(SERVICE, service_key(WEB)), (DEST, dest_nest(server, 80))])
    must(ipvs, DEL_DEST, [(SERVICE, service_key(WEB)), (DEST, dest_nest(SERVERS[3], 80))])
    must(ipvs, NEW_SERVICE, [(SERVICE, service_nest(OTHER, "rr"))])


def must(ipvs: nl.Generic, command: int, pairs) -> None:
    code, _ = ipvs.ask(command, pairs)
    if code:
        raise SystemExit(f"command {command}: {errno.errorcode.get(code, code)}")


def requests():
    """(name, of LVSD_IPVS?, command, attributes)"""
    web = (SERVICE, service_key(WEB))
    for name in SCHEDULERS:
        yield f"new service {name}", False, NEW_SERVICE, [(SERVICE, service_nest(WEB6, name))]
        yield f"scheduler to {name}", False, SET_SERVICE, [(SERVICE, service_nest(WEB, name))]
    yield "new server", False, NEW_DEST, [web, (DEST, dest_nest(SERVERS[5], 80))]
    yield "server back from the trash", False, NEW_DEST, [web, (DEST, dest_nest(SERVERS[3], 80))]
    yield "server changed", False, SET_DEST, [web, (DEST, dest_nest(SERVERS[0], 80, weight=7))]
    yield "server gone", False, DEL_DEST, [web, (DEST, dest_nest(SERVERS[0], 80))]
    yield "zero", False, ZERO, [web]
    yield "service gone", False, DEL_SERVICE, [web]
    yield "flush", False, FLUSH, []
    yield "batch", True, BATCH, batch()


def batch() -> list:
    """A service changed with its scheduler and all servers but one, one made, one gone."""
    pairs = [(SERVICE_REPLACE, service_nest(WEB, "mh")), (SERVER, dest_nest(SERVERS[0], 80, weight=5))]
    pairs += [(SERVER, dest_nest(server, 80)) for server in SERVERS[3:7]]
    pairs.append((SERVICE_REPLACE, service_nest(WEB6, "lblcr")))
    pairs += [(SERVER, dest_nest(server, 80)) for server in SERVERS6[:3]]
    return pairs + [(SERVICE_DEL, service_key(OTHER))]


def main() -> int:
    stage.prepare_machine()
    director = stage.Director(stage.World())
    with director.inside():
        events = nl.Generic("LVSD_IPVS")
    failing, bad = Failing(), 0
    for name, ours, command, pairs in requests():
        client = events if ours else director.ipvs
        scene(director.ipvs)
        must(client, command, pairs)
        after = listing(director.ipvs)
        wrong, tried = attempts(failing, director.ipvs, events, client, command, pairs, after)
        print(f"{'FAILED' if wrong else 'ok':8}{name}: {tried} allocations failed one by one", flush=True)
        for line in wrong:
            print(f"        {line}")
        bad += bool(wrong)
    must(director.ipvs, FLUSH, [])
    events.close()
    director.close()
    print(f"{bad} failed")
    return 1 if bad else 0


def attempts(failing: Failing, ipvs, events, client, command: int, pairs, after) -> tuple[list[str], int]:
    wrong = []
    for nth in range(1, MOST):
        scene(ipvs)
        before, number = listing(ipvs), generation(events)
        code, failed = failing.send(client, command, pairs, nth)
        is_now, grew = listing(ipvs), generation(events) - number
        said = f"allocation {nth}: {errno.errorcode.get(code, code)}"
        if not failed:
            if code or is_now != after:
                wrong.append(f"{said} although nothing failed")
            return wrong, nth - 1
        if code == 0 and is_now != after:
            wrong.append(f"{said}, but it is not done: {is_now}")
        elif code and is_now not in (before, after):
            wrong.append(f"{said}, and half done: {is_now}")
        elif code not in (0, errno.ENOMEM, errno.ENOBUFS):
            wrong.append(f"{said} is not what to say without memory")
        elif is_now == before != after and grew:
            wrong.append(f"{said}: nothing changed, but the generation did by {grew}")
    return [*wrong, f"more than {MOST} allocations"], MOST


if __name__ == "__main__":
    sys.exit(main())
