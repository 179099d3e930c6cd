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
CHOICES = ("stock", "bundled", "none")


def for_ipvs(kernel: Kernel, ipvs: str) -> Path:
    """The module tree for /lib/modules/VERSION."""
    return bundled(kernel) if ipvs == "bundled" else kernel.modules


def bundled(kernel: Kernel) -> Path:
    """Builds the project's module out of tree and puts it ahead of the kernel's own (updates/, as DKMS does)."""
    if not (SOURCE / "Kbuild").exists():
        raise LabError("the bundled IPVS module is not built yet: this tree has no ipvs/kmod/Kbuild. Use --ipvs stock.")
    place = CACHE / kernel.name / "bundled" / _fingerprint(kernel)
    tree = place / "lib/modules" / kernel.version
    if (tree / "modules.dep.bin").exists():
        return tree
    headers = kernels.ensure_headers(kernel)
    with kernels.cache_lock():
        if not (tree / "modules.dep.bin").exists():
            _build(headers, place / "build")
            _assemble(kernel, place / "build", tree)
    return tree


def _fingerprint(kernel: Kernel) -> str:
    digest = hashlib.sha256(kernel.version.encode())
    for path in sorted(SOURCE.rglob("*")):
        if path.is_file() and (path.suffix in (".c", ".h", ".S") or path.name in ("Kbuild", "Makefile")):
            digest.update(str(path.relative_to(SOURCE)).encode() + b"\0" + path.read_bytes())
    return digest.hexdigest()[:16]


def _build(headers: Path, work: Path) -> None:
    say(f"building ipvs/kmod against {headers}")
    shutil.rmtree(work, ignore_errors=True)
    shutil.copytree(SOURCE, work, ignore=shutil.ignore_patterns("*.o", "*.ko", "*.mod", "*.mod.c", ".*.cmd"))
    made = subprocess.run(["make", "-C", work, f"KDIR={headers}", f"-j{os.cpu_count()}"],
                          stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    if made.returncode != 0:
        raise LabError("the IPVS module does not build:\n" + tail(made.stdout))


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
