# SPDX-License-Identifier: GPL-2.0-or-later
"""The few bytes of D-Bus it takes to ask lvsd's private socket for its state, over and over.

lvsctl does the same, but starting a program costs a third of a second under emulation, and the demo asks many times.
Only what that takes: a method call without arguments, answered by one string (D-Bus specification, "Message Protocol").
"""

import socket
import struct

METHOD_CALL, METHOD_RETURN, ERROR = 1, 2, 3
MAX_MESSAGE = 128 * 1024 * 1024


class Peer:
    """A connection to a D-Bus server without a bus."""

    def __init__(self, path, timeout: float = 5.0):
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self._socket.settimeout(timeout)
        self._serial = 0
        try:
            self._socket.connect(str(path))
            self._authenticate()
        except BaseException:
            self._socket.close()
            raise

    def close(self) -> None:
        self._socket.close()

    def call(self, path: str, interface: str, member: str) -> str:
        """The string the method returns. ValueError when it answers with an error or with something else."""
        self._serial += 1
        self._socket.sendall(encode_call(self._serial, path, interface, member))
        while True:
            kind, body = self._receive()
            if kind == METHOD_RETURN:
                return decode_string(body)
            if kind == ERROR:
                raise ValueError(f"{member} was answered with an error")

    def _authenticate(self) -> None:
        """EXTERNAL without an identity: the server takes the one the kernel tells it."""
        self._socket.sendall(b"\0AUTH EXTERNAL\r\nDATA\r\n")
        answer = b""
        while b"OK " not in answer or not answer.endswith(b"\r\n"):
            more = self._socket.recv(4096)
            if not more or b"REJECTED" in answer:
                raise ConnectionError("the server does not accept us")
            answer += more
        self._socket.sendall(b"BEGIN\r\n")

    def _receive(self) -> tuple[int, bytes]:
        fixed = self._exactly(16)
        order = {b"l": "<", b"B": ">"}[fixed[:1]]
        body_size, _, fields_size = struct.unpack_from(order + "III", fixed, 4)
        if body_size > MAX_MESSAGE or fields_size > MAX_MESSAGE:
            raise ValueError("not a D-Bus message")
        self._exactly(fields_size + -fields_size % 8)
        return fixed[1], order.encode() + self._exactly(body_size)

    def _exactly(self, size: int) -> bytes:
        data = b""
        while len(data) < size:
            more = self._socket.recv(size - len(data))
            if not more:
                raise ConnectionError("the server has closed the connection")
            data += more
        return data


def encode_call(serial: int, path: str, interface: str, member: str) -> bytes:
    fields = b""
    for code, kind, text in ((1, b"o", path), (2, b"s", interface), (3, b"s", member)):
        fields += b"\0" * (-len(fields) % 8)
        fields += struct.pack("<BB1sxI", code, 1, kind, len(text)) + text.encode() + b"\0"
    header = struct.pack("<cBBBIII", b"l", METHOD_CALL, 0, 1, 0, serial, len(fields)) + fields
    return header + b"\0" * (-len(header) % 8)


def decode_string(body: bytes) -> str:
    """body: the byte order as struct writes it, then the bytes of the message."""
    size, = struct.unpack_from(body[:1].decode() + "I", body, 1)
    return body[5:5 + size].decode()
