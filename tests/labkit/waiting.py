# SPDX-License-Identifier: GPL-2.0-or-later
"""Waiting for a condition, never for a time."""

import time


class NotInTime(AssertionError):
    """What was waited for did not come."""


def wait_for(condition, timeout: float, what: str, interval: float = 0.02):
    """Polls condition() until it returns something true and returns that; fails with `what` after timeout seconds.

    An exception inside the condition counts as "not yet"; the last one is told when the time is up.
    """
    deadline = time.monotonic() + timeout
    last = None
    while True:
        try:
            value = condition()
            if value:
                return value
            last = f"last value: {value!r}"
        except Exception as error:  # the condition may look at what is not there yet
            last = f"last error: {error!r}"
        if time.monotonic() >= deadline:
            raise NotInTime(f"not within {timeout:g} s: {what} ({last})")
        time.sleep(interval)
