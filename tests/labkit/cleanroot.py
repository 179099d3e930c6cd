# SPDX-License-Identifier: GPL-2.0-or-later
"""A Debian with nothing of ours in it, to install packages into.

    CACHE/cleanroot/HASH/        what debootstrap makes, with the kernels of the lab and their headers

It is made once; who uses it works on an overlay, which is a directory like any other to the machine that boots it.
"""

import hashlib
import os
import shutil
import subprocess
from contextlib import contextmanager
from pathlib import Path

from . import kernels, packages
from .child import reading
from .paths import CACHE
from .say import LabError, say, tail

SUITE = "bookworm"
# What a director has anyway, what the guest's services need, and a compiler for DKMS.
INCLUDED = ("systemd", "systemd-sysv", "dbus", "iproute2", "kmod", "procps", "ipvsadm", "ca-certificates", "dkms",
            "gcc", "make", "libelf1", "man-db")


def ensure(names: tuple[str, ...]) -> Path:
    """The clean root with the named kernels in it."""
    packages.ensure("package")
    wanted = [kernels.ensure(name) for name in names]
    for kernel in wanted:  # not below: the lock is for one at a time, this process included
        kernels.ensure_headers(kernel)
    versions = [kernel.version for kernel in wanted]
    digest = hashlib.sha256(repr((SUITE, INCLUDED, versions)).encode() + Path(__file__).read_bytes()).hexdigest()
    place = CACHE / "cleanroot" / digest[:16]
    if not place.exists():
        with kernels.cache_lock():
            if not place.exists():
                _make(place, wanted)
    return place


@contextmanager
def overlay(root: Path, work: Path):
    """A copy of `root` that costs nothing: `work` takes what is changed."""
    for name in ("upper", "work", "root"):
        (work / name).mkdir(parents=True)
    merged = work / "root"
    subprocess.run(["mount", "-t", "overlay", "cleanroot", "-o",
                    f"lowerdir={root},upperdir={work / 'upper'},workdir={work / 'work'}", merged], check=True)
    try:
        with _mounted(merged):
            yield merged
    finally:
        subprocess.run(["umount", "-l", merged], check=False)


def chroot(root: Path, *command: str) -> str:
    environment = dict(os.environ, DEBIAN_FRONTEND="noninteractive", HOME="/root",
                       PATH="/usr/sbin:/usr/bin:/sbin:/bin", LC_ALL="C")
    done = subprocess.run(["chroot", root, *command], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT, text=True, env=environment)
    if done.returncode != 0:
        raise LabError(f"in {root}: {' '.join(command)} failed:\n" + tail(done.stdout))
    return done.stdout


def _make(place: Path, wanted: list) -> None:
    work = place.with_suffix(".new")
    shutil.rmtree(work, ignore_errors=True)
    work.mkdir(parents=True)
    _debootstrap(work)
    _same_sources(work)
    with _mounted(work):
        chroot(work, "apt-get", "-q", "-q", "update")
    for kernel in wanted:
        _add_kernel(kernel, work)
    for old in place.parent.iterdir():
        if old not in (place, work):
            shutil.rmtree(old, ignore_errors=True)
    work.rename(place)


def _debootstrap(work: Path) -> None:
    say(f"making a clean {SUITE} in {work} (once)")
    command = ["debootstrap", "--variant=minbase", f"--include={','.join(INCLUDED)}", SUITE, work, *_mirror()]
    with reading(command, env=dict(os.environ, LC_ALL="C")) as made:
        for line in made.stdout:
            if line.startswith(("I: Retrieving Release", "I: Unpacking the base", "I: Configuring systemd", "E:", "W:")):
                say("  " + line.rstrip())
    if made.returncode != 0:
        raise LabError(f"debootstrap failed; its log is {work}/debootstrap/debootstrap.log")


def _mirror() -> list[str]:
    """Where this machine gets its packages from."""
    asked = ["apt-get", "indextargets", "--format", "$(REPO_URI)", "Created-By: Packages", f"Codename: {SUITE}",
             "Component: main"]
    found = subprocess.run(asked, stdout=subprocess.PIPE, text=True).stdout.split()
    return [uri for uri in found if uri.startswith(("http:", "https:", "file:"))][:1]


def _same_sources(work: Path) -> None:
    (work / "etc/apt/sources.list").unlink(missing_ok=True)
    for line in subprocess.run(["apt-get", "indextargets", "--format", "$(REPO_URI) $(CODENAME) $(COMPONENT)",
                                "Created-By: Packages"], stdout=subprocess.PIPE, text=True).stdout.splitlines():
        uri, codename, component = line.split()
        if codename.startswith(SUITE) and component == "main":
            with open(work / "etc/apt/sources.list", "a") as sources:
                sources.write(f"deb {uri} {codename} main\n")
    proxies = subprocess.run(["apt-config", "dump", "Acquire"], stdout=subprocess.PIPE, text=True).stdout
    kept = [line for line in proxies.splitlines() if "Proxy" in line or "Verify" in line or "Retries" in line]
    (work / "etc/apt/apt.conf.d/90lab").write_text("\n".join(kept) + "\nAPT::Sandbox::User \"root\";\n")
    shutil.copy("/etc/resolv.conf", work / "etc/resolv.conf")


def _add_kernel(kernel, work: Path) -> None:
    """The headers, which know where they are and so go there, and what of the modules is about networks: depmod reads
    every module, which takes an emulated machine minutes when it has all of Debian's."""
    headers = kernel.home / "headers-tree"
    _link(headers, work / headers.relative_to("/"))
    modules = work / "usr/lib/modules" / kernel.version
    modules.mkdir(parents=True)
    for name in ("modules.builtin", "modules.builtin.modinfo", "modules.order"):
        shutil.copy(kernel.modules / name, modules / name)
    for part in ("net", "lib", "crypto", "arch"):
        _link(kernel.modules / "kernel" / part, modules / "kernel" / part)
    (modules / "kernel/drivers/net").mkdir(parents=True)
    for module in (kernel.modules / "kernel/drivers/net").glob("*.ko"):
        shutil.copy(module, modules / "kernel/drivers/net" / module.name)
    (modules / "build").symlink_to(kernel.headers.resolve())
    subprocess.run(["depmod", "-b", work, kernel.version], check=True)


def _link(source: Path, target: Path) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    subprocess.run(["cp", "-al", "--no-target-directory", source, target], check=True)


@contextmanager
def _mounted(root: Path):
    for source, where in (("proc", "proc"), ("sysfs", "sys")):
        subprocess.run(["mount", "-t", source, source, root / where], check=True)
    subprocess.run(["mount", "--bind", "/dev", root / "dev"], check=True)
    try:
        yield
    finally:
        for where in ("dev", "sys", "proc"):
            subprocess.run(["umount", "-l", root / where], check=False)
