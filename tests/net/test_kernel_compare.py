# SPDX-License-Identifier: GPL-2.0-or-later
"""The comparison of transcripts notices what it must and nothing else."""

import copy
import io
import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "kernel"))

import accepted  # noqa: E402  (the path comes first)
import compare  # noqa: E402
import nl  # noqa: E402
import wire  # noqa: E402

CONNECTIONS = ("Pro FromIP   FPrt ToIP     TPrt DestIP   DPrt State       Expires PEName PEData\n"
               "TCP 0A00000A 0FA0 C0000201 0050 0A00010C 0050 SYN_RECV         {:2}\n")
SERVICES = ("IP Virtual Server version 1.2.1 (size=4096)\nProt LocalAddress:Port Scheduler Flags\n"
            "  -> RemoteAddress:Port Forward Weight ActiveConn InActConn\n")


def frame(packet: bytes, mac: bytes = bytes([2, 4, 10, 0, 1, 12])) -> str:
    return (bytes(10) + mac + bytes([2, 0, 0, 0, 0xDD, 1]) + b"\x08\0" + packet).hex()


def packet(**options) -> bytes:
    return wire.ip4("10.0.0.10", "10.0.1.12", wire.udp(4000, 80, b"data"), **options)


def transcript(out: str | None = None, expires: int = 59, errno=0, services: str = "") -> list:
    return [
        {"op": "genl", "command": 1, "dump": 0, "sent": "", "errno": errno, "replies": [], "at": 0.0},
        {"op": "send", "link": "cl", "sent": [packet().hex()], "out": [["sa", out or frame(packet())]], "note": "", "at": 0.1},
        {"op": "proc", "name": "ip_vs_conn", "text": CONNECTIONS.format(expires), "at": 0.2},
        {"op": "proc", "name": "ip_vs", "text": SERVICES + services, "at": 0.2},
    ]


def differences(ours: list) -> list[str]:
    return [place for place, _, _ in compare.Comparison(transcript(), ours).found]


def test_equal_transcripts_agree():
    assert differences(transcript()) == []


@pytest.mark.parametrize("changed, place", [
    ({"errno": "EEXIST"}, "errno"),
    ({"out": frame(packet(ttl=63))}, "ttl"),
    ({"out": frame(packet(tos=1))}, "tos"),
    ({"out": frame(packet(), mac=bytes([2, 4, 10, 0, 1, 13]))}, "to"),
    ({"out": frame(packet()[:-1] + b"b")}, "checksum"),
    ({"expires": 50}, "expires"),
    ({"services": "TCP  C0000201:0050 rr \n"}, "services/TCP  C0000201:0050 rr "),
])
def test_a_change_is_found_where_it_is(changed, place):
    assert any(found.endswith(place) for found in differences(transcript(**changed)))


def test_a_missing_packet_and_a_missing_record_are_found():
    silent = transcript()
    silent[1]["out"] = []
    assert differences(silent) == ["1/send:cl/out/count"]
    assert "records" in differences(transcript()[:-1])


def test_identifications_of_the_kernel_do_not_matter_but_kept_ones_do():
    """Two numbers that the director made up are equal; one that should have been kept and was not is a difference."""
    made_up = transcript(out=frame(packet(ident=0x7001)))
    other = transcript(out=frame(packet(ident=0x7002)))
    assert compare.Comparison(made_up, other).found == []
    assert differences(made_up) == ["1/send:cl/out/0/id"]


def test_the_order_of_services_does_not_matter_but_that_of_servers_does():
    first, second = "TCP  C0000201:0050 rr \n", "TCP  C0000202:0050 rr \n"
    one, two = "  -> 0A00010C:0050      Masq    1      0          0\n", "  -> 0A00010B:0050      Masq    1      0          0\n"
    base = transcript(services=first + one + two + second)
    assert compare.Comparison(base, transcript(services=second + first + one + two)).found == []
    assert compare.Comparison(base, transcript(services=first + two + one + second)).found != []


def test_an_exception_in_a_case_is_a_difference():
    broken = [*transcript(), {"op": "exception", "text": "TimeoutError", "at": 1.0}]
    assert compare.Comparison(broken, copy.deepcopy(broken)).found != []


def test_an_unfinished_run_is_refused(tmp_path):
    (tmp_path / "t.json").write_text('{"case": "a", "records": []}\n')
    with pytest.raises(SystemExit):
        compare.load(tmp_path / "t.json")


def test_an_accepted_difference_is_counted_and_a_stale_one_is_named(monkeypatch):
    rules = (accepted.Rule("a", "*/errno", "for the test", lambda stock, ours: ours == "EPERM"),
             accepted.Rule("*", "*/nothing", "never"))
    monkeypatch.setattr(compare, "RULES", rules)
    text = io.StringIO()
    assert compare.compare({"a": transcript()}, {"a": transcript(errno="EPERM")}, text) == 0
    assert "1 accepted differences" in text.getvalue() and "never seen: * */nothing" in text.getvalue()
    assert compare.compare({"a": transcript()}, {"a": transcript(errno="EINVAL")}, io.StringIO()) == 1
    assert compare.compare({"b": transcript()}, {"b": transcript(errno="EPERM")}, io.StringIO()) == 1


def test_a_nested_flag_in_an_answer_is_seen():
    reply = b"\1\1\0\0" + nl.attributes([(1, [(1, b"\2\0")])])
    flagged = b"\1\1\0\0" + nl.attributes([(1 | nl.NESTED, [(1, b"\2\0")])])
    def case(body):
        return [{"op": "genl", "command": 4, "dump": 0, "sent": "", "errno": 0, "replies": [[0, body.hex()]], "at": 0}]
    assert compare.Comparison(case(reply), case(flagged)).found != []


def test_a_mangled_quotation_is_compared_by_its_octets():
    """A GUE packet quoted without its payload."""
    quoted = wire.ip4("10.0.1.1", "10.0.1.11", wire.udp(50000, 6080, b""))
    error = wire.ip4("10.0.1.11", "10.0.0.10", wire.icmp4(3, 3, quoted))
    other = wire.ip4("10.0.1.11", "10.0.0.10", wire.icmp4(3, 3, quoted[:-1] + b"x"))
    assert compare.Comparison(transcript(out=frame(error)), transcript(out=frame(error))).found == []
    assert compare.Comparison(transcript(out=frame(error)), transcript(out=frame(other))).found != []
