#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""Every test that a table of clauses names is there, and every row names one or says why not.

clauses.py [--self-test]
"""
import pathlib
import re
import sys
import tempfile

ROOT = pathlib.Path(__file__).resolve().parents[2]
TABLES = ("unit/vrrp/clauses.md",)


def names_there(tests):
    """`Suite.Test` of GoogleTest and `net: test_...` of pytest."""
    found = set()
    for path in tests.glob("unit/*/*.cpp"):
        for suite, name in re.findall(r"^TEST(?:_F|_P)?\((\w+), (\w+)\)", path.read_text(), re.M):
            found.add(f"{suite}.{name}")
    for path in tests.glob("net/test_*.py"):
        found.update(f"net: {name}" for name in re.findall(r"^def (test_\w+)\(", path.read_text(), re.M))
    return found


def check(tests, table):
    there, problems = names_there(tests), []
    for number, line in enumerate(table.read_text().splitlines(), 1):
        cells = [cell.strip() for cell in line.strip("|").split("|")]
        if not line.startswith("|") or len(cells) != 3 or cells[0] in ("clause", "---"):
            continue
        named = re.findall(r"net: test_\w+|\b[A-Z]\w+\.[A-Z]\w+", cells[2])
        if not named and not re.match(r"— \w", cells[2]):
            problems.append(f"{table.name}:{number}: no test, and no reason why not")
        problems += [f"{table.name}:{number}: there is no {name}" for name in named if name not in there]
    return problems


def self_test():
    with tempfile.TemporaryDirectory() as folder:
        tests = pathlib.Path(folder)
        (tests / "unit/a").mkdir(parents=True)
        (tests / "net").mkdir()
        (tests / "unit/a/a_test.cpp").write_text("TEST(Suite, Name) {\n")
        (tests / "net/test_b.py").write_text("def test_b(cluster):\n")
        table = tests / "t.md"
        table.write_text("| clause | says | test |\n|---|---|---|\n| 1 | a | Suite.Name, net: test_b |\n"
                         "| 2 | b | — a reason |\n| 3 | c | Suite.Other |\n| 4 | d | net: test_c |\n| 5 | e | — |\n")
        found = check(tests, table)
        assert [problem.split(":")[1] for problem in found] == ["5", "6", "7"], found
    print("finds what is missing")
    return 0


def main():
    if "--self-test" in sys.argv:
        return self_test()
    problems = [problem for table in TABLES for problem in check(ROOT / "tests", ROOT / "tests" / table)]
    print("\n".join(problems) or "every clause has its test")
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
