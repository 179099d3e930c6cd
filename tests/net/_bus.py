# SPDX-License-Identifier: GPL-2.0-or-later
"""A dbus-daemon of our own with lvsd's policy file, and dbus_demo on it. Tests import the fixtures."""

import os
import shutil
import subprocess
import tempfile
from pathlib import Path

import pytest

from labkit.waiting import wait_for

ROOT = Path(__file__).resolve().parents[2]
NAME = "org.linuxvirtualserver.Lvsd1"
BASE = "/org/linuxvirtualserver/Lvsd1"
SERVER = f"{BASE}/service/service_2d0/server/_310_2e0_2e0_2e1_3a80"
POLICY = ROOT / "etc/dbus-1/org.linuxvirtualserver.Lvsd1.conf"
DEADLINE = 30

CONFIG = """<!DOCTYPE busconfig PUBLIC "-//freedesktop//DTD D-BUS Bus Configuration 1.0//EN"
 "http://www.freedesktop.org/standards/dbus/1.0/busconfig.dtd">
<busconfig>
  <type>system</type>
  <listen>unix:path={socket}</listen>
  <auth>EXTERNAL</auth>
  <policy context="default">
    <allow user="*"/>
    <deny own="*"/>
    <deny send_type="method_call"/>
    <allow send_type="signal"/>
    <allow send_requested_reply="true" send_type="method_return"/>
    <allow send_requested_reply="true" send_type="error"/>
    <allow receive_type="method_call"/>
    <allow receive_type="method_return"/>
    <allow receive_type="error"/>
    <allow receive_type="signal"/>
    <allow send_destination="org.freedesktop.DBus"/>
  </policy>
  <include>{policy}</include>
  {extra}
</busconfig>
"""


def program(name: str) -> str:
    """One of our programs; `lab test` puts the build under test first in PATH."""
    found = shutil.which(name)
    assert found, f"{name} is not built"
    return found


class Bus:
    """A dbus-daemon of our own that can go away and come back at the same address."""

    def __init__(self, directory: Path, extra: str = "", prefix=()):
        self.socket = directory / "bus"
        self.prefix = list(prefix)
        self.address = f"unix:path={self.socket}"
        self.config = directory / "bus.conf"
        self.config.write_text(CONFIG.format(socket=self.socket, policy=POLICY, extra=extra))
        self.daemon = None

    def start(self):
        self.socket.unlink(missing_ok=True)
        self.daemon = subprocess.Popen([*self.prefix, "dbus-daemon", f"--config-file={self.config}", "--nofork", "--nopidfile"],
                                       stderr=subprocess.PIPE, text=True)
        wait_for(self.socket.exists, DEADLINE, "the bus listens")

    def stop(self):
        if self.daemon:
            self.daemon.kill()
            self.daemon.communicate()
            self.daemon = None


class Demo:
    """tests/tools/dbus_demo: a made-up state that can be changed."""

    def __init__(self, directory: Path, bus: Bus, *arguments: str):
        self.socket = directory / "lvsd.sock"
        self.environment = dict(os.environ, DBUS_SYSTEM_BUS_ADDRESS=bus.address, NO_COLOR="")
        self.process = subprocess.Popen([program("dbus_demo"), "--bus", "--socket", str(self.socket), *arguments],
                                        stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                                        env=self.environment)
        os.set_blocking(self.process.stdout.fileno(), False)
        self.said = ""
        self.expect("ready")

    def expect(self, line: str):
        """Waits until the demo has said `line`; what it said up to there is done with."""
        def come():
            self.said += (self.process.stdout.read() or b"").decode()
            before, found, after = self.said.partition(line + "\n")
            if found:
                self.said = after
            return bool(found)
        wait_for(come, DEADLINE, f"dbus_demo says '{line}'")

    def tell(self, command: str):
        self.process.stdin.write(command.encode() + b"\n")
        self.process.stdin.flush()
        self.expect("ok")

    def worked(self) -> float:
        """Processor time so far, in seconds."""
        fields = Path(f"/proc/{self.process.pid}/stat").read_text().rsplit(")", 1)[1].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def stop(self):
        self.process.kill()
        self.process.communicate()

    def run(self, *command: str, **options) -> subprocess.CompletedProcess:
        return subprocess.run(command, env=self.environment, text=True, timeout=DEADLINE * 2,
                              stdin=subprocess.DEVNULL, capture_output=True, **options)

    def busctl(self, *arguments: str, **options) -> str:
        done = self.run("busctl", "--system", "--no-pager", *arguments, **options)
        assert done.returncode == 0, done.stderr
        return done.stdout

    def lvsctl(self, *arguments: str) -> subprocess.CompletedProcess:
        return self.run(program("lvsctl"), *arguments)


@pytest.fixture
def directory():
    with tempfile.TemporaryDirectory(prefix="lvsd-net-dbus-") as path:
        os.chmod(path, 0o755)
        yield Path(path)


@pytest.fixture
def bus(directory):
    bus = Bus(directory)
    bus.start()
    yield bus
    bus.stop()


@pytest.fixture
def start_demo(directory, bus):
    started = []

    def start(*arguments, named=True):
        demo = Demo(directory, bus, *arguments)
        started.append(demo)
        if named:
            demo.expect("name yes")
        return demo

    yield start
    for demo in started:
        demo.stop()
