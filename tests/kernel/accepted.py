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


def _told_too_big(stock, ours) -> bool:
    """Nothing there, one ICMPv6 Packet Too Big here."""
    return stock == [] and len(ours) == 1 and (ours[0].get("proto"), ours[0].get("type")) == (58, 2)


def _less(stock, ours) -> bool:
    return isinstance(stock, int) and isinstance(ours, int) and ours < stock


def _sees_untracked(stock, ours) -> bool:
    return "ct state untracked counter" in str(stock) and "ct state untracked counter" in str(ours)


def _hooks(lines) -> tuple[set, set]:
    """Those of either module and the others, each as (family, hook, priority), the others with their names."""
    module, others, family, hook = set(), set(), "", ""
    for line in lines:
        word, *rest = line.split()
        if word == "family":
            family = rest[0]
        elif word == "hook":
            hook = rest[0]
        elif rest and rest[-1] == "[ip_vs]":
            module.add((family, hook, int(word)))
        elif word != "}":
            others.add((family, hook, int(word), *rest))
    return module, others


def _one_function_a_hook(stock, ours) -> bool:
    """In each place the first of stock's priorities, or the only one; and the rest of the list as it is there, but for
    the defragmentation."""
    (module, others), (our_module, our_others) = _hooks(stock), _hooks(ours)
    first = {min(one for one in module if one[:2] == place) for place in {one[:2] for one in module}}
    left = {one for one in others if one[3] == "ipv6_defrag"} if not any(one[0] == "ip6" for one in module) else set()
    return our_module == first and our_others == others - left


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
    Rule("tunnel_*", "[0-9]/send:sa/out/0/rest", "a client behind a tunnel is told the new MTU of the path, "
         "which stock reads from a route that does not have it yet", _less),
    Rule("tunnel_path_*_6over6", "*/send:sa/out/count", "so is one behind a tunnel over IPv6, whom stock tells nothing",
         _told_too_big),
    Rule("random_packets_*", "*/send:*/out/0/rest", "a client behind a tunnel is told the new MTU at once", _less),
    Rule("tunnel_path_*_6over6", "*/proc:ip_vs_stats*", "the same: those errors count"),
    Rule("tunnel_path_*_6over6", "*/genl:[48]/*", "the same"),
    Rule("tunnel_narrow_gue*", "*", "6.12 learns the path of UDP over IPv6 by itself, and stock there sends nothing more while "
         "it leaves less than 1,280 octets, whatever is inside; ours goes on, in pieces where need be"),
    Rule("random_packets_057", "1[1-9]?/*", "the same: step 112 tells of a path of 1,280 octets for the whole datagram"),
    Rule("random_packets_072", "*", "a connection that a new one replaces is gone at once; stock counts it until its timer has "
         "run, here against the upper threshold of the only server left"),
    Rule("random_changes_027", "*", "the same: what its server still sends is not its reply any more, nor is it in stock once "
         "the timer has run"),
    Rule("random_mutations_026", "*", "an error that quotes a packet shorter than its own header is nobody's and goes on as "
         "it came; stock follows it"),
    Rule("fragmented_with_df", "*", "what came in pieces leaves in pieces if these fit, and its DF was theirs; stock tells the "
         "client that the whole is too big, which it never sent"),
    Rule("hooks_nat?", "*/show:nft list ruleset/out/*", "in FORWARD replies are looked at where stock looks at errors, at 99, "
         "and not at 100", _sees_untracked),
    Rule("hooks_come_and_go", "*/show:nft list hooks/out/*", "both directions are one function, at the first of stock's "
         "priorities; the defragmentation of IPv6 goes with the last service, where stock keeps it", _one_function_a_hook),
)
