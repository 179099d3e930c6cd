# SPDX-License-Identifier: GPL-2.0-or-later
"""The parts of the lab that decide without a machine: what counts as a failure, which kernel is the newest."""

import contextlib
import json
import re
import subprocess
import threading

import pytest

from labkit import bench, build, child, gtest, initramfs, kernels, packages, suites, testing, vm
from labkit.demo.display import Display
from labkit.demo.load import Interval, Load
from labkit.demo.directors import Lvsd, View
from labkit.paths import ROOT
from labkit.say import LabError
from labkit.suites import MARK


class Tally:
    def __init__(self):
        self.results = []
        self.texts = {}

    def add(self, result):
        self.results.append((result.id, result.outcome))
        self.texts[result.id] = result.text

    def told(self, suite):
        return sum(name.startswith(f"{suite}/") for name, _ in self.results)


def pytest_run(*messages, status: int) -> list[tuple[str, str]]:
    tally = Tally()
    run = suites.PytestRun("vm-6.1", tally)
    for message in messages:
        run.take(message if isinstance(message, str) else "..." + MARK + json.dumps(message) + "\n")
    run.finish("tests/vm/test_x.py", status)
    return tally.results


COLLECTED = {"kind": "collected", "ids": ["tests/vm/test_x.py::a", "tests/vm/test_x.py::b"]}


def ended(name: str, outcome: str = "passed") -> dict:
    return {"kind": "ended", "id": f"tests/vm/test_x.py::{name}", "outcome": outcome, "seconds": 1.0, "text": "said"}


def test_each_test_of_a_run_is_counted():
    assert pytest_run(COLLECTED, ended("a"), ended("b", "skipped"), status=0) == [
        ("vm-6.1/test_x.py::a", "passed"), ("vm-6.1/test_x.py::b", "skipped")]


def test_a_run_that_is_cut_off_fails_every_test_it_owes():
    assert pytest_run(COLLECTED, ended("a"), {"kind": "begun", "id": "tests/vm/test_x.py::b"}, "lab: panic\n",
                      status=125) == [("vm-6.1/test_x.py::a", "passed"), ("vm-6.1/test_x.py::b", "failed")]


def test_a_run_that_reports_nothing_is_a_failure():
    assert pytest_run("lab: no machine\n", status=125) == [("vm-6.1/test_x.py", "failed")]


def test_a_machine_that_dies_after_its_last_test_is_a_failure():
    assert pytest_run(COLLECTED, ended("a"), ended("b"), status=125)[-1] == ("vm-6.1/test_x.py", "failed")


def test_what_ctest_prints_is_understood():
    lines = {
        " 12/340 Test  #12: unit_vrrp.Machine.Starts ......................   Passed    0.02 sec": "Passed",
        " 13/340 Test  #13: unit_vrrp.Machine.Stops .......................***Failed    0.12 sec": "Failed",
        "  1/1 Test #1: sim ...............................................***Timeout  60.01 sec": "Timeout",
        "  2/9 Test #2: unit.X .............................................***Skipped   0.01 sec": "Skipped",
        "  3/9 Test #3: unit.Y .............................................***Exception: SegFault  0.10 sec":
            "Exception: SegFault",
    }
    for line, outcome in lines.items():
        assert suites.ENDED.match(line)[3] == outcome, line
    assert suites.ENDED.match(next(iter(lines)))[1] == "unit_vrrp.Machine.Starts"


def test_a_summary_fails_when_nothing_ran(capsys):
    assert testing.Tally().finish(1.0) == 1
    assert capsys.readouterr().out.endswith("0 passed, 0 failed\n")


@pytest.mark.parametrize("pattern, suites", [
    ("", {"unit", "lint", "net", "vm", "lab", "debug"}), ("vrrp", {"unit", "lint", "net", "vm", "lab", "debug"}),
    ("net/test_lvsd", {"net"}), ("vm-6.1/", {"vm", "debug"}), ("lab/test_run|net/test_lvsd", {"lab", "net"}),
    ("net/a|vrrp", {"unit", "lint", "net", "vm", "lab", "debug"})])
def test_a_pattern_leaves_out_what_it_cannot_match_and_nothing_else(pattern, suites):
    every = ("unit", "lint", "net", "vm", "lab", "debug")
    assert {suite for suite in every if testing._may_match(pattern, suite)} == suites


def test_the_last_line_counts_what_was_skipped(capsys):
    tally = testing.Tally()
    tally.add(testing.Result("unit/a", "passed", 0.1))
    tally.add(testing.Result("unit/b", "skipped", 0.0, "needs the moon"))
    assert tally.finish(1.0) == 0
    out = capsys.readouterr().out
    assert "needs the moon" in out
    assert out.splitlines()[-1] == "1 passed, 0 failed, 1 skipped"


def test_what_a_file_needs_is_read_without_running_it(tmp_path):
    file = tmp_path / "test_x.py"
    file.write_text('import no_such_module\nLAB = {"kernels": ["6.12"], "systemd": True, "cpus": 1}\n')
    assert testing.needs_of(file) == {"kernels": ["6.12"], "systemd": True, "cpus": 1}
    assert testing._machine_options({"systemd": True, "icount": False, "cpus": 1}) == ["--systemd", "--cpus", "1"]


def test_files_that_need_the_same_share_a_machine(tmp_path):
    files = []
    for name, needs in (("a", "{}"), ("b", '{"ipvs": "bundled"}'), ("c", '{"kernels": ["6.1"], "timeout": 900}'),
                        ("d", '{"kernels": ["debug"], "ipvs": "bundled"}')):
        files.append(tmp_path / f"test_{name}.py")
        files[-1].write_text(f"LAB = {needs}\n")
    a, b, c, d = files
    assert testing.machines(files, ("6.1", "6.12")) == {
        ("6.1",): [a, c], ("6.1", ("ipvs", "bundled")): [b], ("6.12",): [a], ("6.12", ("ipvs", "bundled")): [b]}
    assert testing.machines(files, ("debug",)) == {("debug", ("ipvs", "bundled")): [d]}


def test_the_newest_kernel_is_chosen_by_number_and_signed():
    images = ["linux-image-6.1.0-9-amd64", "linux-image-6.1.0-56-amd64-unsigned", "linux-image-6.1.0-56-amd64",
              "linux-image-6.1.0-10-amd64"]
    assert max(images, key=kernels._image_order) == "linux-image-6.1.0-56-amd64"
    assert all(re.match(kernels.PATTERNS["6.1"], image) for image in images)
    for other in ("linux-image-6.12.9+deb12-cloud-amd64", "linux-image-6.12.9+deb12-rt-amd64",
                  "linux-image-6.12.9+deb12-amd64-dbg"):
        assert not re.match(kernels.PATTERNS["6.12"], other)
    assert max(["linux-image-6.12.9+deb12-amd64", "linux-image-6.12.117+deb12-amd64"],
               key=kernels._image_order) == "linux-image-6.12.117+deb12-amd64"


def test_what_runs_side_by_side_ends_together(monkeypatch):
    monkeypatch.setattr(child, "_is_over", False)
    begun = threading.Event()

    def long_work():
        with child.reading(["sh", "-c", "echo begun; exec sleep 1000"]) as running:
            running.stdout.readline()
            begun.set()
            running.stdout.read()
        with child.reading(["true"]):
            pass

    def broken_work():
        assert begun.wait(60)
        raise LabError("broken")

    with pytest.raises(LabError, match="broken"):
        child.side_by_side(long_work, broken_work)
    with pytest.raises(LabError, match="interrupted"), child.reading(["true"]):
        pass


def test_a_test_ends_in_time_whatever_it_takes_for_not_yet(tmp_path):
    (tmp_path / "test_x.py").write_text("""
import os
import pytest

@pytest.mark.limit(0.2)
def test_x():
    never, always = os.pipe()
    while True:
        try:
            os.read(never, 1)
        except OSError:
            pass
""")
    done = subprocess.run(["/usr/bin/python3", "-m", "pytest", "-p", "labkit.pytest_lab", "-p", "no:cacheprovider", "-q",
                           "--rootdir", tmp_path, tmp_path / "test_x.py"], cwd=tmp_path, stdin=subprocess.DEVNULL,
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=60)
    assert done.returncode == 1
    assert "the test took longer than 0.2 s" in done.stdout


def test_two_labs_do_not_build_at_once(tmp_path, monkeypatch):
    monkeypatch.setattr(build, "BUILD", tmp_path)
    monkeypatch.setattr(build.packages, "ensure", lambda *_: None)
    inside, most, both = [], [], threading.Barrier(2)

    def compile_it(*_):
        inside.append(1)
        most.append(len(inside))
        with contextlib.suppress(threading.BrokenBarrierError):
            both.wait(0.3)  # where the other comes in as well, it does so at once
        inside.pop()

    monkeypatch.setattr(build, "_build", compile_it)
    child.side_by_side(lambda: build.build("release"), lambda: build.build("release"))
    assert most == [1, 1]


def test_units_wait_for_machines_they_were_not_compiled_before(monkeypatch):
    compiled, told = threading.Event(), []
    monkeypatch.setattr(testing.build, "build", lambda *_, **__: compiled.wait(60))
    monkeypatch.setattr(testing.build, "has_sources", lambda: True)
    units = testing._Units(lambda: told.append("units"))

    def machines():
        units.begin_no_more()
        compiled.set()
        told.append("machines")

    child.side_by_side(units.compile_and_run, machines)
    units.run()
    units.run()
    assert told == ["machines", "units"]


def test_units_that_have_begun_end_before_the_machines_begin(monkeypatch):
    begun, told = threading.Event(), []
    monkeypatch.setattr(testing.build, "has_sources", lambda: False)

    def run_units():
        begun.set()
        told.append("units")

    def machines():
        assert begun.wait(60)
        units.begin_no_more()
        told.append("machines")

    units = testing._Units(run_units)
    child.side_by_side(units.compile_and_run, machines)
    units.run()
    assert told == ["units", "machines"]


def test_the_lock_of_the_cache_is_not_taken_twice(tmp_path, monkeypatch):
    monkeypatch.setattr(kernels, "CACHE", tmp_path)
    with kernels.cache_lock():
        with pytest.raises(AssertionError, match="by who has it"), kernels.cache_lock():
            pass
    with kernels.cache_lock():
        pass


def test_the_archive_is_what_cpio_reads(tmp_path):
    archive = initramfs.archive([("a", 0o040755, b""), ("a/one", 0o100644, b"12345"), ("a/two", 0o100600, b"")])
    assert len(archive) % 4 == 0
    cpio = subprocess.run(["cpio", "-id", "--quiet"], input=archive, cwd=tmp_path, stderr=subprocess.PIPE)
    assert cpio.returncode == 0, cpio.stderr
    assert (tmp_path / "a/one").read_bytes() == b"12345"
    assert (tmp_path / "a/two").read_bytes() == b""


def test_the_callers_session_stays_outside_the_machine():
    given = {"FOO": "bar", "DBUS_SESSION_BUS_ADDRESS": "x", "XDG_RUNTIME_DIR": "x", "PATH": "/opt/bin", "PWD": "/",
             "HOME": "/home/me"}
    kept = vm._environment(given, "release")
    assert kept["FOO"] == "bar" and kept["HOME"] == "/root"
    assert not {"DBUS_SESSION_BUS_ADDRESS", "XDG_RUNTIME_DIR", "PWD"} & set(kept)
    first, second, *_ = kept["PATH"].split(":")
    assert first.endswith("build/release/bin") and second == "/opt/bin"


def test_missing_packages_are_told_apart():
    assert packages.missing(["dpkg", "no-such-package-of-lvsd"]) == ["no-such-package-of-lvsd"]


def test_contributors_install_what_the_lab_builds_with():
    line = re.search(r"^apt install ((?:.*\\\n)*.*)$", (ROOT / "CONTRIBUTING.md").read_text(), re.MULTILINE)[1]
    assert sorted(line.replace("\\", " ").split()) == sorted(packages.GROUPS["build"])


STATE = {
    "routers": [{"name": "web", "instances": [{"family": "ipv4", "state": "master"}]}],
    "services": [{"servers": [{"address": "10.77.0.11:80", "is_sorry": False, "state": "up"},
                              {"address": "10.77.0.12:80", "is_sorry": False, "state": "down"},
                              {"address": "10.77.0.9:80", "is_sorry": True, "state": "standby"}]}],
}


def test_the_demo_reads_lvsctls_json():
    lvsd = Lvsd.__new__(Lvsd)
    lvsd.by_address = {"10.77.0.11:80": "s1", "10.77.0.12:80": "s2"}
    assert lvsd.parse(json.dumps(STATE)) == View("master", {"s1": "up", "s2": "down"})


def load_of(*intervals) -> Load:
    load = Load.__new__(Load)
    load.intervals, load.failures = list(intervals), [10.5, 11.0]
    return load


def test_a_gap_counts_where_it_was_open():
    load = load_of(Interval(10.1, 5, 5, 0, 20.0, 10.0, {"s1": 5}), Interval(11.6, 5, 5, 0, 1400.0, 10.1, {"s2": 5}))
    assert load.longest_gap_ms(10.0, 10.05) == 20.0
    assert load.longest_gap_ms(10.3, 10.4) == 1400.0
    assert load.longest_gap_ms(12.0, 13.0) == 0.0
    assert load.failed_between(10.5, 11.0) == 1
    assert load.ok_since(11.0, "s2") == 5 and load.ok_since(11.0, "s1") == 0


def test_a_table_of_rows(capsys):
    bench.print_table("x", [{"name": "a", "gap_ms": 1.5}, {"name": "bb", "gap_ms": 12}])
    assert capsys.readouterr().out == "\nx\n  name  gap_ms\n     a   1.500\n    bb      12\n"


def test_the_server_is_shown_as_the_master_sees_it():
    views = {"d1": View("backup", {"s1": "up"}), "d2": View("master", {"s1": "down"})}
    assert Display._state(views, "s1") == "down"
    assert Display._state(views, "s9") == "-"


CTEST = """
add_test(suite.passes "true")
add_test(suite.fails "sh" "-c" "echo what went wrong; exit 3")
add_test(suite.skips "sh" "-c" "echo needs the moon; exit 77")
set_tests_properties(suite.skips PROPERTIES SKIP_RETURN_CODE 77)
add_test(suite.hangs "sleep" "1000")
set_tests_properties(suite.hangs PROPERTIES TIMEOUT 1)
add_test(suite.dies "sh" "-c" "kill -SEGV $$")
add_test(suite.missing "/no/such/program")
add_test([=[suite/odd.name+[x]*(1)]=] "true")
"""
OUTCOMES = {"suite.passes": "passed", "suite.fails": "failed", "suite.skips": "skipped", "suite.hangs": "failed",
            "suite.dies": "failed", "suite.missing": "failed", "suite/odd.name+[x]*(1)": "passed"}


@pytest.fixture
def ctest_folder(tmp_path, monkeypatch):
    (tmp_path / "CTestTestfile.cmake").write_text(CTEST)
    monkeypatch.setattr(suites, "LOGS", tmp_path)
    return tmp_path


def test_every_test_of_ctest_is_counted_as_what_it_is(ctest_folder):
    tally = Tally()
    suites.ctest_suite("unit", ctest_folder, tally, re.compile(""))
    assert dict(tally.results) == {f"unit/{name}": outcome for name, outcome in OUTCOMES.items()}
    assert len(tally.results) == len(OUTCOMES)
    assert "needs the moon" in tally.texts["unit/suite.skips"]
    assert "what went wrong" in tally.texts["unit/suite.fails"]


@pytest.mark.parametrize("pattern, names", [
    ("passes", ["suite.passes"]), (r"unit/suite/odd", ["suite/odd.name+[x]*(1)"]),
    ("fails|skips", ["suite.fails", "suite.skips"]), ("no such test", [])])
def test_a_pattern_selects_tests_of_ctest(ctest_folder, pattern, names):
    tally = Tally()
    suites.ctest_suite("unit", ctest_folder, tally, re.compile(pattern))
    assert sorted(name for name, _ in tally.results) == sorted(f"unit/{name}" for name in names)


GTEST = """#!/usr/bin/python3
import json, sys
report = next(word for word in sys.argv if word.startswith("--gtest_output=json:")).partition(":")[2]
case = lambda name, **more: dict(name=name, classname="Suite", time="0.5s", result="COMPLETED", **more)
cases = [case("Good"), case("Bad", failures=[dict(failure="a.cpp:1 expected 1, got 2")])]
with open(report, "w") as file:
    json.dump(dict(testsuites=[dict(testsuite=cases)]), file)
print("last words")
sys.exit({status})
"""


def run_gtest(folder, status: int, *names: str) -> dict:
    program = folder / "program"
    program.write_text(GTEST.replace("{status}", str(status)))
    program.chmod(0o755)
    told = {}
    gtest.run([{"name": f"program.{name}", "command": [str(program), f"--gtest_filter=Suite.{name}"]} for name in names],
              lambda name, outcome, seconds, text: told.update({name: (outcome, text)}))
    return told


def test_a_program_of_googletest_is_told_test_by_test(tmp_path):
    told = run_gtest(tmp_path, 1, "Good", "Bad", "Gone")
    assert told["program.Good"] == ("passed", "")
    assert told["program.Bad"] == ("failed", "a.cpp:1 expected 1, got 2")
    assert told["program.Gone"][0] == "failed" and "last words" in told["program.Gone"][1]


def test_a_program_that_fails_at_its_end_has_failed(tmp_path):
    told = run_gtest(tmp_path, 23, "Good")
    assert told["program.Good"][0] == "passed"
    assert told["program"][0] == "failed" and "status 23" in told["program"][1]


def test_a_kernels_trouble_is_shown_from_its_beginning():
    stack = "\n".join(f" ? function_{number}+0x1/0x2" for number in range(80))
    text = "booted\nKernel panic - not syncing: sysrq triggered crash\n" + stack
    assert vm._lines_since_trouble(text) >= 82
    assert vm._lines_since_trouble("booted\nready") < 40
