# SPDX-License-Identifier: GPL-2.0-or-later
"""One virtual machine for one command.

A Machine is described by Options, started, and served until the guest has reported how the command ended. The
guest's program (guest/guest.hpp) says what goes over the wire. Nothing of a machine is in the file system: the
RAM disk is a memfd, every channel is a socket pair, and QEMU dies with the lab whatever kills the lab.
"""

import ctypes
import os
import re
import selectors
import signal
import socket
import subprocess
import termios
import time
import tty
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

from . import initramfs, kernels, modules, qemu, stdin
from .paths import bin_dir
from .say import TIMED_OUT, LabError, say, tail

# What belongs to the caller's session on this machine and means nothing, or something wrong, in the guest.
NOT_PASSED = ("DBUS_", "XDG_", "SSH_", "TMUX", "STY", "SUDO_", "DISPLAY", "WAYLAND_", "XAUTHORITY", "MAIL",
              "NOTIFY_SOCKET", "LISTEN_", "INVOCATION_ID", "JOURNAL_STREAM", "SHLVL", "PWD", "OLDPWD", "_=")

MAX_CONSOLE = 256 * 1024


@dataclass
class Options:
    kernel: str = "6.1"
    ipvs: str = "stock"
    cpus: int = 2
    memory: int = 1024
    icount: bool = False
    timeout: float = 600.0
    systemd: bool = False
    shared: list[Path] = field(default_factory=list)
    root: Path | None = None  # another tree than the host's own, with modules of its own
    terminal: bool = False
    verbose: bool = False


def run(options: Options, command: list[str], environment=None, preset: str = "release") -> int:
    """Boots a machine, runs the command in it, and returns its exit status."""
    machine = Machine(options, command, os.environ if environment is None else environment, preset)
    return machine.run()


class Interrupted(BaseException):
    def __init__(self, number: int):
        self.status = 128 + number


class Machine:
    def __init__(self, options: Options, command: list[str], environment, preset: str):
        self.options = options
        self.kernel = kernels.ensure(options.kernel)
        self.orders = _orders(options, command, environment, preset, modules.for_ipvs(self.kernel, options.ipvs))
        self.console = bytearray()
        self.received = {"out": 0, "err": 0}
        self.status: int | None = None
        self.expected = {"out": 0, "err": 0}
        self.failure = ""
        self.started = False
        self.control_text = b""
        self.ends: dict[str, socket.socket] = {}

    def run(self) -> int:
        deadline = time.monotonic() + self.options.timeout
        previous = _catch_signals()
        try:
            with self._raw_terminal():
                self._start()
                return self._serve(deadline)
        except Interrupted as interrupted:
            say("interrupted")
            return interrupted.status
        finally:
            for number in previous:
                signal.signal(number, signal.SIG_IGN)
            self._stop()
            for number, handler in previous.items():
                signal.signal(number, handler)

    def _start(self) -> None:
        ram_disk = os.memfd_create("initramfs", 0)
        with os.fdopen(ram_disk, "wb", closefd=False) as file:
            file.write(initramfs.build(self.kernel, self.orders))
        guest_ends = {}
        for name in ("console", "in", "out", "err", "ctl"):
            self.ends[name], guest_ends[name] = socket.socketpair()
            self.ends[name].setblocking(False)
        descriptors = {name: end.fileno() for name, end in guest_ends.items()}
        try:
            self.qemu = subprocess.Popen(
                qemu.command_line(self.options, self.kernel, ram_disk, descriptors),
                pass_fds=(ram_disk, *descriptors.values()), stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT, start_new_session=True, preexec_fn=_prepare_process)
        except FileNotFoundError:
            raise LabError("qemu-system-x86_64 is not installed, though its package should be") from None
        finally:
            os.close(ram_disk)
            for end in guest_ends.values():
                end.close()

    def _stop(self) -> None:
        if hasattr(self, "qemu"):
            self.qemu.kill()
            self.qemu.wait()
            self.qemu.stdout.close()
        for end in self.ends.values():
            end.close()

    def _serve(self, deadline: float) -> int:
        self.selector = selectors.PollSelector()
        for name in ("console", "out", "err", "ctl"):
            self.selector.register(self.ends[name], selectors.EVENT_READ, partial(self._on_readable, name))
        stdin.Feeder(self.selector, self.ends["in"], stdin.is_passed(self.options.terminal))
        while not self._all_here():
            left = deadline - time.monotonic()
            if left <= 0:
                say(f"timed out after {self.options.timeout:g} s; the machine is ended" + self._last_words())
                return TIMED_OUT
            gone = self.qemu.poll() is not None
            events = self.selector.select(0 if gone else min(left, 1.0))
            for key, _ in events:
                key.data()
            if gone and not events:
                break
        return self._verdict()

    def _on_readable(self, name: str) -> None:
        try:
            data = self.ends[name].recv(65536)
        except (BlockingIOError, ConnectionResetError):
            data = b""
        if not data:
            self.selector.unregister(self.ends[name])
        elif name == "console":
            self._take_console(data)
        elif name == "ctl":
            self._take_control(data)
        else:
            self.received[name] += len(data)
            _write_all(1 if name == "out" else 2, data)

    def _take_console(self, data: bytes) -> None:
        self.console += data
        del self.console[:-MAX_CONSOLE]
        if self.options.verbose:
            _write_all(2, data)

    def _take_control(self, data: bytes) -> None:
        *lines, self.control_text = (self.control_text + data).split(b"\n")
        for line in lines:
            word, _, rest = line.decode(errors="replace").partition(" ")
            if word == "started":
                self.started = True
                self._send_size()
            elif word == "exit":
                self.status, self.expected["out"], self.expected["err"] = map(int, rest.split())
            elif word == "fail":
                self.failure = rest

    def _send_size(self) -> None:
        if not self.options.terminal:
            return
        size = os.get_terminal_size(1)
        self.ends["ctl"].send(f"size {size.lines} {size.columns}\n".encode())

    def _all_here(self) -> bool:
        if self.failure:
            return True
        return self.status is not None and all(self.received[name] >= self.expected[name] for name in self.expected)

    def _verdict(self) -> int:
        if self.failure:
            raise LabError("inside the machine: " + self.failure + self._last_words())
        if self.status is not None and self._all_here():
            return self.status
        qemu_words = self.qemu.stdout.read().decode(errors="replace").strip()
        when = "while the command ran" if self.started else "before it could run the command"
        what = "the kernel panicked" if b"Kernel panic" in self.console else "the machine ended"
        raise LabError(f"{what} {when}" + (f"; QEMU says: {qemu_words}" if qemu_words else "") + self._last_words())

    def _last_words(self) -> str:
        text = self.console.decode(errors="replace").strip()
        if not text:
            return "; its console said nothing"
        return "; the last lines of its console:\n" + tail(text, max(40, _lines_since_trouble(text)))

    def _raw_terminal(self):
        return _RawTerminal(self._send_size) if self.options.terminal else _Nothing()


class _Nothing:
    def __enter__(self):
        return self

    def __exit__(self, *_):
        return None


class _RawTerminal:
    """The caller's terminal passes every key, and reports its new size, while the guest's terminal is in charge."""

    def __init__(self, on_resize):
        self.on_resize = on_resize

    def __enter__(self):
        self.before = termios.tcgetattr(0)
        tty.setraw(0, termios.TCSADRAIN)  # what is typed ahead is kept
        signal.signal(signal.SIGWINCH, lambda *_: self.on_resize())

    def __exit__(self, *_):
        signal.signal(signal.SIGWINCH, signal.SIG_DFL)
        termios.tcsetattr(0, termios.TCSADRAIN, self.before)


def _catch_signals() -> dict:
    def interrupt(number, _frame):
        raise Interrupted(number)

    return {number: signal.signal(number, interrupt) for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)}


def _prepare_process() -> None:
    """QEMU dies with the lab. It is preferred to other work on this machine: the guest's clock runs on while QEMU
    waits for a CPU, and what is measured in it must not be the load of its host."""
    parent_death_signal = 1  # PR_SET_PDEATHSIG
    ctypes.CDLL(None).prctl(parent_death_signal, signal.SIGKILL)
    try:
        os.nice(-10)
        Path("/proc/self/autogroup").write_text("-10")
    except OSError:
        pass


def _lines_since_trouble(text: str) -> int:
    """A kernel in trouble says why first, and dumps a stack of any length after it."""
    lines = text.splitlines()
    first = next((number for number, line in enumerate(lines)
                  if re.search(r"Kernel panic|BUG: |Oops: |general protection fault", line)), len(lines))
    return len(lines) - first + 5


def _write_all(descriptor: int, data: bytes) -> None:
    while data:
        try:
            data = data[os.write(descriptor, data):]
        except BlockingIOError:
            time.sleep(0.01)


def _orders(options: Options, command, environment, preset: str, module_tree: Path) -> bytes:
    """The file /lab/run that guest/util.cpp reads."""
    records = [("cwd", "/" if options.root else os.getcwd()), ("modules", module_tree), ("ipvs", options.ipvs),
               ("systemd", int(options.systemd))]
    records += [("env", f"{key}={value}") for key, value in _environment(environment, preset).items()]
    records += [("shared", directory) for directory in options.shared]
    records += [("arg", word) for word in command]
    if options.terminal:
        size = os.get_terminal_size(1)
        records.append(("terminal", f"{size.lines} {size.columns}"))
    return b"".join(key.encode() + b"=" + os.fsencode(str(value)) + b"\0" for key, value in records)


def _environment(given, preset: str) -> dict[str, str]:
    kept = {key: value for key, value in given.items() if not (key + "=").startswith(NOT_PASSED)}
    kept.update(HOME="/root", USER="root", LOGNAME="root", LVSD_LAB_VM="1")
    usual = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
    kept["PATH"] = f"{bin_dir(preset)}:{kept.get('PATH', '')}:{usual}".replace("::", ":")
    return kept
