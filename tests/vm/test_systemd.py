# SPDX-License-Identifier: GPL-2.0-or-later
"""Installed, and run by systemd: start, status, D-Bus, reload, watchdog, stop."""

import json
import re
import shutil
import subprocess
from pathlib import Path

import pytest

from labkit.paths import BUILD
from labkit.waiting import wait_for

LAB = {"systemd": True, "kernels": ["6.1"], "timeout": 900}

CONFIG = Path("/etc/lvsd/lvsd.toml")
VIP = "10.88.0.100"
SETTINGS = ["net.ipv4.vs.expire_nodest_conn", "net.ipv4.vs.expire_quiescent_template"]
GOOD = f"""
[virtual_router.web]
interface = "dummy88"
vrid = 88
advert_interval = "100ms"
addresses = ["{VIP}/24"]

[virtual_service.web]
address = "{VIP}:80"
servers = ["10.88.0.1:8088"]
check = {{ kind = "tcp", interval = "300ms", timeout = "200ms", rise = 1, fall = 1 }}
"""


def run(*command, check=True):
    done = subprocess.run([str(word) for word in command], text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                          timeout=60, check=False)
    assert not check or done.returncode == 0, f"{command}: {done.stdout}"
    return done


def show(name):
    return run("systemctl", "show", "--value", "-p", name, "lvsd").stdout.strip()


def describe():
    reply = run("busctl", "--json=short", "call", "org.linuxvirtualserver.Lvsd1", "/org/linuxvirtualserver/Lvsd1",
                "org.linuxvirtualserver.Lvsd1.Manager", "Describe", check=False)
    return json.loads(json.loads(reply.stdout)["data"][0]) if reply.returncode == 0 else {}


def role():
    return [instance["state"] for router in describe().get("routers", []) for instance in router["instances"]]


@pytest.fixture(scope="module")
def installed():
    run("cmake", "--install", BUILD / "release", "--prefix", "/usr")
    run("systemd-sysusers")
    run("systemd-tmpfiles", "--create", "/usr/lib/tmpfiles.d/lvsd.conf")
    run("systemctl", "daemon-reload")
    run("busctl", "call", "org.freedesktop.DBus", "/org/freedesktop/DBus", "org.freedesktop.DBus", "ReloadConfig")
    for command in ("modprobe dummy", "ip link add dummy88 type dummy", "ip link set dummy88 up multicast on arp on",
                    "ip addr add 10.88.0.1/24 dev dummy88"):
        run(*command.split())
    CONFIG.parent.mkdir(exist_ok=True)
    web = subprocess.Popen(["lab-load", "echo", "--listen", "10.88.0.1:8088", "--id", "here"])
    yield
    web.kill()
    run("sysctl", "-qw", *(f"{name}=0" for name in SETTINGS))


@pytest.fixture
def service(installed):
    CONFIG.write_text(GOOD)
    run("systemctl", "reset-failed", "lvsd", check=False)
    started = run("systemctl", "start", "lvsd", check=False)
    assert started.returncode == 0, run("journalctl", "-u", "lvsd", "--no-pager", "-n", "40").stdout
    wait_for(lambda: role() == ["master"], 30, "lvsd is master and says so on the bus")
    yield
    run("systemctl", "stop", "lvsd")


def test_it_runs_and_tells_how_it_is(service):
    assert (show("ActiveState"), show("Type")) == ("active", "notify")

    def told():
        assert show("StatusText") == "Master of 1/1 virtual routers, 1/1 servers up in 1 services"
        return True

    wait_for(told, 20, "the status line tells the state")
    assert VIP in run("ip", "-o", "addr", "show", "dummy88").stdout
    assert f"{VIP}:80" in run("ipvsadm", "-Sn").stdout
    assert "master" in run("lvsctl", "status").stdout
    worker = describe()["daemon"]["worker"]["pid"]
    assert run("ps", "-o", "user=", "-p", worker).stdout.strip() == "lvsd-check"


def test_the_settings_of_ipvs_are_set_from_within_the_unit(service):
    """Where /proc/sys is read-only but for the network's."""
    for name in SETTINGS:
        run("sysctl", "-qw", f"{name}=0")
    wait_for(lambda: run("sysctl", "-n", *SETTINGS).stdout.split() == ["1", "1"], 30, "both are 1")
    told = run("journalctl", "-u", "lvsd", "--no-pager", "LVSD_EVENT=ipvs-setting").stdout
    assert all(f"{name} is 1, it was 0" in told for name in SETTINGS) and "cannot be" not in told
    other = run("nsenter", "-m", "-t", show("MainPID"), "sh", "-c", "echo 9 > /proc/sys/kernel/panic", check=False)
    assert "Read-only file system" in other.stdout, other.stdout


def test_the_journal_has_fields_ids_and_explanations(service):
    """The same events as `lvsctl watch`, with the same numbers; each kind with its own message id, explained by -x."""
    told = map(json.loads, run("lvsctl", "watch", "--last", "8192", "--no-follow", "--json").stdout.splitlines())
    events = [event for event in told if event["severity"] != "debug"]  # the log leaves those out
    assert len(events) > 3

    def read_journal():
        lines = run("journalctl", "-u", "lvsd", "--no-pager", "-o", "json", f"_PID={show('MainPID')}").stdout.splitlines()
        found = {int(entry["LVSD_SEQUENCE"]): entry for entry in map(json.loads, lines) if "LVSD_SEQUENCE" in entry}
        return found if {event["sequence"] for event in events} <= set(found) else {}

    journal = wait_for(read_journal, 20, "every event is in the journal")
    for event in events:
        entry = journal[event["sequence"]]
        assert (entry["LVSD_EVENT"], entry.get("LVSD_OBJECT", "")) == (event["event"], event["object"])
        assert re.fullmatch("[0-9a-f]{32}", entry["MESSAGE_ID"])
    master = next(entry for entry in journal.values() if entry.get("LVSD_TO") == "master")
    assert master["LVSD_FROM"] == "backup" and master["LVSD_REASON"] and master["PRIORITY"] == "5"
    run("journalctl", "--update-catalog")
    explained = run("journalctl", "-u", "lvsd", "-x", "--no-pager", "LVSD_EVENT=vrrp-state").stdout
    assert "Subject: vrrp-state" in explained and "holds the virtual addresses" in explained


def test_what_is_installed_can_be_read(service):
    for path in ("man/man5/lvsd.toml.5.gz", "man/man1/lvsctl.1.gz", "lvsd/lvsd.schema.json", "doc/lvsd/lvsd.rules.yml",
                 "doc/lvsd/lvsd.json", "zsh/vendor-completions/_lvsctl", "fish/vendor_completions.d/lvsctl.fish",
                 "bash-completion/completions/lvsctl"):
        assert Path("/usr/share", path).stat().st_size > 500, path
    assert json.loads(Path("/usr/share/lvsd/lvsd.schema.json").read_text())["properties"]["metrics"]


def test_the_tree_of_objects_is_on_the_system_bus(service):
    tree = run("busctl", "tree", "--list", "org.linuxvirtualserver.Lvsd1").stdout
    root = "/org/linuxvirtualserver/Lvsd1"
    assert {f"{root}/router/web/ipv4", f"{root}/service/web"} < set(tree.split())
    assert re.search(rf"^{root}/service/web/server/\w+$", tree, re.MULTILINE)


def test_a_reload_takes_what_is_valid_and_refuses_the_rest(service):
    pid = show("MainPID")
    CONFIG.write_text(GOOD.replace('"wlc"', '"rr"').replace("servers = [", 'scheduler = "rr"\nservers = ['))
    assert run("systemctl", "reload", "lvsd").returncode == 0
    wait_for(lambda: f"-A -t {VIP}:80 -s rr" in run("ipvsadm", "-Sn").stdout, 20, "the new scheduler is in force")
    lists = [", ".join(f'"10.88.0.{number}:8088"' for number in range(1, last)) for last in (6, 2)]
    CONFIG.write_text(GOOD.replace('"10.88.0.1:8088"', lists[0]))
    run("systemctl", "reload", "lvsd")
    assert describe()["daemon"]["config"]["generation"] == 3, "a reload is over when it is in force"
    CONFIG.write_text(GOOD.replace('"10.88.0.1:8088"', lists[1]))
    assert run("systemctl", "reload", "lvsd", check=False).returncode != 0, "the guard"
    assert "to do it: lvsctl apply --force" in run("journalctl", "-u", "lvsd", "--no-pager").stdout
    assert len(describe()["services"][0]["servers"]) == 5
    run("lvsctl", "apply", "--force")
    CONFIG.write_text("nonsense = 1\n")
    refused = run("systemctl", "reload", "lvsd", check=False)
    assert refused.returncode != 0
    assert "lvsd.toml:1:1: " in run("journalctl", "-u", "lvsd", "--no-pager").stdout
    assert (show("ActiveState"), show("MainPID"), role()) == ("active", pid, ["master"])
    instance = describe()["routers"][0]["instances"][0]
    assert instance["transitions"] == 1, "a reload moved the address"


def test_a_crash_before_a_start_that_fails_leaves_no_address(service):
    CONFIG.write_text("nonsense = 1\n")
    run("systemctl", "kill", "--kill-whom=main", "-s", "KILL", "lvsd")
    wait_for(lambda: VIP not in run("ip", "-o", "addr", "show", "dummy88").stdout, 30, "the address is gone")
    wait_for(lambda: int(show("NRestarts")) > 1, 60, "it was started again, and again")
    assert show("ActiveState") != "active" and VIP not in run("ip", "-o", "addr", "show", "dummy88").stdout


def test_a_stop_leaves_nothing(service):
    run("systemctl", "stop", "lvsd")
    assert (show("ActiveState"), show("Result")) == ("inactive", "success")
    assert VIP not in run("ip", "-o", "addr", "show", "dummy88").stdout
    assert VIP not in run("ipvsadm", "-Sn").stdout
    run("systemctl", "start", "lvsd")


@pytest.mark.limit(240)
def test_a_hung_daemon_is_replaced_by_the_watchdog(service):
    pid = show("MainPID")
    run("kill", "-STOP", pid)
    wait_for(lambda: show("MainPID") not in (pid, "0") and role() == ["master"], 120, "another lvsd is master")
    assert int(show("NRestarts")) >= 1


# ---- what lvsd.toml(5) says that programs for events may do, and how more is opened for them

PROGRAM = Path("/usr/local/bin/lvsd-tries")
DROP_IN = Path("/etc/systemd/system/lvsd.service.d/override.conf")
# What everybody may use, but for the sandbox.
OPEN, HOME = Path("/var/lib/lvsd-open"), Path("/home/lvsd-somebody")
# Says what it could do, in the folder that the drop-in opens.
TRIES = """#!/bin/sh
exec >>{folder}/tried
touch /tmp/of-lvsd && echo tmp
touch {open}/x && echo anywhere
ls {home} && echo home
grep -q '^NoNewPrivs:.*1$' /proc/self/status && echo no-new-privs
python3 -c 'import mmap; mmap.mmap(-1, 4096, prot=mmap.PROT_READ | mmap.PROT_WRITE | mmap.PROT_EXEC)' && echo executable
echo end
"""


@pytest.fixture
def opened():
    """The drop-in of the manual, and its folder."""
    page = subprocess.run(["lvsd", "--print-manual"], stdout=subprocess.PIPE, text=True, check=True).stdout
    (text,) = re.findall(r"^\[Service\]\n.*?(?=^\.fi)", page.replace("\\-", "-"), re.MULTILINE | re.DOTALL)
    folder = Path(re.search(r"ReadWritePaths=(\S+)", text)[1])
    PROGRAM.write_text(TRIES.format(folder=folder, open=OPEN, home=HOME))
    PROGRAM.chmod(0o755)
    for place in (folder, OPEN, HOME):
        place.mkdir()
    shutil.chown(folder, "lvsd-notify")
    OPEN.chmod(0o777)
    yield text, folder
    run("systemctl", "stop", "lvsd")
    DROP_IN.unlink(missing_ok=True)
    run("systemctl", "daemon-reload")
    PROGRAM.unlink()
    for place in (folder, OPEN, HOME):
        shutil.rmtree(place)


def test_a_program_does_what_the_drop_in_allows_and_no_more(installed, opened):
    text, folder = opened
    CONFIG.write_text(GOOD + f'[notify]\ncommand = ["{PROGRAM}"]\nevents = ["start"]\n')
    run("systemctl", "reset-failed", "lvsd", check=False)
    run("systemctl", "start", "lvsd")
    failed = ("journalctl", "-u", "lvsd", "--no-pager", "-g", PROGRAM.name)
    wait_for(lambda: PROGRAM.name in run(*failed, check=False).stdout, 30, "the log says that it failed")
    assert not (folder / "tried").exists()
    DROP_IN.parent.mkdir(exist_ok=True)
    DROP_IN.write_text(text)
    run("systemctl", "daemon-reload")
    run("systemctl", "restart", "lvsd")
    told = folder / "tried"
    wait_for(lambda: told.exists() and "end\n" in told.read_text(), 30, "it has tried")
    assert told.read_text().split() == ["tmp", "no-new-privs", "end"]
    assert not Path("/tmp/of-lvsd").exists()
