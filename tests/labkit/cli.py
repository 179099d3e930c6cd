# SPDX-License-Identifier: GPL-2.0-or-later
"""The commands of tests/lab."""

import argparse
import os
import signal
import sys
from pathlib import Path

from . import bench, build, demo, modules, packages, testing, vm
from .kernels import NAMES
from .paths import CACHE
from .say import LAB_FAILED, LabError, say

EPILOG = f"""\
Everything needed is installed from Debian's packages on first use; kernels are unpacked into {CACHE}
($LVSD_CACHE changes that). `tests/lab COMMAND --help` explains a command. Exit statuses of the lab itself:
124 timed out, 125 the lab could not do it (the reason is on stderr).
"""


def main(arguments: list[str]) -> int:
    options = _parser().parse_args(arguments)
    if os.geteuid() != 0:
        say(f"the lab needs root: sudo tests/lab {' '.join(arguments)}")
        return LAB_FAILED
    signal.signal(signal.SIGTERM, _unwind)
    signal.signal(signal.SIGHUP, _unwind)
    try:
        return options.function(options)
    except LabError as error:
        say(str(error))
        return error.status
    except KeyboardInterrupt:
        say("interrupted")
        return 130


def _unwind(number, _frame) -> None:
    """Ends the lab as Ctrl-C does: everything it has started is ended and removed on the way out."""
    raise SystemExit(128 + number)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="tests/lab", epilog=EPILOG,
                                     formatter_class=argparse.RawDescriptionHelpFormatter,
                                     description="The front door of lvsd: see it work, test it, measure it.")
    commands = parser.add_subparsers(metavar="COMMAND", required=True)
    _add_demo(commands)
    _add_test(commands)
    _add_run(commands)
    _add_shell(commands)
    _add_bench(commands)
    return parser


def _add_machine_options(parser, timeout: float | None) -> None:
    parser.add_argument("--kernel", choices=NAMES, default="6.1", help="Debian's 6.1 (default) or 6.12, or our "
                        "debug kernel")
    parser.add_argument("--ipvs", choices=modules.CHOICES, default="stock", help="the kernel's own IPVS (default), "
                        "the project's module, or none loaded")
    parser.add_argument("--cpus", type=_count, default=2, metavar="N", help="default 2")
    parser.add_argument("--memory", type=_count, default=1024, metavar="MIB", help="default 1024")
    parser.add_argument("--icount", action="store_true", help="deterministic counting of instructions; one CPU")
    parser.add_argument("--systemd", action="store_true", help="boot systemd with the system bus first")
    parser.add_argument("--rw", action="append", default=[], type=_directory, metavar="DIR",
                        help="share this directory of the host read-write (may be repeated)")
    parser.add_argument("--root", type=_directory, metavar="DIR", help="boot this tree, which has its own "
                        "/lib/modules, instead of this machine's files")
    parser.add_argument("--timeout", type=_seconds, default=timeout, metavar="S",
                        help="end the machine after S seconds, " + (f"default {timeout:g}" if timeout else "default never"))
    parser.add_argument("-v", "--verbose", action="store_true", help="show the machine's console on stderr")


def _add_run(commands) -> None:
    parser = commands.add_parser(
        "run", help="run a command in a virtual machine", usage="tests/lab run [OPTION...] -- COMMAND [ARG...]",
        description="Boots a virtual machine that sees this machine's files (changes are gone afterwards), runs "
        "COMMAND there as root in the current directory, passes its input and output through, and exits with its "
        "status. Input from a terminal is not passed; for that there is `tests/lab shell`.")
    _add_machine_options(parser, 600.0)
    parser.add_argument("command", nargs="+", metavar="COMMAND")
    parser.set_defaults(function=_run)


def _add_shell(commands) -> None:
    parser = commands.add_parser(
        "shell", help="a shell in a virtual machine", usage="tests/lab shell [OPTION...] [-- COMMAND [ARG...]]",
        description="The same machine as of `tests/lab run`, with a shell (or COMMAND) at this terminal.")
    _add_machine_options(parser, None)
    parser.add_argument("command", nargs="*", metavar="COMMAND")
    parser.set_defaults(function=_shell)


def _add_demo(commands) -> None:
    parser = commands.add_parser(
        "demo", help="watch a cluster lose a server and a director, and go on",
        description="Builds what is missing, boots two directors, three web servers and a client in one virtual "
        "machine, and shows live what happens while a server and the master director are lost and come back. Exits "
        "0 only if everything happened in time.")
    parser.add_argument("--keep", action="store_true", help="leave a shell in the running cluster at the end")
    parser.add_argument("--kernel", choices=NAMES, default="6.1", help="default 6.1")
    parser.add_argument("--ipvs", choices=("stock", "bundled"), default="stock", help="default stock")
    parser.add_argument("--director", choices=("lvsd", "keepalived"), default="lvsd",
                        help="what runs on the directors; keepalived to compare")
    parser.set_defaults(function=lambda options: demo.run(options.kernel, options.ipvs, options.keep,
                                                          options.director))


def _add_test(commands) -> None:
    parser = commands.add_parser(
        "test", help="build and run every test",
        description="Builds, runs the tests, prints a line for each and at the end `N passed, N failed` (and "
        "`, N skipped`). Exits 0 only if none failed. Logs stay in build/test-logs.")
    parser.add_argument("--quick", action="store_true", help="only what needs no virtual machine")
    parser.add_argument("--long", action="store_true", help="also what takes many minutes, for before a release")
    parser.add_argument("pattern", nargs="?", default="", metavar="PATTERN",
                        help="only tests with this regular expression in their id, such as net/ or vrrp")
    parser.set_defaults(function=lambda options: testing.run(options.quick, options.long, options.pattern))


def _add_bench(commands) -> None:
    parser = commands.add_parser("bench", help="run the benchmarks", description="Without NAME: lists them. `all` "
                                 "runs all.")
    parser.add_argument("name", nargs="?", metavar="NAME")
    parser.add_argument("--json", action="store_true", help="results as JSON on stdout")
    parser.set_defaults(function=lambda options: bench.run(options.name, options.json))


def machine_options(options, terminal: bool = False) -> vm.Options:
    return vm.Options(kernel=options.kernel, ipvs=options.ipvs, cpus=options.cpus, memory=options.memory,
                      icount=options.icount, timeout=options.timeout or 10 * 365 * 86400, systemd=options.systemd,
                      shared=options.rw, root=options.root, terminal=terminal, verbose=options.verbose)


def _prepare_machine() -> None:
    _check_cache()
    packages.ensure("vm", "cluster")
    build.ensure_runnable()


def _run(options) -> int:
    _prepare_machine()
    return vm.run(machine_options(options), options.command)


def _shell(options) -> int:
    if not (sys.stdin.isatty() and sys.stdout.isatty()):
        raise LabError("lab shell needs a terminal; use `tests/lab run -- COMMAND` in scripts")
    _prepare_machine()
    command = options.command or [os.environ.get("SHELL", "/bin/bash"), "-i"]
    return vm.run(machine_options(options, terminal=True), command)


def _check_cache() -> None:
    """Before minutes of building, rather than after."""
    try:
        CACHE.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise LabError(f"cannot make the cache {CACHE}: {error.strerror}; name another folder in LVSD_CACHE") from None


def _count(text: str) -> int:
    if not text.isdigit() or not 1 <= int(text) <= 1 << 20:
        raise argparse.ArgumentTypeError(f"'{text}' is not a number from 1")
    return int(text)


def _seconds(text: str) -> float:
    try:
        seconds = float(text)
    except ValueError:
        seconds = 0.0
    if not 0 < seconds < 1e9:
        raise argparse.ArgumentTypeError(f"'{text}' is not a number of seconds above 0")
    return seconds


def _directory(text: str) -> Path:
    path = Path(text).resolve()
    if not path.is_dir():
        raise argparse.ArgumentTypeError(f"'{text}' is not a directory")
    return path
