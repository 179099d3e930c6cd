#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""The dependency test: every #include must follow the arrows between the parts, and pure code stays pure.

A .cpp file belongs to the library its CMakeLists.txt lists it in, a header to the library of the .cpp file of the same
name; LAYER_OF_PATH says the rest. Tests and tools may include what they like.

  includes.py              checks the repository
  includes.py --self-test  plants violations into a small tree and sees that each is found
"""
import re
import sys
import tempfile
from fnmatch import fnmatch
from pathlib import Path

from common import CPP, ROOT, expect, files, finish, read

# First match wins. Headers without a .cpp of their name, and .cpp files in no library.
LAYER_OF_PATH = [
    ("lvsd/base/*", "base"),
    ("lvsd/config/*", "config"),
    ("lvsd/engine/*", "engine"),
    ("lvsd/state/*", "state"),
    ("lvsd/events/*", "events"),
    ("lvsd/metrics/server*", "metrics_io"),
    ("lvsd/metrics/listen*", "metrics_io"),
    ("lvsd/metrics/*", "metrics"),
    ("lvsd/runtime/*", "runtime"),
    ("lvsd/dbus/*", "dbus"),
    ("lvsd/*", "main"),
    ("lvsctl/*", "main"),
    ("vrrp/io*", "vrrp_io"),
    ("vrrp/*", "vrrp"),
    ("checkers/fd*", "checkers_io"),
    ("checkers/socket_address.hpp", "checkers_io"),
    ("checkers/*", "checkers"),
    ("ipvs/kmod/*", None),
    ("ipvs/netlink*", "ipvs_io"),
    ("ipvs/reader.hpp", "ipvs_io"),
    ("ipvs/writer.hpp", "ipvs_io"),
    ("ipvs/operations.hpp", "ipvs_io"),
    ("ipvs/*", "ipvs"),
]

# In these folders a library other than the one named here is the I/O side of the part.
PURE_LIBRARY = {"vrrp": "lvs_vrrp", "checkers": "lvs_checkers", "ipvs": "lvs_ipvs"}

PURE = {"base", "config", "vrrp", "checkers", "ipvs", "engine", "state", "events", "metrics"}
ALL = PURE | {"vrrp_io", "checkers_io", "ipvs_io", "metrics_io", "runtime", "dbus"}

# layer -> what it may include besides itself
MAY_INCLUDE = {
    "base": set(),
    "config": {"base"},
    "vrrp": {"base"},
    "checkers": {"base"},
    "ipvs": {"base"},
    "engine": {"base", "config", "vrrp", "checkers", "ipvs"},
    "state": {"base"},
    "events": {"base", "state"},
    "metrics": {"base", "state"},
    "metrics_io": {"base", "state", "metrics", "runtime"},
    "runtime": PURE,
    "vrrp_io": {"base", "vrrp", "runtime"},
    "checkers_io": {"base", "checkers", "runtime"},
    "ipvs_io": {"base", "ipvs", "runtime"},
    "dbus": ALL,
    "main": ALL,
}

# What pure code may not see: clocks, threads, entropy, sockets and the libraries that do I/O.
IMPURE = re.compile(
    r"boost/(asio|beast|process)\b|asio|netlink/|openssl/|systemd/|sys/(socket|epoll|timerfd|time)\.h$|poll\.h$|pthread\.h$"
    r"|(ctime|time\.h|thread|random|mutex|shared_mutex|condition_variable|future|semaphore|stop_token)$")

# (files, includes) that are allowed all the same.
EXCEPTIONS = [
    ("checkers/*", re.compile(r"boost/beast/(http|core)\b|boost/asio/buffer\.hpp")),  # the HTTP parser, bytes in and out
    ("checkers/tls*", re.compile(r"openssl/|ctime$")),  # TLS over memory buffers; its certificates have dates
]

# include -> the only files that may have it: costly to compile, or to be replaced in one place.
ONLY_IN = [(re.compile(r"toml"), "lvsd/config/parse*.cpp")]

INCLUDE = re.compile(r'^\s*#\s*include\s*([<"])([^>"]+)[>"]')
LIBRARY = re.compile(r"\b(?:lvs_library|add_library|add_executable|target_sources)\s*\(\s*([\w-]+)([^)]*)\)", re.S)


def sources_of_libraries(root: Path, paths: list[Path]) -> dict[str, str]:
    """lvsd/config/parse.cpp -> lvs_config"""
    out = {}
    for path in paths:
        if path.name != "CMakeLists.txt":
            continue
        text = re.sub(r"#[^\n]*", "", read(root, path))
        for library, sources in LIBRARY.findall(text):
            for source in sources.split():
                if source.endswith(".cpp"):
                    out[(path.parent / source).as_posix()] = library
    return out


def layer_of(path: Path, library_of: dict[str, str]) -> str | None:
    name = path.as_posix()
    layer = next((layer for pattern, layer in LAYER_OF_PATH if fnmatch(name, pattern)), None)
    library = library_of.get(path.with_suffix(".cpp").as_posix())
    part = path.parts[0]
    if layer is None or library is None or part not in PURE_LIBRARY:
        return layer
    return part if library == PURE_LIBRARY[part] else part + "_io"


def check_local(root: Path, where: str, layer: str, include: str, library_of: dict[str, str]) -> str | None:
    if not (root / include).is_file():
        return f'{where}: "{include}" is no file; name it from the top of the repository'
    target = layer_of(Path(include), library_of)
    if target is None or target == layer or target in MAY_INCLUDE[layer]:
        return None
    return f"{where}: {layer} may not include {target} ({include})"


def check_system(where: str, path: str, layer: str, include: str) -> str | None:
    for pattern, owner in ONLY_IN:
        if pattern.match(include) and not fnmatch(path, owner):
            return f"{where}: only {owner} may include <{include}>"
    if layer not in PURE or not IMPURE.match(include):
        return None
    if any(fnmatch(path, pattern) and allowed.match(include) for pattern, allowed in EXCEPTIONS):
        return None
    return f"{where}: {layer} is pure and may not include <{include}>"


def check(root: Path) -> tuple[list[str], int]:
    paths = files(root)
    library_of = sources_of_libraries(root, paths)
    problems, looked_at = [], 0
    for path in paths:
        layer = layer_of(path, library_of)
        if path.suffix not in CPP or layer is None:
            continue
        looked_at += 1
        for number, line in enumerate(read(root, path).splitlines(), 1):
            match = INCLUDE.match(line)
            if not match:
                continue
            where, include = f"{path}:{number}", match[2]
            if match[1] == '"':
                problem = check_local(root, where, layer, include, library_of)
            else:
                problem = check_system(where, path.as_posix(), layer, include)
            if problem:
                problems.append(problem)
    return problems, looked_at


GOOD_TREE = {
    "lvsd/base/base.hpp": "",
    "lvsd/config/parse.cpp": '#include <toml++/toml.h>\n#include "lvsd/base/base.hpp"\n',
    "lvsd/runtime/runtime.hpp": "#include <boost/asio.hpp>\n",
    "lvsd/engine/engine.cpp": '#include "vrrp/vrrp.hpp"\n#include "ipvs/ipvs.hpp"\n',
    "lvsd/main.cpp": '#include "vrrp/io.hpp"\n',
    "vrrp/CMakeLists.txt": "lvs_library(lvs_vrrp machine.cpp)\nlvs_library(lvs_vrrp_io link.cpp io.cpp)\n",
    "vrrp/vrrp.hpp": '#include "lvsd/base/base.hpp"\n',
    "vrrp/machine.cpp": '#include "vrrp/vrrp.hpp"\n',
    "vrrp/link.cpp": '#include <sys/socket.h>\n#include "lvsd/runtime/runtime.hpp"\n#include "vrrp/vrrp.hpp"\n',
    "vrrp/link.hpp": "#include <mutex>\n",
    "vrrp/io.hpp": "",
    "checkers/http.cpp": "#include <boost/beast/http/parser.hpp>\n",
    "checkers/tls_probe.cpp": "#include <openssl/bio.h>\n",
    "ipvs/ipvs.hpp": "",
    "ipvs/kmod/core.c": "#include <linux/types.h>\n",
    "tests/unit/x_test.cpp": "#include <thread>\n#include <toml++/toml.h>\n",
}

# (what is planted, where, the parts of the problem that must be found)
PLANTED = [
    ('#include "vrrp/vrrp.hpp"\n', "lvsd/base/base.hpp", "base may not include vrrp"),
    ('#include "lvsd/config/config.hpp"\n', "vrrp/machine.cpp", "is no file"),
    ('#include "ipvs/ipvs.hpp"\n', "vrrp/machine.cpp", "vrrp may not include ipvs"),
    ('#include "vrrp/vrrp.hpp"\n', "checkers/http.cpp", "checkers may not include vrrp"),
    ('#include "vrrp/link.hpp"\n', "vrrp/machine.cpp", "vrrp may not include vrrp_io"),
    ('#include "vrrp/io.hpp"\n', "lvsd/engine/engine.cpp", "engine may not include vrrp_io"),
    ('#include "lvsd/runtime/runtime.hpp"\n', "ipvs/ipvs.hpp", "ipvs may not include runtime"),
    ('#include "vrrp/vrrp.hpp"\n', "lvsd/config/parse.cpp", "config may not include vrrp"),
    ('#include "ipvs/ipvs.hpp"\n', "vrrp/link.cpp", "vrrp_io may not include ipvs"),
    ("#include <boost/asio/ip/tcp.hpp>\n", "checkers/http.cpp", "checkers is pure"),
    ("#include <openssl/ssl.h>\n", "checkers/http.cpp", "checkers is pure"),
    ("#include <toml++/toml.h>\n", "lvsd/engine/engine.cpp", "only lvsd/config/parse*.cpp"),
] + [(f"#include <{header}>\n", "vrrp/machine.cpp", "vrrp is pure") for header in
     ("sys/socket.h", "ctime", "thread", "random", "mutex", "boost/asio.hpp", "netlink/netlink.h", "systemd/sd-bus.h",
      "openssl/ssl.h")]


def run_on(tree: dict[str, str]) -> list[str]:
    with tempfile.TemporaryDirectory(prefix="lvsd-lint.") as folder:
        root = Path(folder)
        for name, text in tree.items():
            (root / name).parent.mkdir(parents=True, exist_ok=True)
            (root / name).write_text(text, encoding="utf-8")
        return check(root)[0]


def self_test() -> int:
    expect("a good tree", run_on(GOOD_TREE))
    for text, where, problem in PLANTED:
        expect(f"{text.strip()} in {where}", run_on(GOOD_TREE | {where: GOOD_TREE[where] + text}), problem, where)
    print(f"{len(PLANTED)} planted violations, all found")
    return 0


if __name__ == "__main__":
    sys.exit(self_test() if "--self-test" in sys.argv else finish(*check(ROOT)))
