# SPDX-License-Identifier: GPL-2.0-or-later
"""The contract of `lab run`, kept by scripts that know nothing of how it works."""

import os
import re
import signal
import subprocess
from pathlib import Path

import pytest

from labkit.waiting import wait_for

LAB = Path(__file__).resolve().parents[1] / "lab"

# Booting takes seconds on an idle machine, and a minute on one that builds something else.
pytestmark = pytest.mark.limit(600)


def lab_run(*command: str, options=(), input="", cwd=None, **environment) -> subprocess.CompletedProcess:
    return subprocess.run([LAB, "run", "--ipvs", "none", *options, "--", *command], input=input, text=True, cwd=cwd,
                          stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=dict(os.environ, **environment))


def test_status_and_streams_come_through_apart():
    done = lab_run("sh", "-c", "echo to stdout; echo to stderr >&2; exit 7")
    assert (done.returncode, done.stdout) == (7, "to stdout\n")
    assert done.stderr.endswith("to stderr\n")


def test_a_commands_signal_is_its_status():
    assert lab_run("sh", "-c", "kill -KILL $$").returncode == 128 + signal.SIGKILL


def test_a_command_that_is_not_there():
    done = lab_run("no-such-command")
    assert done.returncode == 127
    assert "cannot run no-such-command" in done.stderr


def test_directory_environment_and_arguments_are_the_callers(tmp_path):
    done = lab_run("sh", "-c", 'pwd; printf "%s\\n" "$LAB_TEST" "$1" "$2"', "sh", "two words", "", cwd=tmp_path,
                   LAB_TEST="a value = with signs\nand lines")
    assert done.stdout == f"{tmp_path}\na value = with signs\nand lines\ntwo words\n\n"


def test_a_large_input_and_output_come_through_whole():
    text = "".join(f"{number}\n" for number in range(500_000))
    done = lab_run("cat", input=text)
    assert done.returncode == 0
    assert done.stdout == text


def test_what_a_command_leaves_running_does_not_hold_it_up():
    done = lab_run("sh", "-c", "sleep 1000 & echo gone on")
    assert (done.returncode, done.stdout) == (0, "gone on\n")


def test_changes_are_gone_except_in_a_shared_directory(tmp_path):
    shared = tmp_path / "shared"
    shared.mkdir()
    done = lab_run("sh", "-c", f"echo kept > {shared}/file; echo lost > {tmp_path}/file; cat {tmp_path}/file",
                   options=["--rw", str(shared)])
    assert (done.returncode, done.stdout) == (0, "lost\n")
    assert (shared / "file").read_text() == "kept\n"
    assert not (tmp_path / "file").exists()


def test_too_long_is_124():
    done = lab_run("sleep", "1000", options=["--timeout", "10"])
    assert done.returncode == 124
    assert "timed out after 10 s" in done.stderr


def test_a_panic_is_a_failure_with_the_last_words():
    done = lab_run("sh", "-c", "echo c > /proc/sysrq-trigger; sleep 100")
    assert done.returncode == 125
    assert "the kernel panicked while the command ran" in done.stderr
    assert "sysrq triggered crash" in done.stderr


def test_a_machine_that_ends_without_a_report_is_a_failure():
    done = lab_run("sh", "-c", "echo o > /proc/sysrq-trigger; sleep 100")
    assert done.returncode == 125
    assert "the machine ended while the command ran" in done.stderr


def test_a_machine_that_cannot_boot_is_a_failure():
    done = lab_run("true", options=["--memory", "64", "--timeout", "8"])
    assert done.returncode in (124, 125)
    assert done.stderr.count("lab: ") >= 1


def test_one_cpu_and_counted_instructions():
    done = lab_run("nproc", options=["--icount"])
    assert (done.returncode, done.stdout) == (0, "1\n")


@pytest.mark.parametrize("kernel", ["6.1", "6.12"])
def test_the_kernel_asked_for(kernel):
    done = lab_run("uname", "-r", options=["--kernel", kernel])
    assert re.match(re.escape(kernel) + r"\.", done.stdout)


@pytest.mark.parametrize("kernel", ["6.1", "6.12"])
def test_a_guest_outlives_its_emulators_stale_breakpoints(kernel):
    """Without the module of guest/emulator, some runs with two CPUs end in "Oops: int3"."""
    done = lab_run("cat", "/sys/module/lab_emulator/parameters/survived", options=("--kernel", kernel))
    assert done.returncode == 0 and int(done.stdout) >= 0, done.stderr


@pytest.mark.parametrize("ipvs, loaded", [("stock", "yes"), ("none", "no")])
def test_ipvs_is_loaded_as_asked(ipvs, loaded):
    done = lab_run("sh", "-c", "test -e /proc/net/ip_vs && echo yes || echo no", options=["--ipvs", ipvs])
    assert done.stdout.strip() == loaded


def test_systemd_brings_the_system_bus():
    done = lab_run("sh", "-c", "cat /proc/1/comm; busctl --system list --no-pager | grep -c '^org.freedesktop.DBus '",
                   options=["--systemd"])
    assert (done.returncode, done.stdout) == (0, "systemd\n1\n")


def test_an_unknown_kernel_says_so():
    done = lab_run("true", options=["--kernel", "5.10"])
    assert done.returncode == 2
    assert "invalid choice: '5.10' (choose from '6.1', '6.12', 'debug')" in done.stderr


def test_a_cache_that_cannot_be_written_says_so():
    done = lab_run("true", options=["--kernel", "debug"], LVSD_CACHE="/proc/lvsd-lab")
    assert done.returncode == 125
    assert "/proc/lvsd-lab" in done.stderr and "LVSD_CACHE" in done.stderr


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupted_run_leaves_no_machine(number):
    running = subprocess.Popen([LAB, "run", "--ipvs", "none", "--", "sh", "-c", "echo up; sleep 1000"],
                               stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, stdin=subprocess.DEVNULL)
    assert running.stdout.readline() == "up\n"
    machine = only_child(running.pid)
    running.send_signal(number)
    running.communicate(timeout=30)
    assert running.returncode == 128 + number
    assert not Path(f"/proc/{machine}").exists()


def test_a_killed_lab_takes_its_machine_along():
    running = subprocess.Popen([LAB, "run", "--ipvs", "none", "--", "sh", "-c", "echo up; sleep 1000"],
                               stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, stdin=subprocess.DEVNULL)
    assert running.stdout.readline() == "up\n"
    machine = only_child(running.pid)
    running.kill()
    running.communicate(timeout=30)
    wait_for(lambda: not is_alive(machine), 30, "the machine has ended with the lab")


def only_child(pid: int) -> int:
    return int(Path(f"/proc/{pid}/task/{pid}/children").read_text())


def is_alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False
