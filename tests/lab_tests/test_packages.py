# SPDX-License-Identifier: GPL-2.0-or-later
"""The Debian packages, in a Debian that has never seen lvsd: installed, booted, upgraded, removed, purged."""

import subprocess
from pathlib import Path

import pytest

from labkit import cleanroot, kernels
from labkit.paths import BUILD, ROOT

LAB = Path(__file__).resolve().parents[1] / "lab"
STORY = Path(__file__).with_name("packages_story.sh")
KERNELS = ("6.1", "6.12")

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


def test_the_module_is_built_for_every_kernel(installed):
    for name in KERNELS:
        version = kernels.ensure(name).version
        found = run("modinfo", "-b", installed, "-k", version, "-F", "version", "ip_vs")
        assert found.startswith("lvsd"), found


def test_nothing_runs_that_was_not_asked_for(installed):
    assert not list((installed / "etc/systemd/system").rglob("lvsd*"))


def test_from_enable_to_purge(installed):
    told = run(LAB, "run", "--root", installed, "--systemd", "--ipvs", "none", "--memory", "1024", "--timeout", "1300",
               "--", "sh", "/root/story.sh", timeout=1400)
    assert told.rstrip().endswith("the end"), told
