# SPDX-License-Identifier: GPL-2.0-or-later
"""tests/kernel/differential.py: our module does what the kernel's own does, and who differs is noticed.

Some of every kind of case; all of them are compared by `tests/kernel/differential.py` without --only.
"""

import io
import subprocess
import sys
from pathlib import Path

import pytest

TESTS = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(TESTS / "kernel"))

import compare  # noqa: E402  (the path comes first)

SOME = ("existence", "service_*", "dest_attribute_lengths", "nat_*", "sctp_states_oneway_1?", "tcp_states_reuse1_secure3_in_*", "removal_*",
        "schedule_wrr*", "schedule_wlc*", "conntrack1_nat4", "hooks_nat?", "ipvs_match*", "errors_*", "tunnel_errors_gue_*",
        "large_segments*", "fragmented_*", "random_*_00[0-5]")


@pytest.fixture(scope="module")
def transcripts(tmp_path_factory):
    """Of both modules; what differed is asserted by the first test."""
    folder = tmp_path_factory.mktemp("differential")
    only = [word for pattern in SOME for word in ("--only", pattern)]
    done = subprocess.run([sys.executable, TESTS / "kernel/differential.py", *only, "--timeout", "600", "--keep", folder],
                          stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    return folder, done


@pytest.mark.limit(900)
def test_ours_does_what_the_kernels_own_does(transcripts):
    folder, done = transcripts
    assert done.returncode == 0, done.stdout
    assert len(compare.load(folder / "stock-0.json")) > 100
    assert " 0 differ" in done.stdout


def plant(records: list) -> None:
    """Into one captured packet: its hop limit is one more."""
    sent = next(record for record in records if record["op"] == "send" and record["out"])
    link, data = sent["out"][0]
    frame = bytearray.fromhex(data)
    frame[10 + 14 + 8] += 1  # behind the vnet header and Ethernet's: IPv4's TTL
    sent["out"][0] = [link, frame.hex()]


def test_a_difference_would_be_noticed(transcripts):
    folder, _ = transcripts
    case = "nat_tcp4"
    stock, ours = (compare.load(folder / f"{who}-0.json") for who in ("stock", "ours"))
    plant(ours[case])
    out = io.StringIO()
    assert compare.compare({case: stock[case]}, {case: ours[case]}, out) == 1
    assert f"{case}: " in out.getvalue() and "/ttl" in out.getvalue()
