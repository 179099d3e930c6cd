# SPDX-License-Identifier: GPL-2.0-or-later
"""Small servers for health checks to meet: `python3 _peers.py smtp|grpc|listen|silence PORT [CERTIFICATE KEY]`,
and those that mean ill: `_peers.py hostile (PORT flood|drip|half|reset POLITE ENDLESS)...`, what is said in hexadecimal
digits."""

import collections
import selectors
import socket
import ssl
import struct
import sys
import threading
import time


DRIP = 0.02  # seconds between bytes


def hostile(words):
    """On each port the polite bytes first; then, by the port's manner: `flood` says the others over and over, as fast as
    they are taken, `drip` a byte at a time, `half` closes its direction and stays, `reset` breaks off."""
    selector = selectors.DefaultSelector()
    dripping, halves = collections.deque(), collections.deque(maxlen=256)
    for port, manner, polite, endless in zip(*(words[place::4] for place in range(4))):
        listener = socket.create_server(("", int(port)), backlog=256)
        listener.setblocking(False)
        endless = bytes.fromhex(endless)
        selector.register(listener, selectors.EVENT_READ, (manner, bytes.fromhex(polite), endless * (1 + 65536 // len(endless))))
    print("ready", flush=True)

    def meet(listener, manner, polite, endless):
        connection, _ = listener.accept()
        connection.send(polite)
        if manner == "flood":
            connection.setblocking(False)
            selector.register(connection, selectors.EVENT_WRITE, (None, endless, None))
        elif manner == "drip":
            dripping.append((time.monotonic() + DRIP, connection, endless, 0))
        elif manner == "half":
            connection.shutdown(socket.SHUT_WR)
            halves.append(connection)
        else:
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            connection.close()

    def drip():
        while dripping and dripping[0][0] <= time.monotonic():
            _, connection, endless, place = dripping.popleft()
            try:
                connection.send(endless[place:place + 1])
                dripping.append((time.monotonic() + DRIP, connection, endless, place + 1))
            except OSError:
                connection.close()

    while True:
        for key, _ in selector.select(DRIP):
            manner, said, endless = key.data
            try:
                if manner:
                    meet(key.fileobj, manner, said, endless)
                else:
                    key.fileobj.send(said)  # what is left over begins anew: it is no more than noise
            except BlockingIOError:
                pass
            except OSError:
                if not manner:
                    selector.unregister(key.fileobj)
                    key.fileobj.close()
        drip()


def silence(port):
    """Connections come about, since the kernel takes them; nobody says anything."""
    return socket.create_server(("", port), backlog=4096)


def smtp(port, certificate, key):
    from aiosmtpd.controller import Controller

    class Nothing:
        async def handle_DATA(self, _server, _session, _envelope):
            return "554 no mail here"

    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(certificate, key)
    Controller(Nothing(), hostname="", port=port, tls_context=context).start()


def grpc(port, certificate=None, key=None):
    from concurrent.futures import ThreadPoolExecutor

    import grpc

    def check(request, context):
        service = request[2:].decode()  # a field header, then the name
        if service in ("", "up"):
            return b"\x08\x01"  # SERVING
        if service == "down":
            return b"\x08\x02"
        context.abort(grpc.StatusCode.NOT_FOUND, "no such service")

    server = grpc.server(ThreadPoolExecutor(4))
    server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler(
        "grpc.health.v1.Health", {"Check": grpc.unary_unary_rpc_method_handler(check)}),))
    if certificate:
        pair = (open(key, "rb").read(), open(certificate, "rb").read())
        server.add_secure_port(f"0.0.0.0:{port}", grpc.ssl_server_credentials([pair]))
    else:
        server.add_insecure_port(f"0.0.0.0:{port}")
    server.start()
    return server


def listen(port):
    """Says when connections come, and from where; nothing to them."""
    server = socket.create_server(("0.0.0.0", port), backlog=1000)

    def accept():
        while True:
            connection, peer = server.accept()
            print(f"{time.monotonic():.6f} {peer[0]}", flush=True)
            connection.close()

    threading.Thread(target=accept, daemon=True).start()
    return server


if __name__ == "__main__":
    if sys.argv[1] == "hostile":
        hostile(sys.argv[2:])
    kept = {"silence": silence, "smtp": smtp, "grpc": grpc, "listen": listen}[sys.argv[1]](int(sys.argv[2]), *sys.argv[3:])
    print("ready", flush=True)
    threading.Event().wait()
