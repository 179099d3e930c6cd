# SPDX-License-Identifier: GPL-2.0-or-later
"""Differences between the two modules that are meant to be, each with its reason.

A rule names cases and places by pattern (fnmatch; a place is the path compare.py prints) and may look at the two
values. A rule that matches nothing in a complete run is reported, so that the list cannot rot.
"""

from dataclasses import dataclass


@dataclass(frozen=True)
class Rule:
    cases: str
    place: str
    reason: str
    allows: object = staticmethod(lambda stock, ours: True)


RULES: tuple[Rule, ...] = ()
