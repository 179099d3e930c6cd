# SPDX-License-Identifier: GPL-2.0-or-later
"""The debug kernel: Debian's own sources with a small configuration (debug.config) and everything that watches.

    CACHE/debug/kernel.json lib/modules/VERSION vmlinux     as for Debian's kernels (kernels.py)
    CACHE/debug/headers                                     the source tree without what modules do not need

Built once, which takes 13 minutes of two idle processors; again when debug.config changes. Without a compiler cache: it
would never see the same twice, and cost a third.
"""

import hashlib
import json
import os
import re
import shutil
import subprocess
import time
from collections import deque
from pathlib import Path

from . import packages
from .child import reading
from .locking import one_at_a_time
from .paths import CACHE
from .say import LabError, say

CONFIG = Path(__file__).with_name("debug.config")
PACKAGE = "linux-source-6.1"
STEPS = 2000  # lines of a whole build, roughly: for the progress only
NEEDED_SOURCES = {"scripts", "tools"}  # folders of the tree that stay whole


# Started as an ELF file the kernel runs lib/string.c and arch/x86/platform/pvh before KASAN's shadow memory is there. The
# other folders never meet anything of the module's: to watch them would only cost time, here and in the machine.
UNWATCHED_FILES = {"lib/Makefile": "KASAN_SANITIZE_string.o := n\n"}
UNWATCHED_FOLDERS = ("arch/x86", "block", "certs", "crypto", "drivers/acpi", "drivers/base", "drivers/char", "drivers/pci",
                     "drivers/tty", "drivers/virtio", "fs", "init", "ipc", "security")


def digest() -> str:
    return hashlib.sha256(CONFIG.read_bytes() + repr((UNWATCHED_FILES, UNWATCHED_FOLDERS)).encode()).hexdigest()[:16]


def make(home: Path) -> None:
    """Fills `home`. Another lab that is at it is waited for; kernels that are there can be used meanwhile."""
    with one_at_a_time(CACHE / "debug.lock", "building the debug kernel"):
        if not is_current(home):
            _make(home)


def is_current(home: Path) -> bool:
    try:
        return json.loads((home / "kernel.json").read_text())["config"] == digest()
    except (OSError, ValueError, KeyError):
        return False


def _make(home: Path) -> None:
    from .kernels import download, fresh, run

    packages.ensure("vm", "debug-kernel")
    say(f"building the debug kernel into {home} (once; about 13 minutes of two processors)")
    begun = time.monotonic()
    work = fresh(CACHE / "debug.new")
    package = download([PACKAGE], work)[0]
    run("dpkg-deb", "-x", package, work / "package")
    tree = work / "linux"
    tree.mkdir()
    run("tar", "-C", tree, "--strip-components=1", "-xf", work / f"package/usr/src/{PACKAGE}.tar.xz")
    shutil.rmtree(work / "package")
    _configure(tree)
    _compile(tree)
    version = run("make", "-s", "-C", tree, "kernelrelease").strip()
    run("make", "-C", tree, "modules_install", f"INSTALL_MOD_PATH={work}")
    for link in ("build", "source"):
        (work / "lib/modules" / version / link).unlink(missing_ok=True)
    run("objcopy", "--strip-debug", tree / "vmlinux", work / "vmlinux")
    _trim(tree)
    (work / "headers").symlink_to("linux")
    (work / "kernel.json").write_text(json.dumps({"version": version, "package": package.stem, "config": digest()}) + "\n")
    package.unlink()
    shutil.rmtree(home, ignore_errors=True)
    work.rename(home)
    say(f"the debug kernel is built, after {(time.monotonic() - begun) / 60:.0f} minutes")


def _compiler() -> list[str]:
    return ["CC=gcc-12", "HOSTCC=gcc-12", "KBUILD_BUILD_TIMESTAMP=2026-01-01"]


def _configure(tree: Path) -> None:
    from .kernels import run

    added = {tree / name: lines for name, lines in UNWATCHED_FILES.items()}
    for folder in UNWATCHED_FOLDERS:
        added |= dict.fromkeys((tree / folder).rglob("Makefile"), "\nKASAN_SANITIZE := n\n")
    for path, lines in added.items():
        with open(path, "a") as makefile:
            makefile.write(lines)
    run("make", "-C", tree, *_compiler(), f"KCONFIG_ALLCONFIG={CONFIG}", "allnoconfig")
    got = dict(re.findall(r"^(CONFIG_\w+)=(.*)$", (tree / ".config").read_text(), re.MULTILINE))
    wanted = re.findall(r"^(CONFIG_\w+)=(.*)$", CONFIG.read_text(), re.MULTILINE)
    lost = [name for name, value in wanted if got.get(name, "n") != value]
    if lost:
        raise LabError(f"the kernel's configuration does not take these from {CONFIG.name}: {' '.join(lost)}")


def _compile(tree: Path) -> None:
    last, done, told = deque(maxlen=40), 0, time.monotonic()
    begun = told
    command = ["nice", "make", "-C", tree, f"-j{os.cpu_count()}", *_compiler(), "vmlinux", "modules"]
    with reading(command) as running:
        for line in running.stdout:
            last.append(line)
            done += 1
            if time.monotonic() - told > 30:
                told = time.monotonic()
                say(f"  debug kernel: {min(99, done * 100 // STEPS)} %, {(told - begun) / 60:.1f} minutes")
    if running.returncode != 0:
        raise LabError("the debug kernel does not build; make said last:\n" + "".join("    " + line for line in last))


def _trim(tree: Path) -> None:
    """Modules are built against headers, makefiles, scripts and objtool; the rest of two gigabytes can go."""
    for top in tree.iterdir():
        if top.name in NEEDED_SOURCES or not top.is_dir():
            continue
        if top.name not in ("arch", "include"):
            _keep_makefiles(top)
        elif top.name == "arch":
            for other in top.iterdir():
                if other.is_dir() and other.name != "x86":
                    shutil.rmtree(other)
            _keep_makefiles(top / "x86")
    for big in ("vmlinux", "vmlinux.o", "vmlinux.a"):
        (tree / big).unlink(missing_ok=True)


def _keep_makefiles(folder: Path) -> None:
    for path in folder.rglob("*"):
        if path.is_file() and path.suffix != ".h" and not path.name.startswith(("Makefile", "Kconfig", "Kbuild")):
            path.unlink()
