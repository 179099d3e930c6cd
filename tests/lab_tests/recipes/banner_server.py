#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""banner_server.py ADDRESS PORT LINE: says LINE to everybody who connects."""
import socketserver
import sys


class Speak(socketserver.BaseRequestHandler):
    def handle(self):
        self.request.sendall(sys.argv[3].encode() + b"\r\n")


socketserver.ThreadingTCPServer.allow_reuse_address = True
socketserver.ThreadingTCPServer((sys.argv[1], int(sys.argv[2])), Speak).serve_forever()
