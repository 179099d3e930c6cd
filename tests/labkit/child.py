# SPDX-License-Identifier: GPL-2.0-or-later
"""Programs the lab runs and reads line by line; none of them outlives the reading, whatever ends it."""

import subprocess
from concurrent.futures import FIRST_EXCEPTION, ThreadPoolExecutor, wait
from contextlib import contextmanager

from .say import LabError

GIVES_WAY = ("nice", "-n", "19")  # begins the command of what computes beside something that waits

_running: set[subprocess.Popen] = set()
_is_over = False


@contextmanager
def reading(command, **options):
    """The running program, its output as text in .stdout. Leaving the block early ends it in an orderly way."""
    if _is_over:
        raise LabError("interrupted")
    options.setdefault("stderr", subprocess.STDOUT)
    child = subprocess.Popen([str(word) for word in command], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                             text=True, errors="replace", **options)
    _running.add(child)
    try:
        yield child
        child.wait()
    finally:
        _running.discard(child)
        if child.poll() is None:
            child.terminate()
            try:
                child.wait(20)
            except subprocess.TimeoutExpired:
                child.kill()
                child.wait()
        child.stdout.close()


def side_by_side(*works) -> None:
    """Calls all of them, each in a thread. What ends the lab ends what they read, and they begin nothing more."""
    global _is_over
    with ThreadPoolExecutor(len(works)) as lanes:
        running = [lanes.submit(work) for work in works]
        try:
            for one in wait(running, return_when=FIRST_EXCEPTION).done:
                one.result()
        except BaseException:
            _is_over = True
            for child in list(_running):
                child.terminate()
            raise
