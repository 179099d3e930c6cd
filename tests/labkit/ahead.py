# SPDX-License-Identifier: GPL-2.0-or-later
"""What tests need and takes long to make, made by a process of its own on whatever the tests before leave of the
processors: our module for every kernel, a clean Debian, the debug kernel. Who needs one of them waits for it, or
makes it: see cache_lock()."""

import os
import signal
import subprocess
import sys
from contextlib import contextmanager
from pathlib import Path

from . import cleanroot, kernels, modules
from .paths import LOGS
from .say import LabError, say

# SCHED_IDLE, and the last of the sessions, which the kernel weighs as groups (autogroup): nothing of the tests, which
# measure times, waits for it.
COMMAND = ("chrt", "--idle", "0", sys.executable, "-B", "-m", "labkit.ahead")
LOG = LOGS / "ahead.log"
OUR_GROUP = Path("/proc/self/autogroup")


@contextmanager
def making(environment: dict[str, str]):
    """It goes on while the block runs, and ends with it."""
    with open(LOG, "w") as log:
        child = subprocess.Popen(COMMAND, stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True,
                                 env=environment)
    try:
        yield child
    finally:
        if child.poll() is None:
            os.killpg(child.pid, signal.SIGTERM)
            child.wait()


def wait(child) -> None:
    """Until all of it is there or has failed; says now and then how far it is."""
    while True:
        try:
            status = child.wait(30)
            break
        except subprocess.TimeoutExpired:
            say(f"waiting: {_last_word()}")
    if status != 0:
        say(f"not everything could be made ahead: {_last_word()} (all of it: {LOG})")


def _last_word() -> str:
    lines = LOG.read_text(errors="replace").splitlines()
    return lines[-1].removeprefix("lab:").strip() if lines else "nothing is said yet"


def _modules(name: str) -> None:
    kernel = kernels.ensure(name)
    modules.bundled(kernel)
    modules.emulator(kernel)


def main() -> int:
    if OUR_GROUP.exists():
        OUR_GROUP.write_text("19")
    try:
        for name in kernels.DEBIAN:
            _modules(name)
        cleanroot.ensure(kernels.DEBIAN)
        _modules("debug")
    except LabError as error:
        say(str(error))
        return error.status
    return 0


if __name__ == "__main__":
    sys.exit(main())
