# SPDX-License-Identifier: GPL-2.0-or-later
"""Debian's kernels, unpacked into the cache. Nothing is installed: no /boot, no /lib/modules of this machine.

    CACHE/6.1/kernel.json                     what is there; written last, so its presence means the rest is whole
    CACHE/6.1/vmlinux                         the kernel as an ELF file
    CACHE/6.1/lib/modules/VERSION/            the modules, with depmod's indexes
    CACHE/6.1/headers                         what external modules are built against: make -C CACHE/6.1/headers M=...

QEMU starts the ELF file directly (PVH): the compressed one unpacks itself, which costs the emulated machine some
three seconds.
"""

import json
import lzma
import os
import re
import shutil
import struct
import subprocess
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from . import debug_kernel, packages
from .locking import one_at_a_time
from .paths import CACHE
from .say import LabError, say

PATTERNS = {
    "6.1": r"^linux-image-6\.1\.0-[0-9]+-amd64(-unsigned)?$",
    "6.12": r"^linux-image-6\.12\.[0-9]+(\+deb12)?-amd64(-unsigned)?$",
}
DEBIAN = tuple(PATTERNS)
NAMES = (*DEBIAN, "debug")

# Compressed modules that a guest loads again and again are unpacked once here instead of under emulation.
OFTEN_LOADED = ("kernel/net", "kernel/lib", "kernel/crypto", "kernel/arch", "kernel/drivers/net/*.ko.xz")


@dataclass(frozen=True)
class Kernel:
    name: str
    version: str
    home: Path

    @property
    def vmlinux(self) -> Path:
        return self.home / "vmlinux"

    @property
    def modules(self) -> Path:
        return self.home / "lib/modules" / self.version

    @property
    def headers(self) -> Path:
        return self.home / "headers"


def ensure(name: str) -> Kernel:
    """The named kernel, fetched if the cache lacks it."""
    home = CACHE / name
    if name not in PATTERNS and not debug_kernel.is_current(home):
        debug_kernel.make(home)
    kernel = _cached(name, home)
    if kernel:
        return kernel
    with cache_lock():
        return _cached(name, home) or _fetch(name, home)


def ensure_headers(kernel: Kernel) -> Path:
    """The directory to give to make -C for an external module of this kernel."""
    if kernel.headers.exists():
        return kernel.headers
    if kernel.name not in PATTERNS:
        raise LabError(f"the headers of kernel '{kernel.name}' are not there: {kernel.headers}")
    with cache_lock():
        if not kernel.headers.exists():
            _fetch_headers(kernel)
    return kernel.headers


_has_lock = False


@contextmanager
def cache_lock():
    """One lab at a time changes the cache. Who has the lock must not ask for it again: it would wait for itself."""
    global _has_lock
    assert not _has_lock, "the cache's lock is asked for by who has it"
    with one_at_a_time(CACHE / "lock", "filling the cache"):
        _has_lock = True
        try:
            yield
        finally:
            _has_lock = False


def _cached(name: str, home: Path) -> Kernel | None:
    try:
        known = json.loads((home / "kernel.json").read_text())
    except (OSError, ValueError):
        return None
    return Kernel(name, known["version"], home)


def _newest_image(name: str) -> str:
    for attempt in range(2):
        offered = _apt("apt-cache", "search", "--names-only", PATTERNS[name]).stdout
        images = [line.split()[0] for line in offered.splitlines()]
        if images:
            return max(images, key=_image_order)
        if attempt == 0:
            packages.update()
    raise LabError(f"apt offers no Linux {name} image; bookworm and bookworm-security must be among its sources")


def _image_order(image: str):
    numbers = [int(part) for part in re.findall(r"\d+", image.replace("deb12", "").replace("amd64", ""))]
    return numbers, not image.endswith("-unsigned")


def _fetch(name: str, home: Path) -> Kernel:
    packages.ensure("vm")
    image = _newest_image(name)
    version = image.removeprefix("linux-image-").removesuffix("-unsigned")
    say(f"fetching {image} into {home} (once)")
    work = fresh(CACHE / f"{name}.new")
    for package in download([image], work):
        run("dpkg-deb", "-x", package, work / "image")
    modules = next(path for path in (work / "image/lib/modules", work / "image/usr/lib/modules") if path.is_dir())
    (work / "lib").mkdir()
    modules.rename(work / "lib/modules")
    _unpack_modules(work / "lib/modules" / version)
    run("depmod", "-b", work, version)
    (work / "vmlinux").write_bytes(unpack_kernel((work / f"image/boot/vmlinuz-{version}").read_bytes()))
    shutil.copy(work / f"image/boot/config-{version}", work / "config")
    shutil.rmtree(work / "image")
    (work / "kernel.json").write_text(json.dumps({"version": version, "package": image}) + "\n")
    shutil.rmtree(home, ignore_errors=True)
    work.rename(home)
    return Kernel(name, version, home)


def unpack_kernel(image: bytes) -> bytes:
    """The ELF file inside a bzImage. Offsets: Documentation/arch/x86/boot.rst, protocol 2.08."""
    setup_sectors = image[0x1F1] or 4
    offset, length = struct.unpack_from("<II", image, 0x248)
    payload = image[(setup_sectors + 1) * 512 + offset:][:length]
    if payload.startswith(b"\xfd7zXZ\0"):
        unpacked = lzma.LZMADecompressor().decompress(payload)
    elif payload.startswith(b"\x28\xb5\x2f\xfd"):
        # The last four bytes are the unpacked size, added by the kernel's build.
        unpacked = subprocess.run(["zstd", "-dcq"], input=payload[:-4], stdout=subprocess.PIPE, check=True).stdout
    else:
        raise LabError("the kernel image is compressed in a way the lab does not know")
    if not unpacked.startswith(b"\x7fELF"):
        raise LabError("the kernel image holds no ELF file")
    return unpacked


def _unpack_modules(modules: Path) -> None:
    packed = []
    for pattern in OFTEN_LOADED:
        packed += modules.glob(pattern) if "*" in pattern else modules.glob(pattern + "/**/*.ko.xz")
    for path in packed:
        path.with_suffix("").write_bytes(lzma.decompress(path.read_bytes()))
        path.unlink()


def _fetch_headers(kernel: Kernel) -> None:
    packages.ensure("module")
    image = f"linux-headers-{kernel.version}"
    depends = _apt("apt-cache", "depends", image).stdout
    wanted = [image] + sorted(set(re.findall(r"Depends: (linux-(?:headers|kbuild)-\S+)", depends)))
    say(f"fetching {' '.join(wanted)} (once)")
    work = fresh(kernel.home / "headers.new")
    for package in download(wanted, work):
        run("dpkg-deb", "-x", package, work)
    _make_relocatable(work)
    shutil.rmtree(kernel.home / "headers-tree", ignore_errors=True)
    work.rename(kernel.home / "headers-tree")
    kernel.headers.symlink_to(f"headers-tree/usr/src/{image}")


def _make_relocatable(tree: Path) -> None:
    """Debian's header trees point at each other as /usr/src/... and /usr/lib/...: in symlinks and in makefiles."""
    final = tree.with_name("headers-tree")
    for path in tree.rglob("*"):
        if path.is_symlink():
            target = os.readlink(path)
            if target.startswith("/usr/"):
                path.unlink()
                path.symlink_to(os.path.relpath(tree / target[1:], path.parent))
    # BTF in modules needs pahole and is of no use to us. make reads auto.conf; the compiler reads autoconf.h, which
    # must stay, because struct module depends on it.
    for settings in (tree / "usr/src").glob("linux-headers-*/include/config/auto.conf"):
        kept = [line for line in settings.read_text().splitlines() if "DEBUG_INFO_BTF_MODULES" not in line]
        settings.write_text("\n".join(kept) + "\n")
    for makefile in (tree / "usr/src").glob("linux-headers-*/Makefile"):
        text = makefile.read_text()
        makefile.write_text(re.sub(r"(?<![\w/.)])/usr/(src|lib)/linux-", rf"{final}/usr/\1/linux-", text))


def download(names: list[str], where: Path) -> list[Path]:
    command = ["apt-get", "-q", "-o", "APT::Sandbox::User=root", "download", *names]
    for attempt in range(2):
        got = subprocess.run(command, cwd=where, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                             stderr=subprocess.STDOUT, text=True)
        found = sorted(where.glob("*.deb"))
        if got.returncode == 0 and found:
            return found
        if attempt == 0:
            packages.update()
    raise LabError(f"apt-get could not download {' '.join(names)}:\n{got.stdout}")


def fresh(directory: Path) -> Path:
    shutil.rmtree(directory, ignore_errors=True)
    directory.mkdir(parents=True)
    return directory


def _apt(*command: str) -> subprocess.CompletedProcess:
    return subprocess.run(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True)


def run(*command) -> str:
    done = subprocess.run([str(word) for word in command], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT, text=True)
    if done.returncode != 0:
        raise LabError(f"{command[0]} failed with status {done.returncode}:\n{done.stdout}")
    return done.stdout
