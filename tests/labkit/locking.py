# SPDX-License-Identifier: GPL-2.0-or-later
"""One lab at a time: a lock that ends with whoever holds it."""

import fcntl
from contextlib import contextmanager
from pathlib import Path

from .say import say


@contextmanager
def one_at_a_time(path: Path, doing: str):
    """Holds the file `path` as a lock. `doing`: what another lab that has it is at, for whoever must wait."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with open(path, "w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            say(f"waiting for another lab that is {doing}")
            fcntl.flock(lock, fcntl.LOCK_EX)
        yield
