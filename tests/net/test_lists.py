# SPDX-License-Identifier: GPL-2.0-or-later
"""What has to be said in several places is the same in all of them."""

import re

from labkit.paths import ROOT


def read(path: str) -> str:
    return (ROOT / path).read_text()


def test_every_list_of_schedulers_is_the_same():
    stubs = {path.stem.removeprefix("ip_vs_") for path in (ROOT / "ipvs/kmod/stubs").glob("ip_vs_*.c")}
    assert stubs == set(re.findall(r'"ip_vs_(\w+)"', read("ipvs/kmod/dkms.conf")))
    assert stubs == set(re.findall(r"\bip_vs_(\w+)\.o", read("ipvs/kmod/Kbuild")))
    assert stubs == set(re.search(r'^SCHEDULERS="(.*)"$', read("ipvs/lvsd-ipvs"), re.M)[1].split())
    known = re.search(r"kSchedulers\{([^}]*)\}", read("lvsd/config/sections.cpp"))[1]
    assert stubs == set(re.findall(r'"(\w+)"', known))
    manual = re.search(r"^\.SS Schedulers\n([^.]*)\.", read("etc/man/lvsd-ipvs.7"), re.M)[1]
    assert stubs == set(manual.split())
