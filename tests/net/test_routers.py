# SPDX-License-Identifier: GPL-2.0-or-later
"""What a virtual router does beside its addresses, told by the configuration of the whole daemon: trackers, groups,
routes and rules, other interfaces. `ip` is the judge."""

import os
import shutil
import signal
import subprocess

import pytest

from labkit.director import Director
from labkit.routers import DIRECTORS, VIP, VIP6, config, everything_is_there, holds, instance, nothing_is_there, ours, side, \
    wait_master, with_everything
from labkit.waiting import wait_for

LAB = {"when": "whole"}


@pytest.fixture
def cluster(make_cluster):
    return make_cluster(DIRECTORS)


# ---- trackers ------------------------------------------------------------------------------------------------

def test_a_file_is_watched_and_a_fault_says_goodbye(cluster, tmp_path):
    d1, d2 = cluster["d1"], cluster["d2"]
    ready = tmp_path / "ready"
    ready.touch()
    first = Director(d1, config(150, extra='track = ["ready"]', more=f'[tracker.ready]\nfile = "{ready}"\n')).start()
    second = Director(d2, config(100)).start()
    wait_master(d1, d2)
    ready.write_text("down\n")
    wait_master(d2, d1)
    wait_for(lambda: instance(first)["state"] == "waiting", 10, "the router is in fault")
    assert instance(first)["reason"] == "fault: ready"
    assert instance(first)["trackers"] == [{"name": "ready", "state": "down", "weight": 0}]
    wait_for(lambda: "reason=priority-zero" in second.log(), 10, "it said goodbye")
    ready.write_text("up\n")
    wait_master(d1, d2)
    ready.unlink()
    wait_master(d2, d1)


def test_a_process_that_ends_hands_over_and_one_that_starts_takes_back(cluster, tmp_path):
    d1, d2 = cluster["d1"], cluster["d2"]
    program = tmp_path / f"lt-{os.getpid()}-sleeper"  # longer than the kernel keeps
    shutil.copy("/bin/sleep", program)
    process = subprocess.Popen([program, "1000"])
    more = f'[tracker.proxy]\nprocess = "{program.name}"\ninterval = "50ms"\n'
    first = Director(d1, config(150, extra='track = ["proxy weight -60"]', more=more)).start()
    second = Director(d2, config(100)).start()
    try:
        wait_master(d1, d2)
        process.kill()
        process.wait(10)
        wait_master(d2, d1)
        wait_for(lambda: (instance(first)["effective_priority"], instance(first)["priority"]) == (90, 150), 10,
                 "the tracker's weight is shown")
        wait_for(lambda: "reason=lower-priority" in second.log(), 10, "the backup did not wait for silence")
        process = subprocess.Popen([program, "1000"])
        wait_master(d1, d2)
        first.reload(config(160, extra='track = ["proxy weight -60"]', more=more))
        assert instance(first)["effective_priority"] == 160 and instance(first)["transitions"] == 2
    finally:
        process.kill()
        process.wait(10)


def test_an_interface_is_watched_for_carrier_and_address(cluster):
    d1, d2 = cluster["d1"], cluster["d2"]
    d1.run(["ip", "link", "add", "up0", "type", "veth", "peer", "name", "up1"])
    d1.run(["ip", "link", "set", "up1", "up"])
    more = '[tracker.uplink]\ninterface = "up0"\naddress = "192.0.2.77"\n'
    first = Director(d1, config(90, extra='track = ["uplink weight 60"]', more=more)).start()
    Director(d2, config(100)).start()
    wait_master(d2, d1)
    d1.run(["ip", "link", "set", "up0", "up"])
    wait_for(lambda: instance(first)["trackers"][0]["state"] == "down", 10, "it has no address yet")
    d1.run(["ip", "addr", "add", "192.0.2.77/24", "dev", "up0"])
    wait_master(d1, d2)
    assert instance(first)["effective_priority"] == 150
    d1.run(["ip", "link", "set", "up1", "down"])  # the carrier goes
    wait_master(d2, d1)
    d1.run(["ip", "link", "set", "up1", "up"])
    wait_master(d1, d2)
    d1.run(["ip", "link", "del", "up0"])
    wait_master(d2, d1)


def test_one_router_depends_on_another(cluster):
    d1, d2 = cluster["d1"], cluster["d2"]
    other = ('[virtual_router.other]\ninterface = "eth0"\nvrid = 52\npriority = {}\nadvert_interval = "50ms"\n'
             'addresses = ["10.77.0.201/24"]\ntrack = ["web"]\n[tracker.web]\nrouter = "web"\n')
    first = Director(d1, config(150, more=other.format(50))).start()
    Director(d2, config(100, more=other.format(200))).start()
    wait_master(d1, d2)
    wait_master(d1, d2, "10.77.0.201")  # although its own priority is the lower one
    assert first.stop() == 0
    wait_master(d2, d1)
    wait_master(d2, d1, "10.77.0.201")


# ---- moving together -----------------------------------------------------------------------------------------

def test_both_families_of_a_router_move_together(cluster):
    d1, d2 = cluster["d1"], cluster["d2"]
    both = (f"{VIP}/24", f"{VIP6}/64")
    first = Director(d1, config(150, addresses=both)).start()
    second = Director(d2, config(100, addresses=both)).start()
    wait_master(d1, d2)
    wait_master(d1, d2, VIP6)
    d1.sysctl({"net.ipv6.conf.eth0.disable_ipv6": 1})  # IPv6 breaks: IPv4 has to follow
    wait_master(d2, d1)
    wait_master(d2, d1, VIP6)
    for director, priority in ((second, 100), (first, 150)):
        director.reload(config(priority, addresses=both, extra='families = "independent"'))
    wait_master(d1, d2)
    assert holds(d2, VIP6)


def test_a_group_moves_together_and_adds_its_weights(cluster, tmp_path):
    d1, d2 = cluster["d1"], cluster["d2"]
    drain = tmp_path / "drain"
    more = ('[virtual_router.inside]\ninterface = "eth0"\nvrid = 53\npriority = {}\nadvert_interval = "50ms"\n'
            'addresses = ["10.77.0.202/24"]\n{}\n[sync_group.site]\nrouters = ["web", "inside"]\n')
    tracker = f'[tracker.drain]\nfile = "{drain}"\ninvert = true\n'
    first = Director(d1, config(150, more=more.format(150, 'track = ["drain weight -80"]') + tracker)).start()
    Director(d2, config(100, more=more.format(100, ""))).start()
    wait_master(d1, d2)
    wait_master(d1, d2, "10.77.0.202")
    drain.touch()  # the priority of one of them falls, and so does that of the other
    wait_master(d2, d1)
    wait_master(d2, d1, "10.77.0.202")
    assert instance(first, "web")["effective_priority"] == 70
    drain.unlink()
    wait_master(d1, d2)
    wait_master(d1, d2, "10.77.0.202")


# ---- what a master has in the kernel -------------------------------------------------------------------------

def test_routes_rules_labels_and_other_interfaces(cluster):
    d1, d2 = cluster["d1"], cluster["d2"]
    for node in (d1, d2):
        side(node)
        node.run(["ip", "route", "add", "203.0.113.0/24", "via", "10.77.0.251", "metric", "99"])  # somebody else's
    first = Director(d1, with_everything(150)).start()
    second = Director(d2, with_everything(100)).start()
    wait_for(lambda: everything_is_there(d1), 20, "routes and rules of the master")
    wait_for(lambda: "2001:db8:77::210" in d1.addresses(), 10, "the address that was looked for first")
    shown = d1.run(["ip", "addr", "show"]).stdout
    assert "eth0:more" in shown and "198.51.100.1/24" in d1.run(["ip", "addr", "show", "dev", "side0"]).stdout
    assert nothing_is_there(d2) and not holds(d2, "198.51.100.1")
    assert "vrrp-trouble" not in first.log(), first.log()
    first.reload(with_everything(150).replace("priority = 1001", "priority = 1005"))
    wait_for(lambda: 1005 in {rule["priority"] for rule in ours(d1, "rule")}, 10, "a reload changes a rule")
    assert 1001 not in {rule["priority"] for rule in ours(d1, "rule")} and instance(first)["transitions"] == 1
    assert first.stop() == 0
    wait_for(lambda: everything_is_there(d2) and nothing_is_there(d1), 20, "all of it moved")
    assert "metric 99" in d1.run(["ip", "route", "show", "203.0.113.0/24"]).stdout, "somebody else's route is gone"
    assert second.stop() == 0
    assert nothing_is_there(d2)


def test_a_killed_run_is_cleaned_up_by_the_next_and_nothing_else_is(cluster):
    d1 = cluster["d1"]
    side(d1)
    first = Director(d1, with_everything(150)).start()
    wait_for(lambda: everything_is_there(d1), 20, "routes and rules of the master")
    d1.run(["ip", "route", "add", "203.0.113.0/25", "via", "10.77.0.250", "proto", "static"])
    d1.run(["ip", "rule", "add", "from", "10.77.0.210", "table", "4001", "priority", "1000"])
    first.kill()
    assert not nothing_is_there(d1), "SIGKILL leaves them"
    Director(d1, config(150).replace("eth0", "not-there")).start()
    wait_for(lambda: nothing_is_there(d1), 10, "the next start removes them")
    assert "203.0.113.0/25" in d1.run(["ip", "route", "show"]).stdout
    assert "lookup 4001" in d1.run(["ip", "rule", "show"]).stdout


def test_a_route_that_is_in_the_way_is_reported_and_left(cluster):
    d1 = cluster["d1"]
    d1.run(["ip", "route", "add", "203.0.113.0/24", "via", "10.77.0.251"])
    director = Director(d1, config(150, extra='routes = ["203.0.113.0/24 via 10.77.0.250"]')).start()
    wait_for(lambda: "route-add 203.0.113.0: File exists" in director.log(), 20, "it is reported")
    assert holds(d1)
    assert director.stop() == 0
    assert "10.77.0.251" in d1.run(["ip", "route", "show", "203.0.113.0/24"]).stdout


# ---- interfaces that come and go -----------------------------------------------------------------------------

def test_an_interface_that_is_renamed_or_made_anew(cluster):
    d1 = cluster["d1"]
    text = config(150, addresses=("192.0.2.100/24",)).replace("eth0", "late0")
    director = Director(d1, text).start()
    wait_for(lambda: instance(director)["reason"] == "interface", 10, "it waits for the interface")
    name = "late0"
    for _ in range(2):  # made anew it has another number
        d1.run(["ip", "link", "add", "early0", "type", "veth", "peer", "name", "early1"])
        for end in ("early0", "early1"):
            d1.run(["ip", "link", "set", end, "up"])
        d1.run(["ip", "addr", "add", "192.0.2.1/24", "dev", "early0"])
        d1.run(["ip", "link", "set", "early0", "down"])
        d1.run(["ip", "link", "set", "early0", "name", name])
        d1.run(["ip", "link", "set", name, "up"])
        wait_for(lambda: holds(d1, "192.0.2.100"), 10, "master under the name it waited for")
        d1.run(["ip", "link", "set", name, "down"])
        wait_for(lambda: instance(director)["reason"] == "link", 10, "it waits for the link")
        d1.run(["ip", "link", "set", name, "name", "other0"])
        wait_for(lambda: instance(director)["reason"] == "interface", 10, "the name is gone")
        d1.run(["ip", "link", "del", "other0"])
    assert "waiting: a tracker" not in director.log()


def test_another_interface_of_an_address_may_be_late_too(cluster):
    d1 = cluster["d1"]
    director = Director(d1, config(150, extra='excluded_addresses = ["198.51.100.1/24 dev side0"]')).start()
    wait_for(lambda: instance(director)["reason"] == "interface", 10, "it waits for the other interface")
    side(d1)
    wait_for(lambda: holds(d1) and holds(d1, "198.51.100.1"), 10, "master")
    d1.run(["ip", "link", "del", "side0"])
    wait_for(lambda: not holds(d1), 10, "it cannot serve without")
    side(d1)
    wait_for(lambda: holds(d1) and holds(d1, "198.51.100.1"), 10, "master again")


def test_a_link_local_address_that_is_not_known_to_be_unique_is_waited_for(cluster):
    d1 = cluster["d1"]
    d1.run(["ip", "link", "add", "late0", "type", "veth", "peer", "name", "late1"])
    d1.sysctl({"net.ipv6.conf.late0.accept_dad": 1, "net.ipv6.conf.late0.dad_transmits": 3})
    director = Director(d1, config(150, addresses=("2001:db8:88::100/64",)).replace("eth0", "late0")).start()
    wait_for(lambda: instance(director, family="ipv6")["reason"] == "link", 20, "it waits for the link")
    for name in ("late1", "late0"):
        d1.run(["ip", "link", "set", name, "up"])
    wait_for(lambda: instance(director, family="ipv6")["reason"] == "address", 10, "it waits for its own address")
    assert "tentative" in d1.run(["ip", "-6", "addr", "show", "dev", "late0"]).stdout
    wait_for(lambda: holds(d1, "2001:db8:88::100"), 20, "master")
    assert "waiting: a tracker" not in director.log() and "vrrp-trouble" not in director.log()


def test_a_virtual_address_that_another_host_has_is_told(cluster):
    d1, d2 = cluster["d1"], cluster["d2"]
    d1.sysctl({"net.ipv6.conf.eth0.accept_dad": 1, "net.ipv6.conf.eth0.dad_transmits": 1})
    d2.run(["ip", "addr", "add", "2001:db8:77::210/64", "dev", "eth0", "nodad"])
    director = Director(d1, config(150, addresses=(f"{VIP6}/64",), extra='excluded_addresses = ["2001:db8:77::210/64 dad"]'))
    director.start()
    wait_for(lambda: "address-add 2001:db8:77::210: Address already in use" in director.log(), 20, "it is told")
    assert instance(director, family="ipv6")["state"] == "master"


def test_lost_notifications_are_read_again(cluster):
    """A stopped process cannot read; more happens than its buffer holds, and the address is taken away among it."""
    d1 = cluster["d1"]
    director = Director(d1, config(150)).start()
    wait_for(lambda: holds(d1), 20, "master")
    director.reload(config(150, interval="40s"))  # once this is on the wire it will not be late by its own measure
    sent = [0]

    def is_quiet():
        before, sent[0] = sent[0], instance(director)["adverts_sent"]
        return before == sent[0]

    wait_for(is_quiet, 20, "the new interval was told and is kept", interval=1.5)
    batch = d1.directory / "batch"
    lines = [f"addr {verb} 10.99.{i // 250}.{i % 250 + 1}/32 dev lo" for i in range(3000) for verb in ("add", "del")]
    batch.write_text("\n".join([*lines, f"addr del {VIP}/24 dev eth0"]) + "\n")
    director.process.send(signal.SIGSTOP)
    try:
        d1.run(["ip", "-batch", str(batch)])
        assert not holds(d1)
    finally:
        director.process.send(signal.SIGCONT)
    wait_for(lambda: holds(d1), 20, "the address is back")
    wait_for(lambda: "netlink" in director.log(), 10, "the loss is in the log")
    assert instance(director)["transitions"] == 1


# ---- ways of speaking ----------------------------------------------------------------------------------------

def test_version_2_with_a_password(cluster):
    d1, d2 = cluster["d1"], cluster["d2"]
    secret = 'version = 2\npassword = "secret"'
    Director(d1, config(150, interval="1s", extra=secret)).start()
    second = Director(d2, config(100, interval="1s", extra=secret)).start()
    wait_master(d1, d2)
    second.reload(config(100, interval="1s", extra='version = 2\npassword = "wrong"'))
    wait_for(lambda: (instance(second)["ignored"] or {}).get("authentication", 0) > 0, 20, "a wrong password is counted")


def test_unicast_peers(cluster):
    d1, d2, client = cluster["d1"], cluster["d2"], cluster["c1"]
    tap = client.start("tap", ["tcpdump", "-lnei", "eth0", "proto 112"])
    wait_for(lambda: "listening" in tap.output(), 10, "tcpdump listens")
    first = Director(d1, config(150, extra=f'peers = ["{d2.address()}"]\nchecksum = "message"')).start()
    second = Director(d2, config(100, extra=f'peers = ["{d1.address()}"]\nchecksum = "message"')).start()
    wait_master(d1, d2)
    wait_for(lambda: (instance(second)["adverts_received"] or 0) > 5, 10, "adverts arrive")
    assert instance(second)["peers"][0]["address"] == d1.address()
    assert instance(second)["peers"][0]["priority"] == 150
    assert "224.0.0.18" not in tap.output()
    assert instance(first)["state"] == "master"


def test_an_owner_that_owns_nothing_is_told_so(cluster):
    director = Director(cluster["d1"], config(255)).start()
    wait_for(lambda: holds(cluster["d1"]), 10, "master at once")
    wait_for(lambda: "not-owner" in director.log(), 10, "it says so")
