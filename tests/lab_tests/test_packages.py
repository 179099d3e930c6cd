# SPDX-License-Identifier: GPL-2.0-or-later
"""The Debian packages, in a Debian that has never seen lvsd: installed, booted, upgraded, removed, purged."""

import re
import subprocess
from pathlib import Path

import pytest

from labkit import cleanroot, kernels
from labkit.paths import BUILD, ROOT

LAB = Path(__file__).resolve().parents[1] / "lab"
STORY = Path(__file__).with_name("packages_story.sh")
KERNELS = kernels.DEBIAN

# The first run makes the clean root, and a machine under emulation installs slowly.
pytestmark = pytest.mark.limit(1500)


def run(*command, timeout=600, **options) -> str:
    done = subprocess.run([str(word) for word in command], text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                          timeout=timeout, **options)
    assert done.returncode == 0, f"{command}:\n{done.stdout}"
    return done.stdout


@pytest.fixture(scope="module")
def packages() -> list[Path]:
    run("cmake", "--preset", "release", cwd=ROOT)
    run("cmake", "--build", "--preset", "release", "--target", "package", cwd=ROOT, timeout=1200)
    made = sorted((BUILD / "release/packages").glob("*.deb"))
    assert {path.name.split("_")[0] for path in made} == {"lvsd", "lvsd-ipvs-dkms"}
    return made


@pytest.fixture(scope="module")
def installed(packages, tmp_path_factory):
    """A clean root with both packages in it, the module built for every kernel of the lab."""
    root = cleanroot.ensure(KERNELS)
    with cleanroot.overlay(root, tmp_path_factory.mktemp("installed")) as merged:
        for package in packages:
            run("cp", package, merged / "root")
        run("cp", STORY, merged / "root/story.sh")
        names = [f"/root/{package.name}" for package in packages]
        cleanroot.chroot(merged, "apt-get", "-q", "-y", "--no-install-recommends", "install", *names)
        yield merged


def test_lintian_finds_no_error(packages):
    run("lintian", "--fail-on", "error", "--allow-root", *packages)


# What each package must bring, as patterns of paths.
CONTENTS = {
    "lvsd": (
        "usr/sbin/lvsd", "usr/bin/lvsctl", "usr/libexec/lvsd/lvsd-checker", "usr/libexec/lvsd/lvsd-runner",
        "lib/systemd/system/lvsd.service", "usr/lib/sysusers.d/lvsd.conf", "usr/lib/tmpfiles.d/lvsd.conf",
        "usr/lib/modules-load.d/lvsd.conf", "usr/lib/systemd/catalog/lvsd.catalog",
        r"usr/share/dbus-1/system.d/org\.linuxvirtualserver\.Lvsd1\.conf",
        "usr/share/bash-completion/completions/lvsctl", "usr/share/zsh/vendor-completions/_lvsctl",
        "usr/share/fish/vendor_completions.d/lvsctl.fish", "usr/share/man/man8/lvsd.8.gz", "usr/share/man/man1/lvsctl.1.gz",
        "usr/share/man/man5/lvsd.toml.5.gz", "etc/lvsd/lvsd.toml", "usr/share/doc/lvsd/examples/lvsd.toml",
        "usr/share/doc/lvsd/examples/pre-commit", "usr/share/doc/lvsd/examples/pre-commit-config.yaml",
        "usr/share/doc/lvsd/lvsd.json", "usr/share/doc/lvsd/lvsd.rules.yml", "usr/share/doc/lvsd/api.md",
        "usr/share/doc/lvsd/messages.md", "usr/share/doc/lvsd/guides/first-pair.md", "usr/share/doc/lvsd/guides/troubleshooting.md",
        "usr/share/lvsd/lvsd.schema.json", "usr/share/doc/lvsd/copyright", "usr/share/doc/lvsd/changelog.Debian.gz"),
    "lvsd-ipvs-dkms": (
        "usr/sbin/lvsd-ipvs", "usr/share/man/man7/lvsd-ipvs.7.gz", "usr/share/man/man8/lvsd-ipvs.8.gz",
        r"usr/src/lvsd-ipvs-[\d.]+/dkms.conf", r"usr/src/lvsd-ipvs-[\d.]+/Kbuild", r"usr/src/lvsd-ipvs-[\d.]+/lvs_main.c",
        r"usr/src/lvsd-ipvs-[\d.]+/stubs/ip_vs_rr.c", r"usr/src/lvsd-ipvs-[\d.]+/uapi/lvsd_ipvs.h",
        "usr/share/doc/lvsd-ipvs-dkms/copyright"),
}


def test_the_packages_hold_what_they_should(packages):
    for package in packages:
        told = run("dpkg-deb", "-c", package).splitlines()
        held = [line.split(None, 5)[5].removeprefix("./").partition(" -> ")[0] for line in told]
        missing = [wanted for wanted in CONTENTS[package.name.split("_")[0]]
                   if not any(re.fullmatch(wanted, path) for path in held)]
        assert not missing, "\n".join([f"{package.name} lacks:", *missing, "it has:", *held])
        assert all(line.split()[1] == "root/root" for line in told)
        assert not [path for path in held if re.search(r"\.(o|ko|cmd|pyc)$|/build/", path)]


def test_the_module_is_built_for_every_kernel(installed):
    for name in KERNELS:
        version = kernels.ensure(name).version
        found = run("modinfo", "-b", installed, "-k", version, "-F", "version", "ip_vs")
        assert found.startswith("lvsd"), found


def test_nothing_runs_that_was_not_asked_for(installed):
    assert not list((installed / "etc/systemd/system").rglob("lvsd*"))


# Its interface comes when lvsd runs already.
LATE = """
virtual_router.web = { interface = "eth7", vrid = 51, addresses = ["192.0.2.10/24"] }
"""


@pytest.fixture
def enabled(installed):
    """Chosen before the boot: the machine comes up with it, and with the module of the package."""
    config = installed / "etc/lvsd/lvsd.toml"
    before = config.read_text()
    config.write_text(LATE)
    run("systemctl", f"--root={installed}", "enable", "lvsd")
    yield installed
    config.write_text(before)


def test_from_boot_to_purge(enabled):
    told = run(LAB, "run", "--root", enabled, "--systemd", "--ipvs", "none", "--memory", "1024", "--timeout", "1300", "--",
               "sh", "/root/story.sh", timeout=1400)
    assert told.rstrip().endswith("the end"), told
