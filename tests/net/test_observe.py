# SPDX-License-Identifier: GPL-2.0-or-later
"""What lvsd tells the world: the event stream and its readers, metrics, lvsctl's lists, manuals."""

import json
import os
import re
import subprocess
import tempfile
from pathlib import Path

import pytest

from labkit import topology
from labkit.director import Director
from labkit.waiting import wait_for

ROOT = Path(__file__).resolve().parents[2]
ALONE = topology.dr(directors=1, servers=0, clients=1)
DEADLINE = 30

ROUTER = f"""
[virtual_router.web]
interface = "eth0"
vrid = 51
priority = 150
advert_interval = "50ms"
addresses = ["{ALONE.vip}/24"]
"""
# Nobody listens there, and the kernel need not have IPVS: the service is down, and its check says why.
SERVICE = f"""
[virtual_service.shop]
address = "{ALONE.vip}:80"
servers = ["127.0.0.1:9", "127.0.0.1:10"]
check = {{ kind = "tcp", interval = "200ms", timeout = "100ms", rise = 1, fall = 1 }}
"""


@pytest.fixture
def node(make_cluster):
    return make_cluster(ALONE)["d1"]


def started(node, config):
    director = Director(node, config).start()
    director.wait_routers("master")
    return director


def lvsctl(director, *arguments, **options):
    return director.node.run(["lvsctl", "--socket", director.socket, *arguments], **options)


def past(director, *arguments):
    done = lvsctl(director, "watch", "--last", "8192", "--no-follow", "--json", *arguments)
    return [json.loads(line) for line in done.stdout.splitlines()]


# ---- events -------------------------------------------------------------------------------------------------


def test_the_log_and_the_stream_tell_the_same(node):
    director = started(node, ROUTER)
    events = past(director)
    assert [event["sequence"] for event in events] == list(range(1, len(events) + 1))
    names = [event["event"] for event in events]
    assert "start" in names and names.count("vrrp-state") >= 2
    master = next(event for event in events if event["to"] == "master")
    assert master["object"] == "web" and master["from"] == "backup" and master["details"]["family"] == "ipv4"
    logged = re.findall(r"^\w+ +(\S+): .* sequence=(\d+) ", director.log(), re.M)
    assert [(event["event"], str(event["sequence"])) for event in events] == logged[: len(events)]


def test_watch_follows_and_ends_with_lvsd(node):
    director = started(node, ROUTER)
    watch = node.start("watch", ["lvsctl", "--socket", director.socket, "watch", "--last", "1", "--json"])
    wait_for(lambda: watch.output().count("\n") >= 1, DEADLINE, "the last event is shown")
    director.reload(ROUTER.replace("150", "160"))
    wait_for(lambda: '"event":"reload"' in watch.output(), DEADLINE, "watch shows the reload")
    director.reload("nonsense")
    wait_for(lambda: '"event":"reload-refused"' in watch.output(), DEADLINE, "watch shows the refused one")
    director.stop()
    watch.popen.wait(timeout=DEADLINE)
    assert watch.popen.returncode == 1
    shown = [json.loads(line)["sequence"] for line in watch.output().splitlines() if line.startswith("{")]
    assert shown == list(range(shown[0], shown[0] + len(shown))), "no event is missing and none comes twice"
    assert '"event":"stop"' in watch.output()


def test_watch_filters_and_reads_well(node):
    director = started(node, ROUTER + SERVICE)
    wait_for(lambda: set(director.servers("shop").values()) == {"down"}, DEADLINE, "the servers are down")
    assert {event["event"] for event in past(director, "--event", "server-*")} == {"server-state"}
    assert {event["object"] for event in past(director, "--object", "web")} == {"web"}
    checks = past(director, "--event", "check-state")
    assert {event["object"] for event in checks} == {"tcp 127.0.0.1:9", "tcp 127.0.0.1:10"}
    assert "refused" in checks[0]["reason"]
    text = lvsctl(director, "watch", "--last", "100", "--no-follow").stdout
    assert re.search(r"^\d{4}-\d\d-\d\d \d\d:\d\d:\d\d\.\d{3} +\d+  warning  server-state +127.0.0.1:9 is down from=starting "
                     r"service=shop", text, re.M), text


# ---- lvsctl's lists -----------------------------------------------------------------------------------------


def test_lists(node):
    director = started(node, ROUTER + SERVICE)
    wait_for(lambda: set(director.servers("shop").values()) == {"down"}, DEADLINE, "the servers are down")
    rows = json.loads(lvsctl(director, "servers", "--down", "--json").stdout)
    assert [(row["service"], row["address"], row["state"]) for row in rows] == \
        [("shop", "127.0.0.1:9", "down"), ("shop", "127.0.0.1:10", "down")]
    assert json.loads(lvsctl(director, "servers", "--service", "x*", "--json").stdout) == []
    assert [row["server"] for row in json.loads(lvsctl(director, "checks", "--server", "*:9", "--json").stdout)] == \
        ["127.0.0.1:9"]
    assert json.loads(lvsctl(director, "routers", "--json").stdout)[0]["router"] == "web"
    assert json.loads(lvsctl(director, "services", "--state", "down", "--json").stdout)[0]["name"] == "shop"
    assert json.loads(lvsctl(director, "version", "--json").stdout)["lvsd"]
    assert "shop" in lvsctl(director, "services").stdout and "127.0.0.1:9 " in lvsctl(director, "servers").stdout
    assert lvsctl(director, "servers", "--state", "sleepy", check=False).returncode == 2


def test_config_check(node):
    good, bad = node.directory / "good.toml", node.directory / "bad.toml"
    good.write_text(ROUTER)
    bad.write_text("[virtual_router.web]\nvrid = 300\n")
    done = node.run(["lvsctl", "config", "check", good, "--json"])
    assert json.loads(done.stdout) == {"file": str(good), "valid": True, "routers": 1, "services": 0, "diagnostics": []}
    done = node.run(["lvsctl", "config", "check", bad], check=False)
    assert done.returncode == 1 and f"{bad}:2:8: " in done.stderr
    done = node.run(["lvsctl", "config", "check", bad, "--json"], check=False)
    problems = json.loads(done.stdout)["diagnostics"]
    assert done.returncode == 1 and {"line": 2, "column": 8} in [{k: p[k] for k in ("line", "column")} for p in problems]


# ---- metrics ------------------------------------------------------------------------------------------------


def scrape(node, socket, accept="text/plain"):
    return node.run(["curl", "-sS", "--fail", "--max-time", "20", "--unix-socket", socket, "-H", f"Accept: {accept}",
                     "http://lvsd/metrics"]).stdout


def metrics_config(socket):
    return ROUTER + SERVICE + f'[metrics]\nlisten = "{socket}"\n'


def test_metrics_pass_promtool_and_hold_what_happens(node):
    socket = node.directory / "metrics.sock"
    director = started(node, metrics_config(socket))
    wait_for(lambda: set(director.servers("shop").values()) == {"down"}, DEADLINE, "the servers are down")
    text = scrape(node, socket)
    done = subprocess.run(["promtool", "check", "metrics"], input=text, capture_output=True, text=True, timeout=DEADLINE)
    assert done.returncode == 0 and done.stderr == "", done.stderr
    for line in ('lvsd_vrrp_master{router="web",family="ipv4"} 1', 'lvsd_service_up{service="shop"} 0',
                 'lvsd_server_state{service="shop",server="127.0.0.1:9",state="down"} 1',
                 'lvsd_check_up{service="shop",server="127.0.0.1:10",kind="tcp",target="127.0.0.1:10",check="1"} 0'):
        assert line in text.splitlines(), line
    counted = int(re.search(r'^lvsd_events_total\{event="server-state"\} (\d+)$', text, re.M)[1])
    assert counted == len(past(director, "--event", "server-state"))
    wait_for(lambda: re.search(r'^lvsd_check_duration_seconds_count\{kind="tcp"\} [1-9]', scrape(node, socket), re.M),
             DEADLINE, "checks are measured")
    measured = scrape(node, socket)
    assert re.search(r'^lvsd_check_duration_seconds_bucket\{kind="tcp",le="[0-9.]+"\} [1-9]', measured, re.M)
    for which in ("p50", "p99", "max"):
        lag = float(re.search(rf'^lvsd_check_lag_seconds\{{which="{which}"\}} (\S+)$', measured, re.M)[1])
        assert 0 <= lag < DEADLINE, which
    assert scrape(node, socket, "application/openmetrics-text; version=1.0.0").endswith("\n# EOF\n")


def test_a_reload_moves_the_metrics(node):
    first, second = node.directory / "first.sock", node.directory / "second.sock"
    director = started(node, metrics_config(first))
    assert "lvsd_build_info" in scrape(node, first)
    director.reload(metrics_config(second))
    assert "lvsd_build_info" in scrape(node, second)
    assert not first.exists()
    director.reload(metrics_config(node.directory / "no folder" / "x.sock"))
    told = [event["event"] for event in past(director) if event["event"] in ("metrics-failed", "reload")]
    assert told[-2:] == ["metrics-failed", "reload"], "a place that cannot be listened on refuses no configuration"
    director.reload(metrics_config("127.0.0.1:9107"))
    assert "lvsd_build_info" in node.run(["curl", "-sS", "--max-time", "20", "http://127.0.0.1:9107/metrics"]).stdout
    director.stop()
    assert not second.exists()


def names_in(text):
    return set(re.findall(r"\blvsd_[a-z_]+\b", text))


def test_dashboard_and_alerts_use_what_there_is(node):
    """Every metric named in them is in a real scrape; promtool accepts the rules."""
    socket = node.directory / "metrics.sock"
    director = started(node, metrics_config(socket))
    wait_for(lambda: set(director.servers("shop").values()) == {"down"}, DEADLINE, "the servers are down")
    rules = ROOT / "etc/prometheus/lvsd.rules.yml"
    done = subprocess.run(["promtool", "check", "rules", rules], capture_output=True, text=True, timeout=DEADLINE)
    assert done.returncode == 0, done.stdout + done.stderr
    scraped = {line.split()[2] for line in scrape(node, socket).splitlines() if line.startswith("# TYPE")}
    scraped |= {name + suffix for name in scraped for suffix in ("_bucket", "_sum", "_count")}
    dashboard = json.loads((ROOT / "etc/grafana/lvsd.json").read_text())
    asked = " ".join(target["expr"] for panel in dashboard["panels"] for target in panel.get("targets", []))
    asked += " ".join(variable["query"] for variable in dashboard["templating"]["list"])
    for name in names_in(asked) | names_in(re.sub(r"#.*", "", rules.read_text())):
        assert name in scraped, name
    assert len(names_in(asked)) > 20


# ---- manuals ------------------------------------------------------------------------------------------------


def test_manuals_are_sound(node):
    page = node.directory / "lvsd.toml.5"
    page.write_text(node.run(["lvsd", "--print-manual"]).stdout)
    for path in (page, ROOT / "etc/man/lvsctl.1", ROOT / "etc/man/lvsd.8"):
        done = subprocess.run(["mandoc", "-T", "lint", "-W", "warning", path], capture_output=True, text=True)
        assert done.stdout == "", done.stdout
        text = subprocess.run(["mandoc", "-T", "utf8", path], capture_output=True, text=True, check=True).stdout
        assert "SEE ALSO" in re.sub(".\b", "", text)
    text = re.sub(".\b", "", subprocess.run(["mandoc", "-T", "utf8", page], capture_output=True, text=True).stdout)
    for key in ("advert_interval", "LVSD_SEQUENCE", "reconcile_interval", "listen"):
        assert key in text


# ---- the journal --------------------------------------------------------------------------------------------


def test_the_catalog_is_accepted_by_journalctl(node):
    """A real journal is in vm/test_systemd.py."""
    folder = node.directory / "usr/lib/systemd/catalog"
    folder.mkdir(parents=True)
    (node.directory / "var/lib/systemd/catalog").mkdir(parents=True)
    (folder / "lvsd.catalog").write_text((ROOT / "systemd/lvsd.catalog").read_text())
    node.run(["journalctl", f"--root={node.directory}", "--update-catalog"])
    listed = node.run(["journalctl", f"--root={node.directory}", "--list-catalog"]).stdout
    events = re.findall(r'EventId \w+\{"([^"]+)", "([0-9a-f]+)"\}', (ROOT / "lvsd/base/messages.hpp").read_text())
    assert {(uuid, name) for name, uuid in events} == set(re.findall(r"^([0-9a-f]{32}) lvsd: (\S+)$", listed, re.M))


# ---- notify scripts -----------------------------------------------------------------------------------------


@pytest.fixture
def shared():
    """A folder everybody may write to: scripts run as nobody."""
    with tempfile.TemporaryDirectory(prefix="lvsd-notify.") as folder:
        os.chmod(folder, 0o1777)
        yield Path(folder)


def notify_config(folder, own="true", timeout="10s"):
    everything = f"echo $LVSD_SEQUENCE $LVSD_EVENT $LVSD_OBJECT $LVSD_TO >> {folder}/all"
    router = ROUTER.rstrip() + f'\nnotify = ["/bin/sh", "-c", "{own}", "name", "an argument"]\n'
    return f'[notify]\nuser = "nobody"\ntimeout = "{timeout}"\ncommand = ["/bin/sh", "-c", "{everything}"]\n' + router


def lines(path):
    return path.read_text().splitlines() if path.exists() else []


def test_notify_scripts_run_in_order_as_nobody(node, shared):
    own = f"echo $(id -un) $1 $LVSD_FROM-$LVSD_TO $LVSD_PRIORITY $LVSD_FAMILY >> {shared}/own"
    director = started(node, notify_config(shared, own))
    wait_for(lambda: any("-master" in line for line in lines(shared / "own")), DEADLINE, "the script was told of the master")
    assert lines(shared / "own")[-1] == "nobody an argument backup-master 150 ipv4"
    for priority in (160, 170, 180):
        director.reload(notify_config(shared, own).replace("150", str(priority)))
    wait_for(lambda: sum("reload" in line for line in lines(shared / "all")) == 3, DEADLINE, "all reloads were told")
    assert director.stop() == 0
    assert any(" stop" in line for line in lines(shared / "all")), "the stop is told too"
    for wanted in ("vrrp-state", "reload"):  # of one object: in order
        numbers = [int(line.split()[0]) for line in lines(shared / "all") if f" {wanted}" in line]
        assert numbers == sorted(numbers) and len(numbers) >= 2


def test_a_hung_script_holds_nothing_up(node, shared):
    director = started(node, notify_config(shared, "sleep 1000", timeout="1s"))
    wait_for(lambda: "notify-failed" in [event["event"] for event in past(director)], DEADLINE, "the timeout is told")
    failed = past(director, "--event", "notify-failed")[0]
    assert "killed" in failed["message"] and failed["details"]["program"] == "/bin/sh"
    assert director.routers() == {("web", "ipv4"): "master"}
    wait_for(lambda: any(" vrrp-state web master" in line for line in lines(shared / "all")), DEADLINE,
             "the script for everything is run after the one that hangs")
    assert director.stop() == 0
