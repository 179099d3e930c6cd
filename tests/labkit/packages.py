# SPDX-License-Identifier: GPL-2.0-or-later
"""The Debian packages the lab uses, and their installation.

Nothing is asked of apt while nothing is missing. Services that come with a package are kept from starting during
the installation and are not enabled after it: the lab wants nginx's program, not a web server on this machine.
"""

import os
import subprocess
from contextlib import contextmanager
from pathlib import Path

from .child import reading
from .say import LabError, say

# What for: which packages.
GROUPS = {
    "build": (  # lvsd, lvsctl and the lab's tools
        "g++", "cmake", "ninja-build", "ccache", "pkg-config", "libnl-3-dev", "libnl-route-3-dev",
        "libnl-genl-3-dev", "libboost1.81-dev", "libboost-json1.81-dev", "libtomlplusplus-dev", "libsystemd-dev",
        "libssl-dev", "libfmt-dev", "libcli11-dev", "libgtest-dev", "libgmock-dev", "libcap-dev", "libseccomp-dev",
        "libnghttp2-dev", "libpcre2-dev",
    ),
    "vm": ("qemu-system-x86", "g++", "kmod", "zstd"),
    "cluster": ("iproute2", "iputils-ping", "procps"),
    "module": ("make", "gcc-12", "kmod", "xz-utils"),
    "debug-kernel": ("make", "gcc-12", "bison", "flex", "bc", "libelf-dev", "libssl-dev", "kmod", "xz-utils", "perl"),
    "sparse": ("sparse",),
    "demo": ("ipvsadm",),
    "package": ("debootstrap", "lintian", "mandoc", "fakeroot", "dpkg-dev"),
    "compare": ("keepalived",),
    "test": (
        "python3-pytest", "cpio", "ipvsadm", "keepalived", "nginx-light", "curl", "tcpdump", "dbus", "iputils-arping",
        "nftables", "iptables", "frr", "unbound", "haproxy", "python3-aiosmtpd", "python3-grpcio",
        "clang-format-14", "openssl", "systemd", "prometheus", "mandoc", "zsh", "fish", "python3-jsonschema",
        "pre-commit", "git", "libglib2.0-bin", "python3-dbus", "polkitd",
    ),
}

# Packages that bring a service, and the services.
SERVICES = {"nginx-light": ("nginx",), "frr": ("frr",), "keepalived": ("keepalived",), "ipvsadm": ("ipvsadm",),
            "prometheus": ("prometheus",), "unbound": ("unbound",), "haproxy": ("haproxy",)}

# Two of ours that Debian cannot install beside another version of theirs.
RIVALS = {"libboost1.81-dev": "libboost1.74-dev"}

POLICY = Path("/usr/sbin/policy-rc.d")
POLICY_TEXT = "#!/bin/sh\n# Put here by lvsd's tests/lab for the time of one installation.\nexit 101\n"


def missing(names) -> list[str]:
    asked = sorted(set(names))
    shown = subprocess.run(["dpkg-query", "-W", "-f", "${Package} ${db:Status-Status}\n", *asked],
                           stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
    installed = {line.split()[0] for line in shown.stdout.splitlines() if line.endswith(" installed")}
    return [name for name in asked if name not in installed]


def ensure(*groups: str) -> None:
    """Installs what the groups need and this machine lacks."""
    wanted = missing(name for group in groups for name in GROUPS[group])
    if not wanted:
        return
    _refuse_rivals(wanted)
    say(f"installing {len(wanted)} Debian packages: {' '.join(wanted)}")
    with _no_services():
        if _install(wanted) != 0:
            say("trying again with fresh package lists")
            update()
            if _install(wanted) != 0:
                raise LabError("apt-get could not install these packages; its words are above")
    _disable_services(wanted)


def update() -> None:
    say("apt-get update")
    done = subprocess.run(["apt-get", "-q", "-q", "update"], stdin=subprocess.DEVNULL, stdout=2)
    if done.returncode != 0:
        raise LabError("apt-get update failed; check this machine's network and /etc/apt/sources.list")


def _refuse_rivals(wanted) -> None:
    for ours, theirs in RIVALS.items():
        if ours in wanted and not missing([theirs]):
            raise LabError(f"{ours} is needed, but {theirs} is installed and Debian allows only one of them.\n"
                           f"     If nothing of yours needs it: apt-get remove {theirs}  — then start this again.")


def _install(names) -> int:
    environment = dict(os.environ, DEBIAN_FRONTEND="noninteractive")
    command = ["apt-get", "-q", "-y", "-o", "DPkg::Lock::Timeout=300", "-o", "Dpkg::Use-Pty=0", "-o", "Dpkg::Progress-Fancy=0",
               "--no-install-recommends", "install", *names]
    kept = []
    with reading(command, env=environment) as apt:
        for line in apt.stdout:
            kept.append(line)
            if line.startswith(("Need to get", "Fetched", "After this", "Setting up", "E:")):
                say("  " + line.rstrip())
    if apt.returncode != 0:
        say("apt-get said last:\n" + "".join("    " + line for line in kept[-15:]).rstrip())
    return apt.returncode


@contextmanager
def _no_services():
    """invoke-rc.d asks policy-rc.d whether a service may start; ours says no. A policy that is there is put back."""
    kept = POLICY.with_name("policy-rc.d.before-lvsd-lab")
    if POLICY.exists() and POLICY.read_text(errors="replace") != POLICY_TEXT:
        POLICY.rename(kept)
    POLICY.write_text(POLICY_TEXT)
    POLICY.chmod(0o755)
    try:
        yield
    finally:
        POLICY.unlink(missing_ok=True)
        if kept.exists():
            kept.rename(POLICY)


def _disable_services(installed) -> None:
    for package in installed:
        for service in SERVICES.get(package, ()):
            subprocess.run(["systemctl", "--no-reload", "disable", service], stdin=subprocess.DEVNULL,
                           stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
