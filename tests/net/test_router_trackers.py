# SPDX-License-Identifier: GPL-2.0-or-later
"""Script trackers, delays, and trackers that come with a reload, in the whole daemon."""

import os
import signal
import tempfile
import time
from pathlib import Path

import pytest

from labkit.director import Director
from labkit.routers import DIRECTORS, VIP, config, holds, instance, wait_master
from labkit.waiting import wait_for

LAB = {"when": "whole"}


@pytest.fixture
def cluster(make_cluster):
    return make_cluster(DIRECTORS)


@pytest.fixture
def shared():
    """A folder everybody may write to: scripts run without privileges."""
    with tempfile.TemporaryDirectory(prefix="lvsd-tracker.") as folder:
        os.chmod(folder, 0o1777)
        yield Path(folder)


def script(folder, name="ready", body="exit $(cat verdict)", **keys):
    """A tracker whose script notes each run in a file and ends as another file says."""
    text = f"cd {folder}; id -un >> runs; {body}"
    more = "".join(f"{key} = {value}\n" for key, value in keys.items())
    return f'[tracker.{name}]\nscript = ["/bin/sh", "-c", "{text}"]\ninterval = "1s"\ntimeout = "1s"\n{more}'


def say(folder, verdict):
    (folder / "new").write_text(f"{verdict}\n")
    os.rename(folder / "new", folder / "verdict")


def runs(folder):
    return (folder / "runs").read_text().split() if (folder / "runs").exists() else []


def tracker(director):
    return (instance(director)["trackers"] or [{}])[0].get("state")


# ---- scripts -------------------------------------------------------------------------------------------------

def test_a_script_without_privileges_decides(cluster, shared):
    d1, d2 = cluster["d1"], cluster["d2"]
    say(shared, 0)
    first = Director(d1, config(150, extra='track = ["ready weight -60"]', more=script(shared))).start()
    Director(d2, config(100)).start()
    wait_master(d1, d2)
    assert set(runs(shared)) <= {"lvsd-checker", "nobody"}
    say(shared, 1)
    wait_master(d2, d1)
    assert instance(first)["effective_priority"] == 90
    say(shared, 0)
    wait_master(d1, d2)
    say(shared, "nothing")  # for the shell that is a mistake
    wait_master(d2, d1)


def test_rise_and_fall_count_results_in_a_row(cluster, shared):
    """The script itself alternates: never two failures in a row are no failure."""
    d1 = cluster["d1"]
    body = 'if [ -e odd ]; then rm odd; exit 1; fi; touch odd; exit 0'
    director = Director(d1, config(150, extra='track = ["ready"]', more=script(shared, body=body, fall=2))).start()
    wait_for(lambda: holds(d1), 20, "the first result decides at once")
    before = len(runs(shared))
    wait_for(lambda: len(runs(shared)) > before + 10, 20, "ten more runs")
    assert tracker(director) == "up" and instance(director)["transitions"] == 1


def test_a_reload_does_not_begin_the_count_anew(cluster, shared):
    """fall = 1000: one failure after each reload must not decide."""
    d1 = cluster["d1"]
    say(shared, 0)
    text = config(150, extra='track = ["ready"]', more=script(shared, fall=1000))
    director = Director(d1, text).start()
    wait_for(lambda: holds(d1), 20, "master")
    say(shared, 1)
    for number in range(5):
        before = len(runs(shared))
        director.reload(text.replace("priority = 150", f"priority = {151 + number}"))
        wait_for(lambda: len(runs(shared)) > before + 2, 20, "the script goes on")
    assert tracker(director) == "up" and instance(director)["transitions"] == 1


def test_a_script_that_hangs_is_bad_news_and_is_killed(cluster, shared):
    d1, d2 = cluster["d1"], cluster["d2"]
    say(shared, 0)
    body = "[ -e hang ] && exec sleep 1000; exit $(cat verdict)"
    text = script(shared, body=body)
    Director(d1, config(150, extra='track = ["ready"]', more=text)).start()
    Director(d2, config(100)).start()
    wait_master(d1, d2)
    (shared / "hang").touch()
    wait_master(d2, d1)
    (shared / "hang").unlink()
    wait_master(d1, d2)


def test_a_script_that_cannot_be_started_is_bad_news(cluster):
    d1 = cluster["d1"]
    more = '[tracker.ready]\nscript = ["/not/there"]\ninterval = "1s"\ntimeout = "1s"\n'
    director = Director(d1, config(150, extra='track = ["ready"]', more=more)).start()
    wait_for(lambda: instance(director)["reason"] == "fault: ready", 20, "in fault")
    assert not holds(d1)


def test_a_runner_that_is_killed_is_no_news(cluster, shared):
    """What is tracked is well; only that could not be found out once."""
    d1 = cluster["d1"]
    say(shared, 0)
    body = "[ -e hold ] && touch held && exec sleep 1000; exit $(cat verdict)"
    more = script(shared, body=body).replace('= "1s"', '= "5s"')
    director = Director(d1, config(150, extra='track = ["ready"]', more=more)).start()
    wait_for(lambda: holds(d1), 20, "master")
    runner, = director.children("lvsd-runner")
    (shared / "hold").touch()
    wait_for((shared / "held").exists, 20, "a run is under way")
    os.kill(runner, signal.SIGKILL)
    (shared / "hold").unlink()
    before = len(runs(shared))
    wait_for(lambda: len(runs(shared)) > before, 20, "the script goes on")
    assert tracker(director) == "up" and "from=master" not in director.log()
    say(shared, 1)
    wait_for(lambda: instance(director)["reason"] == "fault: ready", 20, "it still decides")


# ---- delays --------------------------------------------------------------------------------------------------

def filed(folder, **keys):
    more = "".join(f'{key} = "{value}"\n' for key, value in keys.items())
    return f'[tracker.ready]\nfile = "{folder / "file"}"\n{more}'


def test_a_change_is_believed_after_its_delay(cluster, tmp_path):
    d1, d2 = cluster["d1"], cluster["d2"]
    file = tmp_path / "file"
    file.write_text("up\n")
    Director(d1, config(150, extra='track = ["ready"]', more=filed(tmp_path, down_delay="700ms", up_delay="900ms"))).start()
    Director(d2, config(100)).start()
    wait_master(d1, d2)
    for word, winner, loser, delay in (("down", d2, d1, 0.7), ("up", d1, d2, 0.9)):
        start = time.monotonic()
        file.write_text(f"{word}\n")
        wait_for(lambda: holds(winner), 20, f"{winner.name} is master")
        assert time.monotonic() - start >= delay
        wait_master(winner, loser)


def test_what_passes_within_the_delay_did_not_happen(cluster, tmp_path):
    d1 = cluster["d1"]
    file = tmp_path / "file"
    file.write_text("up\n")
    text = config(150, extra='track = ["ready"]', more=filed(tmp_path, down_delay="20s"))
    director = Director(d1, text).start()
    wait_for(lambda: holds(d1), 20, "master")
    for number in range(3):
        file.write_text("down\n")
        wait_for(lambda: instance(director)["state"] == "master", 10, "it goes on")
        file.write_text("up\n")
    director.reload(text.replace("priority = 150", "priority = 160"))
    assert tracker(director) == "up" and instance(director)["transitions"] == 1


def test_a_start_up_delay_keeps_it_silent(cluster):
    d1 = cluster["d1"]
    start = time.monotonic()
    director = Director(d1, config(150, extra='startup_delay = "1500ms"')).start()
    wait_for(lambda: instance(director)["state"] == "initialize", 20, "it runs and says nothing")
    assert instance(director)["adverts_sent"] == 0
    wait_for(lambda: holds(d1), 20, "master")
    assert time.monotonic() - start >= 1.5


def test_a_preempt_delay_leaves_a_lower_master_in_place_for_a_while(cluster):
    d1, d2 = cluster["d1"], cluster["d2"]
    Director(d2, config(100)).start()
    wait_for(lambda: holds(d2), 20, "the lower one is master")
    first = Director(d1, config(150, extra='preempt_delay = "1500ms"')).start()
    wait_for(lambda: instance(first)["state"] == "backup", 20, "the higher one listens")
    start = time.monotonic()
    wait_master(d1, d2)
    assert time.monotonic() - start >= 1.0, "it was tolerated meanwhile"
    assert instance(first)["transitions"] == 1


# ---- reloads -------------------------------------------------------------------------------------------------

def test_a_tracker_that_comes_with_a_reload_moves_nothing_before_it_speaks(cluster, shared):
    d1, d2 = cluster["d1"], cluster["d2"]
    first = Director(d1, config(150)).start()
    Director(d2, config(100)).start()
    wait_master(d1, d2)
    say(shared, 0)
    (shared / "file").write_text("up\n")
    slow = script(shared, name="slow", body="sleep 1; exit $(cat verdict)").replace('"1s"', '"3s"')
    more = slow + filed(shared) + '[tracker.proxy]\nprocess = "lvsd"\n'
    first.reload(config(150, extra='track = ["slow", "ready", "proxy"]', more=more))
    wait_for(lambda: {each["state"] for each in instance(first)["trackers"] or []} == {"up"}, 20, "all have spoken")
    assert instance(first)["transitions"] == 1 and holds(d1)
    first.reload(config(150, extra='track = ["slow", "ready", "proxy"]', more=more + 'up_delay = "5s"\n'))
    wait_for(lambda: {each["state"] for each in instance(first)["trackers"] or []} == {"up"}, 20, "still up")
    assert instance(first)["transitions"] == 1 and holds(d1)
    say(shared, 1)
    wait_master(d2, d1)


def test_a_tracker_that_has_not_spoken_keeps_a_router_from_starting(cluster, shared):
    d1 = cluster["d1"]
    say(shared, 0)
    body = "while ! [ -e go ]; do sleep 0.05; done; exit 0"
    text = script(shared, body=body).replace('"1s"', '"60s"')
    director = Director(d1, config(150, extra='track = ["ready"]', more=text)).start()
    wait_for(lambda: instance(director)["reason"] == "fault: ready", 20, "it waits")
    assert not holds(d1) and tracker(director) == "unknown"
    (shared / "go").touch()
    wait_for(lambda: holds(d1), 20, "master")
