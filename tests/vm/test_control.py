# SPDX-License-Identifier: GPL-2.0-or-later
"""The control plane under rough hands: ipvsadm as a vandal, SIGKILL at every step, a full and a read-only disk, modules
that come and go, reloads under way all the time. What is shown here is what etc/doc/operations.md promises."""

import json
import os
import re
import signal
import subprocess
from pathlib import Path

import pytest

from labkit import ipvs_modules
from labkit.waiting import wait_for

LAB = {"kernels": ["6.1"], "timeout": 900}

OURS = False  # whether the module is lvsd's: test_bundled_control.py
INTERVAL = 3  # seconds
SELDOM = 60  # seconds between two looks at the table, where lvsd is to be told and not to look
SOON = 20  # seconds; a machine may be slow, but less than SELDOM shows that lvsd was told
FOREIGN = "198.51.100.1:443"
HERE = Path(__file__).resolve().parent


def ipvsadm(*words, check=True):
    return subprocess.run(["ipvsadm", *words], check=check, text=True, stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT).stdout


def table():
    """{service: (scheduler, {server: weight})}; a server that is there twice is an error."""
    out = {}
    for line in ipvsadm("-Sn").splitlines():
        words = line.split()
        if words[0] == "-A":
            out[words[2]] = (words[words.index("-s") + 1], {})
            continue
        server = words[words.index("-r") + 1]
        assert server not in out[words[2]][1], f"{server} is in {words[2]} twice"
        out[words[2]][1][server] = int(words[words.index("-w") + 1])
    return out


def service(number, servers, weight=1, scheduler="wlc"):
    rows = ", ".join(f'{{ address = "10.9.{number}.{n}:80", weight = {weight} }}' for n in servers)
    return f"""
[virtual_service.s{number}]
address = "192.0.2.{number}:80"
scheduler = "{scheduler}"
on_failure = "remove"
servers = [{rows}]
"""


def held(number, servers, weight=1, scheduler="wlc"):
    return {f"192.0.2.{number}:80": (scheduler, {f"10.9.{number}.{n}:80": weight for n in servers})}


class Daemon:
    def __init__(self, folder: Path):
        self.folder = folder
        self.config = folder / "lvsd.toml"
        self.socket = folder / "lvsd.sock"
        self.state = folder / "state"
        self.logfile = folder / "log"
        self.process = None
        self.interval = INTERVAL

    def write(self, text, top=""):
        new = self.folder / "lvsd.toml.new"
        new.write_text(f'[global]\nreconcile_interval = "{self.interval}s"\nguard = 100\n{top}\n{text}')
        new.rename(self.config)

    def start(self, text, top="", **environment):
        self.write(text, top)
        with open(self.logfile, "a") as log:
            self.process = subprocess.Popen(
                ["lvsd", "--config", self.config, "--socket", self.socket, "--state-dir", self.state], stdout=log,
                stderr=log, env={**os.environ, **environment})
        return self

    def stop(self, number=signal.SIGTERM):
        if self.process is None:
            return
        self.process.send_signal(number)
        self.process.wait(timeout=30)
        self.process = None

    def log(self):
        return self.logfile.read_text() if self.logfile.exists() else ""

    def status(self):
        done = subprocess.run(["lvsctl", "--socket", self.socket, "status", "--json"], check=False, text=True,
                              stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
        return json.loads(done.stdout)["daemon"] if done.returncode == 0 else {}

    def settled(self, timeout=30):
        wait_for(lambda: self.status().get("ipvs", {}).get("available"), timeout, "the table is as desired")


@pytest.fixture
def lvsd(tmp_path):
    ipvsadm("-C", check=False)
    ipvsadm("-A", "-t", FOREIGN, "-s", "lc")
    ipvsadm("-a", "-t", FOREIGN, "-r", "10.8.0.1:443", "-g")
    daemon = Daemon(tmp_path)
    yield daemon
    daemon.stop(signal.SIGKILL)
    print(daemon.log()[-4000:])


THEIRS = {FOREIGN: ("lc", {"10.8.0.1:443": 1})}
TWO = service(1, [1, 2]) + service(2, [1, 2, 3])
TWO_HELD = {**held(1, [1, 2]), **held(2, [1, 2, 3]), **THEIRS}

def looks_seldom(lvsd):
    """Where lvsd is told of changes it is not to be a look that finds them. Returns within how many seconds it must."""
    lvsd.interval = SELDOM if OURS else INTERVAL
    return SOON if OURS else INTERVAL + 5


VANDALS = {
    "everything is flushed": ("-C",),
    "a service is removed": ("-D", "-t", "192.0.2.1:80"),
    "a scheduler is changed": ("-E", "-t", "192.0.2.1:80", "-s", "rr"),
    "a weight is changed": ("-e", "-t", "192.0.2.2:80", "-r", "10.9.2.1:80", "-m", "-w", "9"),
    "a server is removed": ("-d", "-t", "192.0.2.2:80", "-r", "10.9.2.3:80"),
    "a server is added": ("-a", "-t", "192.0.2.2:80", "-r", "10.9.2.9:80", "-m"),
}


def test_what_vandals_do_is_repaired_in_time_and_said(lvsd):
    soon = looks_seldom(lvsd)
    lvsd.start(TWO)
    wait_for(lambda: table() == TWO_HELD, 30, "the table is written")
    lvsd.settled()
    for what, words in VANDALS.items():
        said = lvsd.log().count("ipvs-drift")
        repairs = lvsd.status()["ipvs"]["repairs"]
        ipvsadm(*words)
        assert table() != TWO_HELD or OURS, f"{what}: the vandal has done nothing"
        wanted = {key: value for key, value in TWO_HELD.items() if key != FOREIGN or words != ("-C",)}
        wait_for(lambda: table() == wanted, soon, f"{what}, and repaired: {wanted}")
        wait_for(lambda: lvsd.log().count("ipvs-drift") > said, 10, f"{what}: it is in the log")
        wait_for(lambda: lvsd.status()["ipvs"]["repairs"] > repairs, 10, f"{what}: it is counted")
        if words == ("-C",):
            ipvsadm("-A", "-t", FOREIGN, "-s", "lc")
            ipvsadm("-a", "-t", FOREIGN, "-r", "10.8.0.1:443", "-g")
    for repair in ("add service TCP 192.0.2.1:80", "set service TCP 192.0.2.1:80", "set server 10.9.2.1:80",
                   "add server 10.9.2.3:80", "delete server 10.9.2.9:80"):
        assert re.search(f"repairing: {re.escape(repair)}", lvsd.log()), f"the log does not say: {repair}"
    assert lvsd.status()["ipvs"]["module"] == ("lvsd" if OURS else "stock")


def test_what_the_kernel_refuses_keeps_nobody_back(lvsd):
    """No such server as one of another family than its service, unless it is a tunnel."""
    blocked = Path("/etc/modprobe.d/no-sh.conf")
    subprocess.run(["rmmod", "ip_vs_fo"], check=False, stderr=subprocess.DEVNULL)
    blocked.write_text("install ip_vs_fo /bin/false\n")
    try:
        lvsd.start(TWO + service(3, [1], scheduler="fo"))
        if OURS:  # has every scheduler built in
            wait_for(lambda: table() == {**TWO_HELD, **held(3, [1], scheduler="fo")}, 30, "nothing is refused")
            return
        wait_for(lambda: table() == TWO_HELD, 30, "the rest is there")
        wait_for(lambda: lvsd.status().get("ipvs", {}).get("refused") == 1, 20, "one is refused")
        assert "192.0.2.3:80" in lvsd.status()["ipvs"]["last_error"] and "fo" in lvsd.status()["ipvs"]["last_error"]
        ipvsadm("-D", "-t", "192.0.2.1:80")
        wait_for(lambda: table() == TWO_HELD, INTERVAL + 10, "drift is repaired meanwhile")
    finally:
        blocked.unlink()
    wait_for(lambda: table() == {**TWO_HELD, **held(3, [1], scheduler="fo")}, 60, "it is tried again")
    lvsd.settled()


KILLER = r"""
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

/* Ends the process before the step whose number is KILL_AT: a request to the kernel or a change of a file. */
static void step(void)
{
	static int count;
	const char *at = getenv("KILL_AT");

	if (at && !strcmp(program_invocation_short_name, "lvsd") && ++count == atoi(at))
		kill(getpid(), SIGKILL);
}

ssize_t send(int fd, const void *data, size_t size, int flags)
{
	struct sockaddr_storage name = { 0 };
	socklen_t length = sizeof(name);

	if (getsockname(fd, (struct sockaddr *)&name, &length) == 0 && name.ss_family == AF_NETLINK)
		step();
	return ((ssize_t (*)(int, const void *, size_t, int))dlsym(RTLD_NEXT, "send"))(fd, data, size, flags);
}

int rename(const char *from, const char *to)
{
	step();
	return ((int (*)(const char *, const char *))dlsym(RTLD_NEXT, "rename"))(from, to);
}

int fsync(int fd)
{
	step();
	return ((int (*)(int))dlsym(RTLD_NEXT, "fsync"))(fd);
}
"""


@pytest.mark.limit(420)
def test_killed_at_every_step_of_an_apply(lvsd, tmp_path):
    source, killer = tmp_path / "killer.c", tmp_path / "killer.so"
    source.write_text(KILLER)
    subprocess.run(["gcc", "-shared", "-fPIC", "-O1", "-o", killer, source, "-ldl"], check=True)
    # From each to the other: services come, change and go, servers too.
    sides = [
        ("".join(service(n, [1, 2, 3]) for n in range(1, 13)),
         {**THEIRS, **{key: value for n in range(1, 13) for key, value in held(n, [1, 2, 3]).items()}}),
        ("".join(service(n, [2, 3, 4], 2, "rr") for n in range(7, 19)),
         {**THEIRS, **{key: value for n in range(7, 19) for key, value in held(n, [2, 3, 4], 2, "rr").items()}}),
    ]
    lvsd.start(sides[1][0])
    wait_for(lambda: table() == sides[1][1], 30, "the first table")
    lvsd.settled()
    lvsd.stop(signal.SIGKILL)
    for step in range(1, 200):
        text, wanted = sides[step % 2]
        lvsd.start(text, LD_PRELOAD=str(killer), KILL_AT=str(step))

        def over():
            return lvsd.process.poll() is not None or (table() == wanted and lvsd.status().get("ipvs", {}).get("available"))

        wait_for(over, 60, f"step {step}: killed, or done")
        finished = lvsd.process.poll() is None
        lvsd.stop(signal.SIGKILL)
        lvsd.start(text)
        wait_for(lambda: table() == wanted, 60, f"killed at step {step}, the next run makes the table {wanted}")
        lvsd.settled()
        lvsd.stop(signal.SIGKILL)
        if finished:
            break
    assert finished and step >= 8, f"there were {step} steps"
    print(f"killed at each of {step - 1} steps")


@pytest.fixture
def tiny_disk(lvsd):
    lvsd.state.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=64k", "none", lvsd.state], check=True)
    yield lvsd.state
    lvsd.stop(signal.SIGKILL)
    subprocess.run(["umount", lvsd.state], check=True)


def fill(folder):
    with open(folder / "ballast", "wb", buffering=0) as file:
        try:
            while file.write(b"x" * 4096):
                pass
        except OSError:
            pass


def override(lvsd, *words):
    return subprocess.run(["lvsctl", "--socket", lvsd.socket, *words], text=True, stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT, check=False).stdout


def test_a_full_disk_stops_nothing_and_is_said(lvsd, tiny_disk):
    lvsd.start(TWO)
    lvsd.settled()
    override(lvsd, "weight", "s1/10.9.1.1:80", "5")
    changed = {**TWO_HELD, "192.0.2.1:80": ("wlc", {"10.9.1.1:80": 5, "10.9.1.2:80": 1})}
    wait_for(lambda: table() == changed, 20, "the weight is set")
    kept = (tiny_disk / "overrides").read_bytes()
    fill(tiny_disk)
    override(lvsd, "weight", "s1/10.9.1.2:80", "7")
    more = {**TWO_HELD, "192.0.2.1:80": ("wlc", {"10.9.1.1:80": 5, "10.9.1.2:80": 7})}
    wait_for(lambda: table() == more, 20, "a weight is set without room to remember it")
    assert "override-lost" in lvsd.log()
    assert (tiny_disk / "overrides").read_bytes() == kept, "what was remembered is whole"
    lvsd.write(TWO + service(4, [1]))
    lvsd.process.send_signal(signal.SIGHUP)
    wait_for(lambda: table() == {**more, **held(4, [1])}, 20, "a reload without room for notes")
    lvsd.stop(signal.SIGKILL)
    lvsd.start(TWO + service(4, [1]))
    wait_for(lambda: table() == {**changed, **held(4, [1])}, 30, "after a crash the last remembered weight holds")
    (tiny_disk / "ballast").unlink()
    lvsd.settled()
    lvsd.stop()
    assert table() == THEIRS


def test_a_read_only_disk_stops_nothing_and_is_said(lvsd, tiny_disk):
    subprocess.run(["mount", "-o", "remount,ro", tiny_disk], check=True)
    lvsd.start(TWO)
    wait_for(lambda: table() == TWO_HELD, 30, "the table is written without notes")
    override(lvsd, "weight", "s1/10.9.1.2:80", "7")
    wait_for(lambda: table()["192.0.2.1:80"][1]["10.9.1.2:80"] == 7, 20, "and a weight set")
    assert "Read-only file system" in lvsd.log()
    lvsd.stop()
    assert table() == THEIRS, "while it runs it knows what is its own"


def test_the_module_goes_and_comes_again(lvsd):
    soon = looks_seldom(lvsd)
    lvsd.start(TWO)
    lvsd.settled()
    blocked = Path("/etc/modprobe.d/no-ip_vs.conf")
    for _ in range(3):
        blocked.write_text("install ip_vs /bin/false\n")  # or the kernel loads it as soon as lvsd asks for it

        # A service holds the module, and with ours the daemon puts back what is flushed before rmmod can come.
        lvsd.process.send_signal(signal.SIGSTOP)
        ipvsadm("-C", check=False)
        wait_for(ipvs_modules.unload, 60, "the module is unloaded under the daemon")
        lvsd.process.send_signal(signal.SIGCONT)
        wait_for(lambda: "no IPVS" in lvsd.status()["ipvs"]["last_error"], 30, "which says so")
        blocked.unlink()
        subprocess.run(["modprobe", "ip_vs"], check=True)
        wanted = {key: value for key, value in TWO_HELD.items() if key != FOREIGN}
        wait_for(lambda: table() == wanted, 60, "the table is written into the new module")
        lvsd.settled()
        assert lvsd.status()["ipvs"]["module"] == ("lvsd" if OURS else "stock")
    ipvsadm("-D", "-t", "192.0.2.1:80")
    wait_for(lambda: table() == wanted, soon, "and drift is seen as before")


def lost_messages(pid):
    """What the kernel could not tell the process's netlink sockets for want of room (/proc/net/netlink, Drops)."""
    inodes = {re.sub(r"\D", "", os.readlink(fd)) for fd in Path(f"/proc/{pid}/fd").iterdir()
              if os.readlink(fd).startswith("socket:")}
    rows = [line.split() for line in Path("/proc/net/netlink").read_text().splitlines()[1:]]
    return sum(int(row[8]) for row in rows if row[9] in inodes)


@pytest.mark.limit(300)
def test_more_is_told_than_there_is_room_for(lvsd):
    """ENOBUFS: what was lost is not known, so everything is looked at."""
    soon = looks_seldom(lvsd)
    lvsd.start(TWO)
    lvsd.settled()
    wait_for(lambda: table() == TWO_HELD, 30, "the table is written")
    lvsd.process.send_signal(signal.SIGSTOP)
    ipvsadm("-D", "-t", "192.0.2.1:80")
    lines = "".join(f"-a -t {FOREIGN} -r 10.8.{n >> 8}.{n & 255}:443 -g -w 1\n-d -t {FOREIGN} -r 10.8.{n >> 8}.{n & 255}:443\n"
                    for n in range(256, 1256))

    def overflowed():
        subprocess.run(["ipvsadm", "-R"], input=lines, text=True, check=True)
        return lost_messages(lvsd.process.pid) > 0

    if OURS:  # the kernel's own tells nothing, so there is nothing to lose
        wait_for(overflowed, 240, "messages are lost")
    ipvsadm("-e", "-t", "192.0.2.2:80", "-r", "10.9.2.1:80", "-m", "-w", "9")
    lvsd.process.send_signal(signal.SIGCONT)
    wait_for(lambda: table() == TWO_HELD, SOON, "what was lost is made good")
    ipvsadm("-D", "-t", "192.0.2.2:80")
    wait_for(lambda: table() == TWO_HELD, soon, "and the next change is heard of")
