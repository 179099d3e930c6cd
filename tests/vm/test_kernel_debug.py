# SPDX-License-Identifier: GPL-2.0-or-later
"""Our own module on the kernel that watches: KASAN, lockdep, PROVE_RCU, kmemleak, DEBUG_OBJECTS, UBSAN, FAILSLAB.

The machine ends at the first WARN or report (panic_on_warn), so that what runs to its end was clean; what is only
written into the log, and what leaks, is looked for here. Longer: tests/kernel/run.py without --only, and
tests/kernel/churn.py, in `tests/lab run --kernel debug --ipvs bundled --memory 2048 --timeout 3000 -- ...`.
"""

import json
import subprocess
import sys
import time
from pathlib import Path

import pytest

KERNEL = Path(__file__).resolve().parents[1] / "kernel"
sys.path.insert(0, str(KERNEL))

from churn import kernel_complaints, take_down  # noqa: E402  (the path comes first)

from labkit.waiting import wait_for  # noqa: E402

LAB = {"kernels": ["debug"], "ipvs": "bundled", "memory": 2048, "timeout": 1800}
LEAKS = Path("/sys/kernel/debug/kmemleak")
LEAST_AGE = 5.5  # seconds: kmemleak does not report what is younger

# Some of everything: control, every method in both families, tunnels, states, errors, fragments, schedulers, thresholds.
CASES = ["random_control_00?", "random_requests_00?", "random_packets_00?", "random_changes_00?", "random_mutations_00?"]


@pytest.fixture(scope="module", autouse=True)
def watched():
    """What the boot itself has lost is not ours."""
    assert Path("/proc/sys/kernel/panic_on_warn").read_text() == "1\n"
    LEAKS.write_text("clear\n")


def run(*words) -> str:
    done = subprocess.run([sys.executable, *map(str, words)], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    assert done.returncode == 0, done.stdout[-20000:] + done.stderr[-20000:]
    return done.stdout


def test_the_module_is_watched():
    """KASAN and UBSAN see what was compiled for them, and only that."""
    module = subprocess.run(["modinfo", "-n", "ip_vs"], stdout=subprocess.PIPE, text=True, check=True).stdout.strip()
    wants = subprocess.run(["nm", "-u", module], stdout=subprocess.PIPE, text=True, check=True).stdout
    assert "__asan_" in wants and "__ubsan_handle_" in wants


@pytest.mark.limit(900)
def test_cases():
    """What they judge is compared with the kernel's own module elsewhere; here they only have to get through."""
    only = [word for pattern in CASES for word in ("--only", pattern)]
    told = [json.loads(line) for line in run(KERNEL / "run.py", *only).splitlines()]
    failed = [(case["case"], record["text"]) for case in told[:-1] for record in case["records"] if record["op"] == "exception"]
    assert not failed
    assert told[-1]["complete"] == len(told) - 1 > 20
    assert not kernel_complaints()


@pytest.mark.limit(600)
def test_every_allocation_fails_once():
    assert run(KERNEL / "nomem.py").endswith("0 failed\n")
    assert not kernel_complaints()


@pytest.mark.limit(600)
def test_churn():
    assert "no complaint, no leak" in run(KERNEL / "churn.py", "--seconds", 20, "--round", 6)


def unreferenced() -> list[str]:
    LEAKS.write_text("scan\n")
    return LEAKS.read_text().splitlines()


@pytest.mark.limit(600)
def test_nothing_has_leaked():
    """The module is unloaded, so that nothing it had is a root any more. What a scan takes for lost because it was
    just on its way between two lists, the next one finds."""
    subprocess.run(["modprobe", "ip_vs"], check=True)
    take_down()
    unloaded = time.monotonic()
    wait_for(lambda: time.monotonic() > unloaded + LEAST_AGE, 30, "everything is old enough", 0.5)
    wait_for(lambda: not unreferenced(), 240, "a scan that finds nothing lost")
