# SPDX-License-Identifier: GPL-2.0-or-later
"""`lab shell`: a terminal at both ends."""

import fcntl
import os
import pty
import select
import signal
import struct
import subprocess
import termios
import time
from pathlib import Path

import pytest

LAB = Path(__file__).resolve().parents[1] / "lab"

# Booting takes seconds on an idle machine, and a minute on one that builds something else.
pytestmark = pytest.mark.limit(600)


class Terminal:
    """A user at a terminal: types, and reads what appears."""

    def __init__(self, *command: str, rows: int = 33, columns: int = 111):
        self.screen = ""
        self.seen = 0
        self.pid, self.descriptor = pty.fork()
        if self.pid == 0:
            os.execv(LAB, [str(LAB), "shell", "--ipvs", "none", *command])
        self.resize(rows, columns)

    def resize(self, rows: int, columns: int) -> None:
        fcntl.ioctl(self.descriptor, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))

    def type(self, text: str) -> None:
        os.write(self.descriptor, text.encode())

    def wait_for(self, text: str, timeout: float = 300.0) -> None:
        """Until it stands there, behind what was waited for before."""
        deadline = time.monotonic() + timeout
        while (at := self.screen.find(text, self.seen)) < 0:
            readable, _, _ = select.select([self.descriptor], [], [], max(0.0, deadline - time.monotonic()))
            assert readable, f"{text!r} did not appear; the screen shows:\n{self.screen}"
            self.screen += os.read(self.descriptor, 4096).decode(errors="replace")
        self.seen = at + len(text)

    def wait_for_prompt(self) -> None:
        """What is typed between an answer and the next prompt belongs to neither: the shell may be changing the mode of
        its terminal."""
        self.wait_for("# ")

    def status(self) -> int:
        """Reads to the end, as a terminal does, and returns the exit status."""
        try:
            while data := os.read(self.descriptor, 4096):
                self.screen += data.decode(errors="replace")
        except OSError:  # the last user of the terminal is gone
            pass
        return os.waitstatus_to_exitcode(os.waitpid(self.pid, 0)[1])

    def close(self) -> None:
        os.close(self.descriptor)
        try:
            os.kill(self.pid, signal.SIGTERM)
        except ProcessLookupError:
            pass


@pytest.fixture
def terminal():
    made = Terminal("--", "bash", "--norc", "-i")
    made.wait_for_prompt()
    yield made
    made.close()


def test_a_shell_has_a_terminal_of_the_right_size_and_its_status_counts(terminal):
    terminal.type("stty size; test -t 0 -a -t 1 -a -t 2 && echo 'all 3 are'' terminals'\r")
    terminal.wait_for("33 111")
    terminal.wait_for("all 3 are terminals")
    terminal.wait_for_prompt()
    terminal.resize(20, 60)
    terminal.type("until [ \"$(stty size)\" = '20 60' ]; do :; done; echo re''sized\r")
    terminal.wait_for("resized")
    terminal.wait_for_prompt()
    terminal.type("exit 3\r")
    assert terminal.status() == 3


def test_keys_reach_the_machine_and_not_the_lab(terminal):
    terminal.type("echo st''arted; sleep 1000\r")
    terminal.wait_for("started")
    terminal.type("\x03")
    terminal.wait_for_prompt()
    terminal.type("echo status''=$?\r")
    terminal.wait_for("status=130")
    terminal.wait_for_prompt()
    terminal.type("exit 0\r")
    assert terminal.status() == 0


def test_without_a_terminal_it_says_what_to_use():
    done = subprocess.run([LAB, "shell"], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                          text=True)
    assert done.returncode == 125
    assert "lab run" in done.stderr
