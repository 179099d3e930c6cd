# SPDX-License-Identifier: GPL-2.0-or-later
"""Small servers for health checks to meet: `python3 _peers.py smtp|grpc|listen PORT [CERTIFICATE KEY]`,
and one that never ends: `_peers.py flood PORT POLITE ENDLESS...`, what it says in hexadecimal digits."""

import selectors
import socket
import ssl
import sys
import threading
import time


def flood(words):
    """On each port: first the polite bytes, then the others over and over, as fast as they are taken."""
    selector = selectors.DefaultSelector()
    for port, polite, endless in zip(words[::3], words[1::3], words[2::3]):
        listener = socket.create_server(("", int(port)), backlog=256)
        listener.setblocking(False)
        endless = bytes.fromhex(endless)
        selector.register(listener, selectors.EVENT_READ, (bytes.fromhex(polite), endless * (1 + 65536 // len(endless))))
    print("ready", flush=True)
    while True:
        for key, _ in selector.select():
            said, more = key.data
            try:
                if more is None:
                    key.fileobj.send(said)  # what is left over begins anew: it is no more than noise
                    continue
                connection, _ = key.fileobj.accept()
                connection.send(said)
                connection.setblocking(False)
                selector.register(connection, selectors.EVENT_WRITE, (more, None))
            except BlockingIOError:
                pass
            except OSError:
                if more is None:
                    selector.unregister(key.fileobj)
                    key.fileobj.close()


def silence(port):
    """Takes connections and says nothing."""
    listener = socket.create_server(("", port), backlog=1024)
    print("ready", flush=True)
    taken = []
    while True:
        taken.append(listener.accept()[0])
        del taken[:-4096]


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
    if sys.argv[1] == "flood":
        flood(sys.argv[2:])
    kept = {"silence": silence, "smtp": smtp, "grpc": grpc, "listen": listen}[sys.argv[1]](int(sys.argv[2]), *sys.argv[3:])
    print("ready", flush=True)
    threading.Event().wait()
