# SPDX-License-Identifier: GPL-2.0-or-later
"""Programs the lab runs and reads line by line; none of them outlives the reading, whatever ends it."""

import subprocess
from contextlib import contextmanager


@contextmanager
def reading(command, **options):
    """The running program, its output as text in .stdout. Leaving the block early ends it in an orderly way."""
    options.setdefault("stderr", subprocess.STDOUT)
    child = subprocess.Popen([str(word) for word in command], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                             text=True, errors="replace", **options)
    try:
        yield child
        child.wait()
    finally:
        if child.poll() is None:
            child.terminate()
            try:
                child.wait(20)
            except subprocess.TimeoutExpired:
                child.kill()
                child.wait()
        child.stdout.close()
