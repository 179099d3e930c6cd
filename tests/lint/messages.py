#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""The events of lvsd/base/messages.hpp and the catalogue etc/messages.md must say the same, both ways.

An entry of the catalogue is `## name`, the line `MESSAGE_ID=...`, and a paragraph that tells the operator what happened
and what to do.

  messages.py [--self-test]
"""
import re
import sys
from pathlib import Path

from common import ROOT, expect, finish

EVENT = re.compile(r'inline\s+constexpr\s+EventId\s+(\w+)\s*\{\s*"([^"]*)"\s*,\s*"([^"]*)"\s*\}')
SECTION = re.compile(r"^## (\S+)\s*$(.*?)(?=^## |\Z)", re.M | re.S)
SHORTEST = 80  # characters: one sentence on what happened, one on what to do


def check_ids(events: list[tuple[str, str, str]]) -> list[str]:
    problems = []
    for position, what in ((1, "name"), (2, "id")):
        seen = set()
        for event in events:
            if event[position] in seen:
                problems.append(f"messages.hpp: {what} {event[position]} is used twice")
            seen.add(event[position])
    for variable, name, uuid in events:
        if not re.fullmatch(r"[0-9a-f]{32}", uuid):
            problems.append(f"messages.hpp: {name}: {uuid} is not 32 lower-case hexadecimal digits")
        if variable != name.replace("-", "_"):
            problems.append(f"messages.hpp: {variable} is named {name}")
    return problems


def check(header: str, catalogue: str) -> list[str]:
    events = EVENT.findall(header)
    if header.count("EventId ") > len(events):
        return ["messages.hpp: there is an EventId this script does not understand"]
    problems = check_ids(events)
    sections: dict[str, str] = {}
    for name, body in SECTION.findall(catalogue):
        if name in sections:
            problems.append(f"messages.md: {name} has two entries")
        sections[name] = body
    for _, name, uuid in events:
        body = sections.pop(name, None)
        if body is None:
            problems.append(f"messages.md: {name} has no entry")
        elif f"MESSAGE_ID={uuid}" not in body:
            problems.append(f"messages.md: {name} does not have MESSAGE_ID={uuid}")
        elif len(re.sub(r"`?MESSAGE_ID=\w+`?", "", body).strip()) < SHORTEST:
            problems.append(f"messages.md: {name} is not explained")
    return problems + [f"messages.md: {name} is no event" for name in sections]


def self_test() -> int:
    one, two = "0" * 32, "1" * 32

    def event(variable: str, name: str, uuid: str) -> str:
        return f'inline constexpr EventId {variable}{{"{name}", "{uuid}"}};\n'

    def entry(name: str, uuid: str, text: str = "Something happened. " * 6) -> str:
        return f"## {name}\n\n`MESSAGE_ID={uuid}`\n\n{text}\n\n"

    header, catalogue = event("a_b", "a-b", one) + event("c", "c", two), "# T\n\n" + entry("a-b", one) + entry("c", two)
    expect("a good pair", check(header, catalogue))
    expect("no entry", check(header + event("d", "d", "2" * 32), catalogue), "d has no entry")
    expect("no event", check(header, catalogue + entry("d", "2" * 32)), "d is no event")
    expect("same id", check(header + event("d", "d", two), catalogue + entry("d", two)), "is used twice")
    expect("other id", check(header, catalogue.replace(two, "3" * 32)), "c does not have MESSAGE_ID")
    expect("short id", check(header.replace(two, "12"), catalogue.replace(two, "12")), "not 32")
    expect("no words", check(header, "# T\n" + entry("a-b", one) + entry("c", two, "x")), "c is not explained")
    expect("two entries", check(header, catalogue + entry("c", two)), "two entries")
    expect("other variable", check(header.replace("EventId c", "EventId x"), catalogue), "x is named c")
    expect("unreadable", check(header + "EventId x = make();", catalogue), "does not understand")
    print("every planted problem was found")
    return 0


def main() -> int:
    paths = [ROOT / "lvsd/base/messages.hpp", ROOT / "etc/messages.md"]
    return finish(check(*(Path(path).read_text(encoding="utf-8") for path in paths)), len(paths))


if __name__ == "__main__":
    sys.exit(self_test() if "--self-test" in sys.argv else main())
