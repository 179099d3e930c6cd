# SPDX-License-Identifier: GPL-2.0-or-later
"""Who may change something over the bus: dbus-daemon and polkitd, both the real ones, with the files lvsd installs.

They run with a /etc/passwd, /etc/group and polkit folders of their own, by bind mounts in namespaces of their own:
`mona` is in the group lvsd, `ulf` is not.
"""

import os
import signal
import subprocess
import time
from pathlib import Path

import pytest

from _bus import BASE, DEADLINE, NAME, ROOT, SERVER, Bus, Demo, directory  # noqa: F401
from labkit.waiting import wait_for

POLKITD = Path("/usr/lib/polkit-1/polkitd")
MONA, ULF, GROUP = 64_801, 64_802, 64_803
THROUGH = "lvsd is starting"  # what the demo answers to whoever may change something

# A machine's own word: members of the group may weigh, but not drain; and nobody moves routers.
STRICTER = """
polkit.addRule(function(action, subject) {
    if (action.lookup("verb") == "drain" && action.lookup("target") == "service-0/10.0.0.1:80") return polkit.Result.NO;
    if (action.id == "org.linuxvirtualserver.lvsd.override-router") return polkit.Result.AUTH_ADMIN;
});
"""


class Machine:
    """Files in place of the system's, for the processes started with `enter`."""

    def __init__(self, directory: Path):  # noqa: F811
        self.files = directory / "files"
        self.files.mkdir()
        self.mounts = []
        people = f"mona:x:{MONA}:{MONA}::/:/bin/sh\nulf:x:{ULF}:{ULF}::/:/bin/sh\n"
        groups = f"mona:x:{MONA}:\nulf:x:{ULF}:\nlvsd:x:{GROUP}:mona\n"
        self._replace("/etc/passwd", Path("/etc/passwd").read_text() + people)
        kept = [line for line in Path("/etc/group").read_text().splitlines() if not line.startswith("lvsd:")]
        self._replace("/etc/group", "\n".join(kept) + "\n" + groups)
        for target, content in {"/usr/share/polkit-1/actions": "org.linuxvirtualserver.lvsd.policy",
                                "/usr/share/polkit-1/rules.d": "lvsd.rules", "/etc/polkit-1/rules.d": None}.items():
            folder = self.files / target.replace("/", "_")
            folder.mkdir()
            if content:
                (folder / content).write_text((ROOT / "etc/polkit-1" / content).read_text())
            self.mounts.append((folder, target))
        self.local_rules = self.files / "_etc_polkit-1_rules.d"

    def _replace(self, target: str, text: str):
        file = self.files / target.replace("/", "_")
        file.write_text(text)
        self.mounts.append((file, target))

    def enter(self, *command: str) -> list:
        mounts = "".join(f"mount --bind {source} {target} && " for source, target in self.mounts)
        return ["unshare", "--mount", "sh", "-c", mounts + 'exec "$@"', "sh", *command]


@pytest.fixture
def machine(directory):  # noqa: F811
    return Machine(directory)


@pytest.fixture
def bus(directory, machine):  # noqa: F811
    bus = Bus(directory, extra="<include>/usr/share/dbus-1/system.d/org.freedesktop.PolicyKit1.conf</include>",
              prefix=machine.enter())
    bus.start()
    yield bus
    bus.stop()


@pytest.fixture
def demo(directory, bus):  # noqa: F811
    demo = Demo(directory, bus)
    demo.expect("name yes")
    yield demo
    demo.stop()


@pytest.fixture
def polkit(machine, bus, demo):
    environment = dict(os.environ, DBUS_SYSTEM_BUS_ADDRESS=bus.address)
    daemon = subprocess.Popen(machine.enter(str(POLKITD), "--no-debug"), env=environment, stdout=subprocess.DEVNULL,
                              stderr=subprocess.DEVNULL)
    wait_for(lambda: demo.run("busctl", "--system", "status", "org.freedesktop.PolicyKit1").returncode == 0, DEADLINE,
             "polkitd is on the bus")
    yield daemon
    daemon.kill()
    daemon.wait()


def call(demo, who: int, path: str, interface: str, method: str, *arguments: str) -> str:
    """What the caller is told."""
    groups = [GROUP] if who == MONA else []
    done = demo.run("busctl", "--system", "--allow-interactive-authorization=no", "call", NAME, path, f"{NAME}.{interface}",
                    method, *arguments, user=who, group=who, extra_groups=groups)
    return done.stdout + done.stderr


def owner_pid(demo) -> int:
    said = demo.busctl("call", "org.freedesktop.DBus", "/", "org.freedesktop.DBus", "GetConnectionUnixProcessID", "s",
                       "org.freedesktop.PolicyKit1")
    return int(said.split()[1])


def test_without_polkit_the_policy_decides(demo):
    assert THROUGH in call(demo, 0, BASE, "Manager", "Reload")
    assert THROUGH in call(demo, MONA, BASE, "Manager", "Reload")
    assert "Access denied" in call(demo, ULF, BASE, "Manager", "Reload")
    assert '"services"' in call(demo, ULF, BASE, "Manager", "Describe").replace("\\", "")


def test_the_rule_that_comes_along_says_yes_to_the_group(demo, polkit):
    for who in (0, MONA):
        assert THROUGH in call(demo, who, BASE, "Manager", "Reload")
        assert THROUGH in call(demo, who, SERVER, "RealServer", "SetWeight", "ust", "3", "", "0")
        assert THROUGH in call(demo, who, f"{BASE}/router/web/ipv4", "VirtualRouter", "Failover")
    assert "Access denied" in call(demo, ULF, BASE, "Manager", "Reload")


def test_a_rule_of_the_machine_can_be_stricter(demo, machine, polkit):
    (machine.local_rules / "10-stricter.rules").write_text(STRICTER)
    drain = (SERVER, "RealServer", "Drain", "tst", "0", "", "0")
    wait_for(lambda: "polkit does not allow it" in call(demo, MONA, *drain), DEADLINE, "polkitd has read the rule")
    other = SERVER.replace("2e1_3a80", "2e2_3a80")
    assert THROUGH in call(demo, MONA, other, *drain[1:])
    assert THROUGH in call(demo, MONA, SERVER, "RealServer", "Undrain")
    assert "wants somebody to authenticate" in call(demo, MONA, f"{BASE}/router/web/ipv4", "VirtualRouter", "Hold")
    assert THROUGH in call(demo, 0, *drain), "root may do everything"


def test_a_polkit_that_hangs_holds_up_nobody_else(demo, polkit):
    assert THROUGH in call(demo, MONA, BASE, "Manager", "Reload")
    pid = owner_pid(demo)
    os.kill(pid, signal.SIGSTOP)
    try:
        waiting = subprocess.Popen(["busctl", "--system", "call", NAME, BASE, f"{NAME}.Manager", "Reload"],
                                   env=demo.environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        begin = time.monotonic()
        for _ in range(3):
            assert "daemon" in demo.busctl("call", NAME, BASE, f"{NAME}.Manager", "Describe")
            demo.tell("server 0 0 down")
        assert time.monotonic() - begin < DEADLINE and waiting.poll() is None
        assert THROUGH in demo.lvsctl("--socket", str(demo.socket), "apply").stderr, "the private socket asks no polkit"
    finally:
        os.kill(pid, signal.SIGCONT)
    assert THROUGH in waiting.communicate(timeout=DEADLINE)[1]
