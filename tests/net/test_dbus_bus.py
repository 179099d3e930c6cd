# SPDX-License-Identifier: GPL-2.0-or-later
"""The D-Bus interface with a real dbus-daemon and with lvsctl: what is documented can be read with everybody's tools.

Needs no network and no root but for the test of the bus policy. The bus is a private one with lvsd's own policy file.
"""

import json
import os
import pty
import pwd
import re
import select
import shutil
import subprocess
import time
import xml.etree.ElementTree as ElementTree

import pytest

from _bus import BASE, DEADLINE, NAME, ROOT, SERVER, bus, directory, program, start_demo  # noqa: F401
from labkit.waiting import wait_for


def test_busctl_reads_everything(start_demo):
    demo = start_demo()
    assert SERVER in demo.busctl("tree", "--list", NAME)
    assert demo.busctl("get-property", NAME, SERVER, f"{NAME}.RealServer", "State") == 's "up"\n'
    assert demo.busctl("get-property", NAME, BASE, f"{NAME}.Manager", "ConfigGeneration") == "t 2\n"
    text = demo.busctl("introspect", NAME, SERVER)
    assert re.search(r"\.EffectiveWeight\s+property\s+u\s+10\s+emits-change", text), text
    assert re.search(r"\.Connections\s+property\s+t\s+100\s+-", text), text
    check = demo.busctl("introspect", NAME, f"{SERVER}/check/1")
    assert re.search(r"\.Target\s+property\s+s\s+\"http://10\.0\.0\.1/health\"\s+emits-change", check), check
    assert demo.busctl("get-property", NAME, SERVER, f"{NAME}.RealServer", "Overrides") == \
        'a(sustt) 1 "weight" 10 "half its memory is gone" 1700003600000000 0\n'
    assert re.search(r"\.Describe\s+method\s+-\s+s", demo.busctl("introspect", NAME, BASE))


def test_gdbus_reads_the_introspection(start_demo):
    demo = start_demo()
    done = demo.run("gdbus", "introspect", "--system", "--dest", NAME, "--object-path", f"{BASE}/router/web/ipv4")
    assert done.returncode == 0, done.stderr
    assert "interface org.linuxvirtualserver.Lvsd1.VirtualRouter" in done.stdout
    assert "readonly s State = 'master';" in done.stdout


def test_every_documented_property_exists_and_no_other(start_demo):
    demo = start_demo()
    text = (ROOT / "lvsd/dbus/api.md").read_text()
    objects = {"Manager": BASE, "VirtualRouter": f"{BASE}/router/web/ipv4",
               "VirtualService": f"{BASE}/service/service_2d0", "RealServer": SERVER, "Check": f"{SERVER}/check/1"}
    signal_words = {"yes": "emits-change", "no": "-", "const": "const"}
    types = {"time": "t", "span": "t", "word": "s", "text": "s"}
    for interface, path in objects.items():
        section = text.split(f"## {NAME}.{interface}\n")[1].split("\n## ")[0]
        documented = {}
        for names, kind, announced in re.findall(r"^\| (`[^|]*) *\| `?([^|`]+?)`? *\| (yes|no|const) *\|", section, re.M):
            for name in re.findall(r"`(\w+)`", names):
                documented[name] = (types.get(kind, kind), signal_words[announced])
        shown = {}
        for line in demo.busctl("introspect", NAME, path, f"{NAME}.{interface}").splitlines():
            words = line.split()
            if words[1] == "property":
                shown[words[0].lstrip(".")] = (words[2], words[-1])
        assert shown == documented, interface


def members(interface: ElementTree.Element) -> dict:
    """An interface of an introspection, in a form that can be compared: the order of members says nothing."""
    found = {}
    for member in interface:
        arguments = [(each.get("name"), each.get("type"), each.get("direction")) for each in member.findall("arg")]
        notes = {each.get("name"): each.get("value") for each in member.findall("annotation")}
        key = (member.tag, member.get("name"))
        assert key not in found
        found[key] = (member.get("type"), member.get("access"), arguments, notes)
    return found


def test_what_is_installed_is_what_introspection_says(start_demo):
    demo = start_demo()
    for interface, path in {"Manager": BASE, "VirtualRouter": f"{BASE}/router/web/ipv4", "RealServer": SERVER,
                            "VirtualService": f"{BASE}/service/service_2d0", "Check": f"{SERVER}/check/1"}.items():
        name = f"{NAME}.{interface}"
        call = demo.busctl("--json=short", "call", NAME, path, "org.freedesktop.DBus.Introspectable", "Introspect")
        live = ElementTree.fromstring(json.loads(call)["data"][0]).find(f"interface[@name='{name}']")
        printed = demo.run(program("lvsd"), "--print-dbus-interface", name)
        assert printed.returncode == 0, printed.stderr
        installed = ElementTree.fromstring(printed.stdout).find(f"interface[@name='{name}']")
        assert members(installed) == members(live), name
        assert len(members(live)) > 5
    assert demo.run(program("lvsd"), "--print-dbus-interface", f"{NAME}.Nothing").returncode == 1
    cmake = (ROOT / "systemd/CMakeLists.txt").read_text()
    assert "foreach(interface Manager VirtualRouter VirtualService RealServer Check)" in cmake, "all are installed"


def test_python_dbus_gets_named_errors(start_demo):
    demo = start_demo()
    script = f"""if True:
        import dbus
        bus = dbus.SystemBus()
        def error(path, interface, method, *arguments):
            try:
                getattr(dbus.Interface(bus.get_object('{NAME}', path), interface), method)(*arguments)
            except dbus.DBusException as refused:
                print(refused.get_dbus_name())
        error('{BASE}', '{NAME}.Manager', 'Reload')
        error('{SERVER}', '{NAME}.RealServer', 'Drain', dbus.UInt64(0), 'disk', dbus.UInt64(0))
        error('{BASE}/service/none', '{NAME}.VirtualService', 'Nothing')
        error('{BASE}', '{NAME}.Manager', 'Nothing')
        error('{SERVER}', 'org.freedesktop.DBus.Properties', 'Set', '{NAME}.RealServer', 'Weight', dbus.UInt32(1))
    """
    done = demo.run("/usr/bin/python3", "-c", script)
    assert done.returncode == 0, done.stderr
    errors = "org.freedesktop.DBus.Error"
    assert done.stdout.split() == [f"{NAME}.Error.NotReady", f"{NAME}.Error.NotReady", f"{errors}.UnknownObject",
                                   f"{errors}.UnknownMethod", f"{errors}.PropertyReadOnly"]


def test_python_dbus_walks_the_object_manager(start_demo):
    demo = start_demo()
    script = (f"import dbus; bus = dbus.SystemBus(); o = bus.get_object('{NAME}', '{BASE}')\n"
              "print(len(dbus.Interface(o, 'org.freedesktop.DBus.ObjectManager').GetManagedObjects()))")
    done = demo.run("/usr/bin/python3", "-c", script)
    assert done.returncode == 0, done.stderr
    assert done.stdout == f"{1 + 2 + 2 * (1 + 3 + 3)}\n"


def test_signals_tell_what_changed_and_nothing_else(start_demo):
    demo = start_demo()
    watcher = subprocess.Popen(["gdbus", "monitor", "--system", "--dest", NAME], env=demo.environment,
                               stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    try:
        os.set_blocking(watcher.stdout.fileno(), False)
        seen = []

        def come(pattern):
            seen.append((watcher.stdout.read() or b"").decode())
            return re.search(pattern, "".join(seen))
        wait_for(lambda: come("is owned by"), DEADLINE, "the watcher listens")
        # The watcher prints that line before its match is in force: change things until it tells.
        states = ["down", "up"] * 1000
        wait_for(lambda: demo.tell(f"server 1 2 {states.pop()}") or come("PropertiesChanged"), DEADLINE,
                 "a change is told", interval=0.1)
        seen.clear()
        demo.tell("router backup")
        demo.tell("drop")
        wait_for(lambda: come(r"InterfacesRemoved \(objectpath '" + f"{BASE}/service/service_2d1'"), DEADLINE,
                 "the service goes")
        # What belonged to it goes with it, and one more change ends what is counted.
        demo.tell("router master")
        wait_for(lambda: come(r"\{'State': <'master'>\}"), DEADLINE, "the last change is told")
        text = "".join(seen)
        assert re.search(r"router/web/ipv4: .*PropertiesChanged .*\{'State': <'backup'>\}", text), text
        assert "router/web/ipv6" not in text and "service_2d0" not in text, text
        assert text.count("InterfacesRemoved") == 1 + 3 + 3
    finally:
        watcher.kill()
        watcher.communicate()


def test_name_comes_back_after_the_bus_was_away(start_demo, bus):
    demo = start_demo()
    for _ in range(2):
        bus.stop()
        demo.expect("name no")
        demo.tell("server 0 0 down")  # it goes on working meanwhile
        bus.start()
        demo.expect("name yes")
    assert demo.busctl("get-property", NAME, SERVER, f"{NAME}.RealServer", "State") == 's "down"\n'


def test_starts_without_a_bus_and_joins_when_there_is_one(start_demo, bus):
    bus.stop()
    bus.socket.unlink(missing_ok=True)
    demo = start_demo(named=False)
    assert demo.lvsctl("--socket", str(demo.socket), "status").returncode == 0
    bus.start()
    demo.expect("name yes")


@pytest.mark.skipif(os.getuid() != 0, reason="becomes another user")
def test_everybody_may_read_and_only_that(start_demo):
    demo = start_demo()
    nobody = pwd.getpwnam("nobody")
    as_nobody = {"user": nobody.pw_uid, "group": nobody.pw_gid, "extra_groups": []}
    assert "daemon" in demo.busctl("call", NAME, BASE, f"{NAME}.Manager", "Describe", **as_nobody)
    assert demo.busctl("get-property", NAME, SERVER, f"{NAME}.RealServer", "State", **as_nobody) == 's "up"\n'
    refused = demo.run("busctl", "--system", "call", NAME, BASE, f"{NAME}.Manager", "Reload", **as_nobody)
    assert refused.returncode != 0 and "Access denied" in refused.stderr, refused.stderr
    passed = demo.run("busctl", "--system", "call", NAME, BASE, f"{NAME}.Manager", "Reload")
    assert "lvsd is starting" in passed.stderr, passed.stderr  # root gets through; the demo has nothing to reload
    for words in (["apply"], ["drain", "10.0.0.1"], ["plan", "/etc/shadow"]):
        by_socket = demo.run(program("lvsctl"), "--socket", str(demo.socket), *words, **as_nobody)
        assert by_socket.returncode == 1 and "Only root" in by_socket.stderr, by_socket.stderr
    own = demo.run("busctl", "--system", "call", "org.freedesktop.DBus", "/", "org.freedesktop.DBus", "RequestName",
                   "su", NAME, "0", **as_nobody)
    assert own.returncode != 0, "anybody can be lvsd"


def test_ten_thousand_servers_through_the_bus(start_demo):
    demo = start_demo("--services", "2000", "--servers", "5")
    took, worked = [], []
    for _ in range(5):  # the machine does other things, too: the best counts
        begin, worked_before = time.monotonic(), demo.worked()
        done = demo.run("busctl", "--system", "--quiet", "--timeout=60", "call", NAME, BASE,
                        "org.freedesktop.DBus.ObjectManager", "GetManagedObjects")
        took.append(time.monotonic() - begin)
        worked.append(demo.worked() - worked_before)
        assert done.returncode == 0, done.stderr
    print(f"GetManagedObjects of 10,000 servers and their checks through dbus-daemon: {1000 * min(took):.0f} ms with "
          f"busctl's start and end, {1000 * min(worked):.0f} ms of the server's processor time")
    assert min(worked) < 1, worked  # not the time on the wall: other tests run on this machine
    table = demo.lvsctl("status")
    assert table.returncode == 0
    assert len([line for line in table.stdout.splitlines() if line.startswith("  server")]) == 10_000


# ---- lvsctl -------------------------------------------------------------------------------------------------


def test_lvsctl_json_is_what_describe_says(start_demo):
    demo = start_demo()
    described = json.loads(demo.busctl("--json=short", "call", NAME, BASE, f"{NAME}.Manager", "Describe"))["data"][0]
    for way in (["--system"], ["--socket", str(demo.socket)]):
        done = demo.lvsctl(*way, "status", "--json")
        assert done.returncode == 0, done.stderr
        assert done.stdout == described + "\n"
    assert len(json.loads(described)["services"]) == 2


def test_lvsctl_says_how_when_nobody_answers(start_demo, bus, directory):
    demo = start_demo()
    for way in (["--socket", str(directory / "nothing")], ["--system"]):
        if way == ["--system"]:
            bus.stop()
        done = demo.lvsctl(*way, "status")
        assert done.returncode == 1
        assert done.stdout == ""
        assert "cannot reach lvsd" in done.stderr and "systemctl status lvsd" in done.stderr, done.stderr


def test_lvsctl_usage_errors_are_status_2(start_demo):
    demo = start_demo()
    for wrong in ([], ["dance"], ["status", "--wrong"], ["--system", "--socket", "x", "status"]):
        assert demo.lvsctl(*wrong).returncode == 2, wrong
    assert demo.lvsctl("--help").returncode == 0


def test_lvsctl_version_needs_no_lvsd(start_demo, directory):
    demo = start_demo()
    assert re.fullmatch(r"lvsctl \S+\nlvsd not reachable\n",
                        demo.lvsctl("--socket", str(directory / "no"), "version").stdout)
    assert re.fullmatch(r"lvsctl \S+\nlvsd 0\.1\.0\n", demo.lvsctl("--system", "version").stdout)


def on_terminal(command, environment) -> str:
    """What the command writes to a terminal."""
    pid, terminal = pty.fork()
    if pid == 0:
        os.execve(command[0], command, environment)
    text = b""
    try:
        while select.select([terminal], [], [], DEADLINE)[0]:
            piece = os.read(terminal, 65536)
            if not piece:
                break
            text += piece
    except OSError:  # the other side is closed
        pass
    finally:
        os.close(terminal)
        os.waitpid(pid, 0)
    return text.decode()


def test_lvsctl_colours_on_a_terminal_only(start_demo):
    demo = start_demo()
    command = [program("lvsctl"), "--socket", str(demo.socket), "status"]
    environment = dict(demo.environment, TERM="xterm")
    assert "\x1b" not in demo.run(*command).stdout
    assert "\x1b[32m" in on_terminal(command, environment)
    assert "\x1b" not in on_terminal(command, dict(environment, NO_COLOR="1"))
    assert "\x1b" not in on_terminal(command, dict(environment, TERM="dumb"))


# ---- files of the installation ------------------------------------------------------------------------------


def test_unit_is_sound(directory):
    if shutil.which("systemd-analyze") is None:
        pytest.skip("no systemd-analyze here")
    text = (ROOT / "systemd/lvsd.service").read_text()
    for place in ("@CMAKE_INSTALL_FULL_SBINDIR@/lvsd", "@CMAKE_INSTALL_FULL_BINDIR@/lvsctl"):  # verify wants programs that exist
        text = text.replace(place, "/bin/true")
    unit = directory / "lvsd.service"
    unit.write_text(text)
    done = subprocess.run(["systemd-analyze", "verify", "--man=no", "--recursive-errors=no", str(unit)],
                          capture_output=True, text=True, timeout=DEADLINE)
    complaints = [line for line in done.stderr.splitlines() if "lvsd.service" in line]
    assert done.returncode == 0 and not complaints, done.stderr


def test_sysusers_and_tmpfiles_are_understood(directory):
    if shutil.which("systemd-sysusers") is None:
        pytest.skip("no systemd-sysusers here")
    (directory / "etc").mkdir()
    done = subprocess.run(["systemd-sysusers", f"--root={directory}", str(ROOT / "systemd/lvsd.sysusers")],
                          capture_output=True, text=True, timeout=DEADLINE)
    assert done.returncode == 0, done.stderr
    assert re.search(r"^lvsd-check:", (directory / "etc/passwd").read_text(), re.M)
    done = subprocess.run(["systemd-tmpfiles", "--create", f"--root={directory}", str(ROOT / "systemd/lvsd.tmpfiles")],
                          capture_output=True, text=True, timeout=DEADLINE)
    assert done.returncode == 0, done.stderr
    assert (directory / "var/lib/lvsd").is_dir()
