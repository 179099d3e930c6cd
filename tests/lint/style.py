#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""House rules a machine can see: the licence line, the length of functions and files, plain text.

  style.py [--self-test]
"""
import re
import sys
from pathlib import Path

from common import CPP, ROOT, expect, files, finish, read

MAX_FUNCTION = 70  # lines from { to }
MAX_FILE = 600
SOURCES = CPP | {".c", ".h", ".py", ".sh", ".cmake"}
LICENCE = "SPDX-License-Identifier: GPL-2.0-or-later"
LICENCE_OF_MODULE = re.compile(r"SPDX-License-Identifier: (\(?GPL-2\.0\b|GPL-2\.0 WITH Linux-syscall-note)")

# Comments, strings and characters, in the order they begin.
NOT_CODE = re.compile(r'//[^\n]*|/\*.*?\*/|R"([^(\s]*)\(.*?\)\1"|"(?:\\.|[^"\\\n])*"|\'(?:\\.|[^\'\\\n])+\'', re.S)
PREPROCESSOR = re.compile(r"^[ \t]*#(?:[^\n\\]|\\.|\\\n)*", re.M)
CONTAINER = re.compile(r"\s*(\[\[[^\]]*\]\]\s*)*(inline\s+)?(template\s*<.*>\s*)?(namespace|class|struct|union|enum|extern)\b", re.S)


def blank(match: re.Match) -> str:
    return re.sub(r"[^\n]", " ", match[0])


def is_source(path: Path) -> bool:
    return path.suffix in SOURCES or path.name in {"CMakeLists.txt", "Kbuild", "Makefile"}


def check_licence(path: Path, text: str) -> list[str]:
    lines = text.splitlines()[:2]
    line = next((line for line in lines if not line.startswith("#!")), "")
    module = path.as_posix().startswith(("ipvs/kmod/", "tests/kmod/"))
    if (LICENCE_OF_MODULE.search(line) or LICENCE in line) if module else line.endswith(LICENCE) or line.endswith(LICENCE + " */"):
        return []
    return [f"{path}:1: the first line is not the licence line"]


def code_only(text: str) -> str:
    """Digit separators would look like characters."""
    text = re.sub(r"(?<=[0-9a-fA-F])'(?=[0-9a-fA-F])", "_", text)
    return PREPROCESSOR.sub(blank, NOT_CODE.sub(blank, text))


def kind_of_brace(before: str, in_parentheses: bool) -> str:
    """`before` is the code since the last statement. In the layout of clang-format the { of a body follows a blank,
    that of an initializer does not."""
    if in_parentheses or (before and not before[-1].isspace() and before[-1] != ")"):
        return "initializer"
    if CONTAINER.match(before):
        return "container"
    return "body" if "(" in before else "other"


def functions(text: str):
    """(first line, length) of every outermost function body."""
    code = code_only(text)
    stack: list[tuple[str, int, int]] = []  # kind, line, depth of parentheses outside
    head, line, parentheses = 0, 1, 0
    for at, char in enumerate(code):
        if char == "\n":
            line += 1
        elif char in "()":
            parentheses += 1 if char == "(" else -1
        elif char == "{":
            kind = kind_of_brace(code[head:at], parentheses > 0)
            stack.append((kind, line, parentheses))
            parentheses = 0
            head = at + 1 if kind != "initializer" else head
        elif char == "}" and stack:
            kind, first, parentheses = stack.pop()
            if kind == "body" and all(outer[0] in ("container", "other") for outer in stack):
                yield first, line - first + 1
            head = at + 1 if kind != "initializer" else head
        elif char == ";" and not (stack and stack[-1][0] == "initializer"):
            head = at + 1


def check_cpp(path: Path, text: str) -> list[str]:
    problems = []
    length = text.count("\n")
    if length > MAX_FILE:
        problems.append(f"{path}:{MAX_FILE}: the file has {length} lines, at most {MAX_FILE} are allowed")
    for first, lines in functions(text):
        if lines > MAX_FUNCTION:
            problems.append(f"{path}:{first}: the function has {lines} lines, at most {MAX_FUNCTION} are allowed")
    if "\t" in code_only(text):
        problems.append(f"{path}: there is a tab")
    return problems


def check_text(path: Path, text: str) -> list[str]:
    problems = [f"{path}:{number}: there is a blank at the end of the line"
                for number, line in enumerate(text.splitlines(), 1) if line != line.rstrip()]
    if text and not text.endswith("\n"):
        problems.append(f"{path}: the last line does not end")
    return problems


def check(path: Path, text: str) -> list[str]:
    problems = check_licence(path, text) + check_text(path, text)
    return problems + (check_cpp(path, text) if path.suffix in CPP else [])


def self_test() -> int:
    spdx = f"// {LICENCE}\n"
    cpp = Path("lvsd/x.cpp")

    def body(lines: int) -> str:
        return "{\n" + "    f();\n" * (lines - 2) + "}\n"

    expect("good", check(cpp, spdx + "namespace a {\nvoid f() " + body(70) + "}\n"))
    expect("long", check(cpp, spdx + "namespace a {\nvoid f() " + body(71) + "}\n"), "x.cpp:3", "71 lines")
    expect("long method", check(cpp, spdx + "class A {\n    int f() const " + body(71) + "};\n"), "71 lines")
    expect("long constructor", check(cpp, spdx + "A::A(int a) : a_{a}, b_{2} " + body(71)), "71 lines")
    expect("long lambda", check(cpp, spdx + "void f() {\n auto g = [](int a) " + body(71) + "}\n"), "73 lines")
    expect("long test", check(cpp, spdx + "TEST(A, B) " + body(71)), "71 lines")
    expect("after struct", check(cpp, spdx + "struct A { int b{1}; };\nint f(A a = {}) " + body(71)), "71 lines")
    expect("after default", check(cpp, spdx + "A a = {g(1)};\nint f(A a = {}, B b = {1}) " + body(71)), "71 lines")
    expect("after macro", check(cpp, spdx + "#define A(x) \\\n    f(x)\nnamespace a {\n" + "int f();\n" * 100 + "}\n"))
    expect("table", check(cpp, spdx + "constexpr std::array kX{\n" + "    K{.a = f(1)},\n" * 100 + "};\n"))
    expect("long class", check(cpp, spdx + "class A {\n" + "    int f() { return 1; }\n" * 100 + "};\n"))
    expect("strings", check(cpp, spdx + 'void f() {\n    g("{", \'{\', R"({{\n)", 1\'000\'000); // {\n}\n'))
    expect("long file", check(cpp, spdx + "int a;\n" * 600), "601 lines")
    expect("longest file", check(cpp, spdx + "int a;\n" * 599))
    expect("no licence", check(cpp, "int a;\n"), "licence line")
    expect("script", check(Path("a.py"), f"#!/usr/bin/python3\n# {LICENCE}\n"))
    expect("module", check(Path("ipvs/kmod/a.c"), "// SPDX-License-Identifier: GPL-2.0\n"))
    expect("module, wrong", check(Path("ipvs/kmod/a.c"), "// MIT\n"), "licence line")
    expect("blank", check(cpp, spdx + "int a; \n"), "blank at the end")
    expect("last line", check(cpp, spdx + "int a;"), "does not end")
    expect("tab", check(cpp, spdx + "\tint a;\n"), "tab")
    print("every planted problem was found")
    return 0


def main() -> int:
    problems, looked_at = [], 0
    for path in files(ROOT):
        if is_source(path):
            looked_at += 1
            problems += check(path, read(ROOT, path))
    return finish(problems, looked_at)


if __name__ == "__main__":
    sys.exit(self_test() if "--self-test" in sys.argv else main())
