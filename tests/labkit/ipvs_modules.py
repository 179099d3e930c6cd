# SPDX-License-Identifier: GPL-2.0-or-later
"""IPVS as modules of the running kernel. What was loaded on top of ip_vs holds it and goes first."""

import subprocess
from pathlib import Path


def unload_users() -> None:
    """The schedulers and xt_ipvs, as far as nothing uses them."""
    loaded = [line.split()[0] for line in Path("/proc/modules").read_text(encoding="ascii").splitlines()]
    for name in loaded:
        if name.startswith("ip_vs_") or name == "xt_ipvs":
            _rmmod(name)


def unload() -> bool:
    """Tries to unload all of it and says whether it is gone: a service, in whichever namespace, holds it."""
    unload_users()
    _rmmod("ip_vs")
    return not Path("/sys/module/ip_vs").exists()


def _rmmod(name: str) -> None:
    subprocess.run(["rmmod", name], stderr=subprocess.DEVNULL, check=False)
