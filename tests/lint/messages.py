#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""The events of lvsd/base/messages.hpp and the catalogue etc/messages.md must say the same, both ways, and so must the
catalogue for journalctl -x, systemd/lvsd.catalog, which is made from etc/messages.md.

An entry of the catalogue is `## name`, the line `MESSAGE_ID=...`, and a paragraph that tells the operator what happened
and what to do.

  messages.py [--self-test]
  messages.py --catalog       prints what systemd/lvsd.catalog has to be
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


CATALOG_HEAD = """# SPDX-License-Identifier: GPL-2.0-or-later
# What journalctl -x tells about the events of lvsd. Made from etc/messages.md by tests/lint/messages.py --catalog.
"""


def catalog(catalogue: str) -> str:
    """Markdown's own signs have no place in a terminal; a paragraph keeps its lines."""
    out = [CATALOG_HEAD]
    for name, body in SECTION.findall(catalogue):
        uuid = re.search(r"MESSAGE_ID=(\w+)", body)[1]
        text = re.sub(r"`?MESSAGE_ID=\w+`?", "", body).strip().replace("`", "")
        out.append(f"-- {uuid}\nSubject: {name}\nDefined-By: lvsd\nDocumentation: man:lvsd(8)\n\n{text}\n")
    return "\n".join(out)


def check_catalog(catalogue: str, installed: str) -> list[str]:
    if catalog(catalogue) == installed:
        return []
    return ["systemd/lvsd.catalog is not what etc/messages.md says: tests/lint/messages.py --catalog > systemd/lvsd.catalog"]


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
    expect("a catalog in step", check_catalog(catalogue, catalog(catalogue)))
    expect("a catalog of yesterday", check_catalog(catalogue + entry("d", one), catalog(catalogue)), "lvsd.catalog is not")
    print("every planted problem was found")
    return 0


def main() -> int:
    paths = [ROOT / "lvsd/base/messages.hpp", ROOT / "etc/messages.md", ROOT / "systemd/lvsd.catalog"]
    header, catalogue, installed = (Path(path).read_text(encoding="utf-8") for path in paths)
    return finish(check(header, catalogue) + check_catalog(catalogue, installed), len(paths))


if __name__ == "__main__":
    if "--catalog" in sys.argv:
        sys.stdout.write(catalog((ROOT / "etc/messages.md").read_text(encoding="utf-8")))
        sys.exit(0)
    sys.exit(self_test() if "--self-test" in sys.argv else main())
