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


def _longest_timeout(_stock, ours) -> bool:
    return ours == "6e128300"  # INT_MAX / HZ seconds, as an attribute


def _sum_left_out(stock, ours) -> bool:
    return (stock, ours) in (("good", "absent"), ("(absent)", True))


RULES: tuple[Rule, ...] = (
    Rule("service_numbers", "*:ip_vs/text/services/*persistent *", "the same timeout, in jiffies"),
    Rule("*", "*/genl:4/*", "a persistence timeout that does not fit is the longest, where stock's product overflows",
         _longest_timeout),
    Rule("zero*", "*/genl:[48]/*", "after ZERO counters start from what was counted, not from a sample two seconds old"),
    Rule("zero*", "*:ip_vs_stats/*", "the same, in the file"),
    Rule("daemons", "*", "there is no synchronisation daemon"),
    Rule("*_mh_*", "*", "mh has another table: independent of the order of arrival, quotas by weight"),
    Rule("schedule_mh[46]", "*", "the same"),
    Rule("*", "*/checksum", "a datagram without a checksum stays without one through NAT", _sum_left_out),
    Rule("*", "*/no_checksum", "the same", _sum_left_out),
    Rule("tunnel_errors_*", "[0-9]/send:sa/out/0/rest", "a client behind a tunnel is told the new MTU of the path, "
         "which stock reads from a route that does not have it yet",
         lambda stock, ours: isinstance(stock, int) and isinstance(ours, int) and ours < stock),
)
