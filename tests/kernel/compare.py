#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""Compares two transcripts of run.py field by field. Exit status 0: they agree but for accepted differences."""

import argparse
import fnmatch
import json
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))

import decode  # noqa: E402  (the path comes first)
from accepted import RULES  # noqa: E402

EXPIRES_SLACK = 2  # seconds, beyond what the cases' own clocks say


def load(path: str, whole: bool = True) -> dict[str, list]:
    """Case name to raw records; an incomplete transcript is an error, never a shorter comparison by accident."""
    cases, complete = {}, None
    with open(path, encoding="utf-8") as file:
        for line in file:
            if not line.endswith("}\n"):
                break
            entry = json.loads(line)
            if entry["case"]:
                cases[entry["case"]] = entry["records"]
            else:
                complete = entry["complete"]
    if whole and complete != len(cases):
        raise SystemExit(f"{path}: {len(cases)} of {complete} cases: the run did not finish")
    return cases


class Comparison:
    """Differences of one case as (place, stock, ours)."""

    def __init__(self, stock: list, ours: list):
        self.found: list[tuple[str, object, object]] = []
        self.slack = EXPIRES_SLACK + abs(max((r["at"] for r in stock), default=0) - max((r["at"] for r in ours), default=0))
        for side, raw in (("stock", stock), ("ours", ours)):
            for index, item in enumerate(raw):
                if item["op"] == "exception":
                    self.found.append((f"{index}/exception/{side}", item["text"], item["text"]))
        one, two = decode.records(stock), decode.records(ours)
        if len(one) != len(two):
            self.found.append(("records", len(one), len(two)))
        for index, (a, b) in enumerate(zip(one, two)):
            self.value(f"{index}/{label(a)}", a, b)

    def value(self, place: str, stock, ours) -> None:
        if isinstance(stock, dict) and isinstance(ours, dict):
            for key in sorted({*stock, *ours}, key=str):
                self.value(f"{place}/{key}", stock.get(key, "(absent)"), ours.get(key, "(absent)"))
        elif isinstance(stock, list) and isinstance(ours, list):
            if len(stock) != len(ours):
                self.found.append((f"{place}/count", stock, ours))
                return
            for index, (a, b) in enumerate(zip(stock, ours)):
                self.value(f"{place}/{index}", a, b)
        elif place.endswith("/expires") and isinstance(stock, int) and isinstance(ours, int):
            if abs(stock - ours) > self.slack:
                self.found.append((place, stock, ours))
        elif stock != ours:
            self.found.append((place, stock, ours))


def label(record: dict) -> str:
    for key in ("name", "words", "what", "command", "link"):
        if key in record:
            return f"{record['op']}:{record[key]}"
    return record["op"]


def accepted(case: str, difference, used: set):
    place, stock, ours = difference
    for rule in RULES:
        if (fnmatch.fnmatchcase(case, rule.cases) and fnmatch.fnmatchcase(place, rule.place)
                and rule.allows(stock, ours)):
            used.add(rule)
            return rule
    return None


def compare(stock: dict, ours: dict, out=sys.stdout, most: int = 6) -> int:
    """Prints the report and returns the number of cases that differ."""
    used, bad, excused = set(), 0, 0
    for name in [*stock, *(name for name in ours if name not in stock)]:
        if name not in stock or name not in ours:
            print(f"{name}: only in {'ours' if name in ours else 'stock'}", file=out)
            bad += 1
            continue
        found = Comparison(stock[name], ours[name]).found
        left = [difference for difference in found if accepted(name, difference, used) is None]
        excused += len(found) - len(left)
        if left:
            bad += 1
            report(name, left, stock[name], most, out)
    for rule in RULES:
        if rule not in used:
            print(f"accepted difference never seen: {rule.cases} {rule.place} ({rule.reason})", file=out)
    print(f"{len(stock)} cases compared, {bad} differ, {excused} accepted differences", file=out)
    return bad


def report(name: str, found: list, raw: list, most: int, out) -> None:
    print(f"\n{name}: {len(found)} differences", file=out)
    for place, stock, ours in found[:most]:
        print(f"  {place}\n    stock {short(stock)}\n    ours  {short(ours)}", file=out)
    if len(found) > most:
        print(f"  ... and {len(found) - most} more", file=out)


def short(value) -> str:
    text = json.dumps(value)
    return text if len(text) <= 700 else text[:700] + f"... ({len(text)} characters)"


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("stock")
    parser.add_argument("ours")
    parser.add_argument("--most", type=int, default=6, help="differences printed per case")
    parser.add_argument("--common", action="store_true", help="only the cases that are in both, whatever is missing")
    options = parser.parse_args()
    stock, ours = (load(path, not options.common) for path in (options.stock, options.ours))
    if options.common:
        stock, ours = ({name: one[name] for name in one if name in other} for one, other in ((stock, ours), (ours, stock)))
    return 1 if compare(stock, ours, most=options.most) else 0


if __name__ == "__main__":
    sys.exit(main())
