# SPDX-License-Identifier: GPL-2.0-or-later
"""Carries the caller's standard input into the machine, never more than one piece ahead of what it takes."""

import os
import selectors
import socket

STDIN = 0


class Feeder:
    """Reads descriptor 0 while nothing is pending, writes the socket while something is."""

    def __init__(self, selector: selectors.BaseSelector, end: socket.socket, passes: bool):
        self._selector = selector
        self._end = end
        self._pending = b"\n"  # tells the guest that the host is there (guest/guest.hpp)
        self._open = passes
        self._selector.register(end, selectors.EVENT_WRITE, self.on_ready)
        self._reads = False

    def on_ready(self) -> None:
        if self._reads:
            self._read()
        else:
            self._write()

    def _read(self) -> None:
        try:
            self._pending = os.read(STDIN, 65536)
        except OSError:
            self._pending = b""
        self._selector.unregister(STDIN)
        self._reads = False
        if self._pending:
            self._selector.register(self._end, selectors.EVENT_WRITE, self.on_ready)
        else:
            self._finish()

    def _write(self) -> None:
        try:
            self._pending = self._pending[self._end.send(self._pending):]
        except BlockingIOError:
            return
        except OSError:  # the machine is ending
            self._selector.unregister(self._end)
            return
        if self._pending:
            return
        self._selector.unregister(self._end)
        if self._open:
            self._selector.register(STDIN, selectors.EVENT_READ, self.on_ready)
            self._reads = True
        else:
            self._finish()

    def _finish(self) -> None:
        try:
            self._end.shutdown(socket.SHUT_WR)
        except OSError:
            pass


def is_passed(terminal: bool) -> bool:
    """The caller's input is passed on unless it is a terminal: `lab run` in a script at a terminal must not eat
    what is typed for the script. `lab shell` is for typing."""
    if terminal:
        return True
    try:
        os.fstat(STDIN)
    except OSError:
        return False
    return not os.isatty(STDIN)
