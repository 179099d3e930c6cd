# SPDX-License-Identifier: GPL-2.0-or-later
"""The state machines, exhaustively: every sequence of events up to a length, each on a connection of its own."""

import itertools

from case import CASES, DROUTE, MASQ, VIP, VIP6
from stage import CLIENTS, CLIENTS6, SERVERS, SERVERS6
from wire import ACK, FIN, RST, SYN, chunk, ip, sctp, tcp

TCP_EVENTS = {"syn": SYN, "synack": SYN | ACK, "fin": FIN | ACK, "ack": ACK, "rst": RST, "none": 0}
BOTH_WAYS = [(way, name) for way in ("in", "out") for name in TCP_EVENTS]
ONE_WAY = [("in", name) for name in TCP_EVENTS]
CHUNKS = (0, 1, 2, 3, 6, 7, 8, 9, 10, 11, 14, 192)


def tcp_sequences(t, first, length, alphabet, vip, client, server, method):
    """SYN from the client, then `first`, then every sequence of `length` events."""
    t.cluster(("tcp", vip, 80), [server], method=method)
    for number, rest in enumerate(itertools.product(alphabet, repeat=length)):
        t.director.inject("cl", ip(client, vip, tcp(10000 + number, 80, SYN)))
        for way, name in (first, *rest):
            if way == "in":
                t.director.inject("cl", ip(client, vip, tcp(10000 + number, 80, TCP_EVENTS[name])))
            else:
                t.director.inject("sa", ip(server, client, tcp(80, 10000 + number, TCP_EVENTS[name])))
        if number % 36 == 35:
            t.send()
    t.send()
    t.state()


def _register_tcp():
    for reuse, secure in ((1, 0), (0, 0), (1, 3), (3, 0)):
        for first in BOTH_WAYS:
            def run(t, first=first, reuse=reuse, secure=secure):
                t.sysctl("conn_reuse_mode", reuse)
                t.sysctl("secure_tcp", secure)
                tcp_sequences(t, first, 2, BOTH_WAYS, VIP, CLIENTS[0], SERVERS[0], MASQ)
            CASES[f"tcp_states_reuse{reuse}_secure{secure}_{first[0]}_{first[1]}"] = run
    for secure in (0, 3):
        for first in ONE_WAY:
            def one_way(t, first=first, secure=secure):
                t.sysctl("secure_tcp", secure)
                tcp_sequences(t, first, 3, ONE_WAY, VIP, CLIENTS[0], SERVERS[0], DROUTE)
            CASES[f"tcp_states_oneway_secure{secure}_{first[1]}"] = one_way
    for first in (("in", "ack"), ("out", "synack")):
        def six(t, first=first):
            tcp_sequences(t, first, 2, BOTH_WAYS, VIP6, CLIENTS6[0], SERVERS6[0], MASQ)
        CASES[f"tcp_states6_{first[0]}_{first[1]}"] = six


def sctp_sequences(t, first, alphabet, method):
    t.cluster(("sctp", VIP, 80), [SERVERS[0]], method=method)
    for number, rest in enumerate(itertools.product(alphabet, repeat=2)):
        t.director.inject("cl", ip(CLIENTS[0], VIP, sctp(10000 + number, 80, chunk(1))))
        for way, kind in (first, *rest):
            if way == "in":
                t.director.inject("cl", ip(CLIENTS[0], VIP, sctp(10000 + number, 80, chunk(kind))))
            else:
                t.director.inject("sa", ip(SERVERS[0], CLIENTS[0], sctp(80, 10000 + number, chunk(kind))))
        if number % 48 == 47:
            t.send()
    t.send()
    t.state()


def _register_sctp():
    both = [(way, kind) for way in ("in", "out") for kind in CHUNKS if kind != 192]
    for first in both:
        def run(t, first=first):
            sctp_sequences(t, first, both, MASQ)
        CASES[f"sctp_states_{first[0]}_{first[1]}"] = run
    for kind in CHUNKS:
        def one_way(t, kind=kind):
            sctp_sequences(t, ("in", kind), [("in", other) for other in CHUNKS], DROUTE)
        CASES[f"sctp_states_oneway_{kind}"] = one_way


_register_tcp()
_register_sctp()
