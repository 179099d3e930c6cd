# SPDX-License-Identifier: GPL-2.0-or-later
"""Plan, apply and overrides on a running daemon; what needs no IPVS in the kernel."""

import json

import pytest

from labkit import topology
from labkit.director import Director
from labkit.routers import router
from labkit.waiting import wait_for

ONE = topology.dr(directors=1, servers=0, clients=0)


def config(servers, weight=1, extra=""):
    listed = ", ".join(f'{{ address = "10.0.0.{number}:80", weight = {weight} }}' for number in servers)
    return f"""
[virtual_service.web]
address = "192.0.2.10:80"
servers = [{listed}]
{extra}"""


@pytest.fixture
def node(make_cluster):
    return make_cluster(ONE)["d1"]


@pytest.fixture
def director(node):
    return started(Director(node, config(range(1, 6))))


def started(director):
    director.start()
    wait_for(lambda: director.status().get("services"), 20, "lvsd answers")
    return director


def ctl(director, *words, check=True):
    done = director.node.run(["lvsctl", "--socket", director.socket, *words], check=False)
    if check:
        assert done.returncode == 0, done.stderr
    return done


def servers(director):
    return {server["address"]: server for server in director.status()["services"][0]["servers"]}


def test_a_plan_tells_and_an_apply_does(director, tmp_path):
    assert ctl(director, "plan").stdout == "Nothing would change.\n"
    next_file = tmp_path / "next.toml"
    next_file.write_text(config((1, 2, 3, 4, 6)))
    plan = ctl(director, "plan", str(next_file), check=False)
    assert plan.returncode == 2
    assert "+ server 10.0.0.6:80 of web" in plan.stdout and "- server 10.0.0.5:80 of web" in plan.stdout
    assert "10.0.0.6:80" not in servers(director)
    as_json = json.loads(ctl(director, "plan", "--json", str(next_file), check=False).stdout)
    assert as_json["changes"] and as_json["servers_removed"] == 1
    ctl(director, "apply", str(next_file))
    assert "10.0.0.6:80" in servers(director)
    assert ctl(director, "plan", str(next_file)).returncode == 0


def test_an_invalid_file_changes_nothing(director, tmp_path):
    generation = director.status()["daemon"]["config"]["generation"]
    broken = tmp_path / "broken.toml"
    broken.write_text(config(range(1, 6))[:-30])
    for command in ("plan", "apply"):
        done = ctl(director, command, str(broken), check=False)
        assert done.returncode == 1 and "broken.toml:" in done.stderr
    assert director.status()["daemon"]["config"]["generation"] == generation


def test_the_guard_waits_for_force(director, tmp_path):
    few = tmp_path / "few.toml"
    few.write_text(config((1,)))
    plan = ctl(director, "plan", str(few), check=False)
    assert plan.returncode == 2 and "--force" in plan.stdout
    done = ctl(director, "apply", str(few), check=False)
    assert done.returncode == 1 and "guard" in done.stderr
    assert len(servers(director)) == 5
    assert not director.status()["daemon"]["config"]["last_ok"]
    ctl(director, "apply", "--force", str(few))
    wait_for(lambda: servers(director)["10.0.0.1:80"]["state"] == "up", 10, "the one that stays is up")


def test_overrides_hold_over_a_kill_and_expire(director, node):
    ctl(director, "disable", "web/10.0.0.1:80", "--reason", "broken disk")
    ctl(director, "weight", "10.0.0.2", "7")
    ctl(director, "maintenance", "10.0.0.3:80", "--timeout", "1h")
    assert servers(director)["10.0.0.1:80"]["reason"] == "disabled: broken disk"
    assert servers(director)["10.0.0.2:80"]["effective_weight"] == 7
    director.kill()
    started(director)
    assert servers(director)["10.0.0.1:80"]["reason"] == "disabled: broken disk"
    assert servers(director)["10.0.0.2:80"]["effective_weight"] == 7
    assert servers(director)["10.0.0.3:80"]["state"] == "maintenance"
    ctl(director, "enable", "10.0.0.1")
    ctl(director, "weight", "web/10.0.0.2:80", "reset")
    assert servers(director)["10.0.0.1:80"]["state"] == "up"
    assert servers(director)["10.0.0.2:80"]["effective_weight"] == 1
    ctl(director, "disable", "10.0.0.4", "--for", "300ms")
    wait_for(lambda: servers(director)["10.0.0.4:80"]["state"] == "up", 20, "the override expired")
    assert "the override of" in director.log()


ROUTERS = "".join(router(name, vrid, [f"192.0.2.{vrid - 31}/24"])
                  for name, vrid in (("outside", 51), ("inside", 52), ("other", 53))) + """
[sync_group.both]
routers = ["outside", "inside"]
"""


def roles(director):
    return {name: role for (name, _family), role in director.routers().items()}


def test_a_hold_is_kept_over_restarts_until_it_is_taken_back(node):
    director = Director(node, ROUTERS)
    director.start()
    masters = dict.fromkeys(("outside", "inside", "other"), "master")
    held = masters | {"outside": "backup", "inside": "backup"}
    wait_for(lambda: roles(director) == masters, 20, "the only director is master of all")
    assert ctl(director, "hold", "outside").stdout == "hold: outside\n"
    wait_for(lambda: roles(director) == held, 20, "a group is held as one")
    director.kill()
    told = len(director.log())
    director.start()
    wait_for(lambda: roles(director) == held, 20, "it is held again, and the other one is not")
    log = director.log()[told:]
    assert "outside: hold" in log and "inside: hold" in log and "other: hold" not in log
    assert "other is master" in log and "outside is master" not in log and "inside is master" not in log
    assert ctl(director, "release", "inside").returncode == 0
    wait_for(lambda: roles(director) == masters, 20, "released as one")
    director.kill()
    director.start()
    wait_for(lambda: roles(director) == masters, 20, "nothing is held any more")
    done = ctl(director, "release", "nobody", check=False)
    assert done.returncode == 1 and "there is no virtual router nobody" in done.stderr


def test_what_is_wrong_is_said(director):
    done = ctl(director, "drain", "10.9.9.9", check=False)
    assert done.returncode == 1 and "there is no server 10.9.9.9" in done.stderr
    assert ctl(director, "weight", "10.0.0.1", "70000", check=False).returncode == 2
    assert ctl(director, "drain", "10.0.0.1", "--timeout", "soon", check=False).returncode == 2
