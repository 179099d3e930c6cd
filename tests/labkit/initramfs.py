# SPDX-License-Identifier: GPL-2.0-or-later
"""The initial RAM disk: the guest program, the modules it needs before it has a root file system, and the orders.

The kernel unpacks archives that follow each other one after the other, so the constant part is made once and kept
in the cache, and each run only adds a few hundred bytes: what to run.
"""

import hashlib
import lzma
import os
import subprocess
from pathlib import Path

from . import modules, packages
from .kernels import Kernel, cache_lock
from .paths import CACHE
from .say import LabError, say

GUEST = Path(__file__).resolve().parent / "guest"
MODULES = ("virtio_pci", "9pnet_virtio", "9p", "overlay", "virtio_console")
COMPILE = ("g++", "-std=c++23", "-O2", "-static", "-s", "-fno-exceptions", "-Wall", "-Wextra")


def build(kernel: Kernel, run: bytes) -> bytes:
    return _constant_part(kernel) + archive([("lab/run", 0o100600, run)])


def archive(entries) -> bytes:
    """A cpio archive ("newc", Documentation/driver-api/early-userspace/buffer-format.rst) of (name, mode, content)."""
    out = bytearray()
    for number, (name, mode, content) in enumerate([*entries, ("TRAILER!!!", 0, b"")], start=1):
        encoded = name.encode() + b"\0"
        fields = (number, mode, 0, 0, 1, 0, len(content), 0, 0, 0, 0, len(encoded), 0)
        out += b"070701" + b"".join(b"%08x" % field for field in fields) + encoded
        out += b"\0" * (-len(out) % 4)
        out += content
        out += b"\0" * (-len(out) % 4)
    return bytes(out)


def _constant_part(kernel: Kernel) -> bytes:
    sources = sorted(GUEST.glob("*.[ch]pp"))
    digest = hashlib.sha256(repr((COMPILE, MODULES, kernel.version)).encode())
    for source in (*sources, Path(__file__), *sorted((GUEST / "emulator").iterdir())):
        digest.update(source.read_bytes())
    cached = CACHE / "initramfs" / f"{kernel.name}-{digest.hexdigest()[:16]}.cpio"
    try:
        return cached.read_bytes()
    except FileNotFoundError:
        pass
    emulator = modules.emulator(kernel)
    with cache_lock():
        return _make(kernel, sources, emulator, cached)


def _make(kernel: Kernel, sources: list[Path], emulator: Path, cached: Path) -> bytes:
    packages.ensure("vm")
    say(f"making the initial RAM disk for Linux {kernel.version}")
    cached.parent.mkdir(parents=True, exist_ok=True)
    program = cached.with_suffix(".guest")
    compiled = subprocess.run([*COMPILE, "-o", program, *(s for s in sources if s.suffix == ".cpp")],
                              stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    if compiled.returncode != 0:
        raise LabError("the guest program does not compile:\n" + compiled.stdout)
    loaded = [*_module_files(kernel), (emulator.name, emulator.read_bytes())]
    names = "".join(name + "\n" for name, _ in loaded)
    directories = [(name, 0o040755, b"") for name in ("lab", "lab/ko")]
    content = archive(directories + [("init", 0o100755, program.read_bytes()),
                                     ("lab/modules", 0o100644, names.encode()),
                                     *((f"lab/ko/{name}", 0o100644, data) for name, data in loaded)])
    program.unlink()
    for old in cached.parent.glob(f"{kernel.name}-*.cpio"):
        old.unlink()
    temporary = cached.with_suffix(f".{os.getpid()}")
    temporary.write_bytes(content)
    temporary.rename(cached)
    return content


def _module_files(kernel: Kernel) -> list[tuple[str, bytes]]:
    """The modules in loading order. One that is built into this kernel is simply not in the list."""
    files: dict[str, bytes] = {}
    for module in MODULES:
        shown = subprocess.run(["modprobe", "-d", kernel.home, "-S", kernel.version, "--show-depends", module],
                               stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        if shown.returncode != 0:
            raise LabError(f"module {module} is not in {kernel.modules}: {shown.stderr.strip()}")
        for line in shown.stdout.splitlines():
            if line.startswith("insmod "):
                path = Path(line.split()[1])
                content = path.read_bytes()
                files.setdefault(path.name.removesuffix(".xz"),
                                 lzma.decompress(content) if path.suffix == ".xz" else content)
    return list(files.items())
