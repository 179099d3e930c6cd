# SPDX-License-Identifier: GPL-2.0-or-later
"""How the lab speaks: to stderr, because stdout belongs to the command it runs."""

import sys

# The lab's own exit statuses, as timeout(1) has them.
TIMED_OUT = 124
LAB_FAILED = 125


class LabError(Exception):
    """Something the lab cannot go on from. The text says what is wrong and what to do next."""

    def __init__(self, text: str, status: int = LAB_FAILED):
        super().__init__(text)
        self.status = status


def say(text: str) -> None:
    sys.stderr.write(f"lab: {text}\n")
    sys.stderr.flush()


def tail(text: str, lines: int = 40) -> str:
    return "\n".join("    " + line for line in text.replace("\r", "").splitlines()[-lines:])
