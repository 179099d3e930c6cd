# SPDX-License-Identifier: GPL-2.0-or-later
"""Which modules the guest sees: the kernel's own, or the kernel's own with the project's IPVS ahead of them."""

import hashlib
import os
import shutil
import subprocess
from pathlib import Path

from . import kernels
from .kernels import Kernel
from .paths import CACHE, ROOT
from .say import LabError, say, tail

SOURCE = ROOT / "ipvs/kmod"
EMULATOR = Path(__file__).resolve().parent / "guest/emulator"
CHOICES = ("stock", "bundled", "none")


def for_ipvs(kernel: Kernel, ipvs: str) -> Path:
    """The module tree for /lib/modules/VERSION."""
    return bundled(kernel) if ipvs == "bundled" else kernel.modules


def bundled(kernel: Kernel) -> Path:
    """Builds the project's module out of tree and puts it ahead of the kernel's own (updates/, as DKMS does)."""
    if not (SOURCE / "Kbuild").exists():
        raise LabError("the bundled IPVS module is not built yet: this tree has no ipvs/kmod/Kbuild. Use --ipvs stock.")
    place = CACHE / kernel.name / "bundled" / _fingerprint(kernel, SOURCE)
    tree = place / "lib/modules" / kernel.version
    if (tree / "modules.dep.bin").exists():
        return tree
    headers = kernels.ensure_headers(kernel)
    with kernels.cache_lock():
        if not (tree / "modules.dep.bin").exists():
            # The debug kernel has UBSAN for whoever asks.
            _build(SOURCE, headers, place / "build", *(["UBSAN_SANITIZE=y"] if kernel.name == "debug" else []))
            # Elsewhere first: cut off halfway it would be a tree that loads the kernel's own.
            unfinished = place / "new"
            _assemble(kernel, place / "build", unfinished / "lib/modules" / kernel.version)
            shutil.rmtree(place / "lib", ignore_errors=True)
            (unfinished / "lib").rename(place / "lib")
    return tree


def emulator(kernel: Kernel) -> Path:
    """The module that lets a guest outlive a fault of its emulator (guest/emulator says which)."""
    work = CACHE / kernel.name / "emulator" / _fingerprint(kernel, EMULATOR)
    module = work / "lab_emulator.ko"
    if not module.exists():
        headers = kernels.ensure_headers(kernel)
        with kernels.cache_lock():
            if not module.exists():
                _build(EMULATOR, headers, work)
    return module


def _fingerprint(kernel: Kernel, source: Path) -> str:
    digest = hashlib.sha256(kernel.version.encode())
    for path in sorted(source.rglob("*")):
        if path.is_file() and (path.suffix in (".c", ".h", ".S") or path.name in ("Kbuild", "Makefile")):
            digest.update(str(path.relative_to(source)).encode() + b"\0" + path.read_bytes())
    return digest.hexdigest()[:16]


def _build(source: Path, headers: Path, work: Path, *settings: str) -> None:
    say(f"building {source.relative_to(ROOT)} against {headers}")
    shutil.rmtree(work, ignore_errors=True)
    shutil.copytree(source, work, ignore=shutil.ignore_patterns("*.o", "*.ko", "*.mod", "*.mod.c", ".*.cmd"))
    made = subprocess.run(["make", "-C", work, f"KDIR={headers}", f"-j{os.cpu_count()}", "W=1", "KCFLAGS=-Werror",
                           *settings],
                          stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    if made.returncode != 0:
        raise LabError(f"{source.relative_to(ROOT)} does not build:\n" + tail(made.stdout))


def _assemble(kernel: Kernel, work: Path, tree: Path) -> None:
    shutil.rmtree(tree, ignore_errors=True)
    tree.parent.mkdir(parents=True, exist_ok=True)
    subprocess.run(["cp", "-al", kernel.modules, tree], check=True)
    # The indexes are written in place by depmod: a hard link would change the kernel's own.
    for index in tree.glob("modules.*"):
        content = index.read_bytes()
        index.unlink()
        index.write_bytes(content)
    (tree / "updates").mkdir()
    for module in work.rglob("*.ko"):
        shutil.copy(module, tree / "updates" / module.name)
    subprocess.run(["depmod", "-b", tree.parents[2], kernel.version], check=True)
