# SPDX-License-Identifier: GPL-2.0-or-later
"""The alert rules on series made up for them: when they fire and when they do not."""

import json
import subprocess

from labkit.paths import ROOT

RULES = ROOT / "etc/prometheus/lvsd.rules.yml"
DEADLINE = 60


def masters(cluster, first, second):
    """One pair with a router called "web", as in every guide."""
    labels = f'job="lvsd", cluster="{cluster}", router="web", family="ipv4"'
    return [{"series": f'lvsd_vrrp_master{{{labels}, instance="{cluster}{number}"}}', "values": f"{value}x10"}
            for number, value in ((1, first), (2, second))]


def check_alerts(tmp_path, series, expected):
    """expected: alert -> the clusters it names after five minutes."""
    described = {"rule_files": [str(RULES)], "evaluation_interval": "1m", "tests": [{
        "interval": "1m", "input_series": series, "promql_expr_test": [
            {"expr": f'count by (alertname, cluster) (ALERTS{{alertstate="firing", alertname="{alert}"}})', "eval_time": "5m",
             "exp_samples": [{"labels": f'{{alertname="{alert}", cluster="{cluster}"}}', "value": 1} for cluster in clusters]}
            for alert, clusters in expected.items()]}]}
    file = tmp_path / "alerts.yml"
    file.write_text(json.dumps(described))  # JSON is YAML
    done = subprocess.run(["promtool", "test", "rules", file], capture_output=True, text=True, timeout=DEADLINE)
    assert done.returncode == 0, done.stdout + done.stderr


def test_pairs_whose_routers_have_one_name_are_told_apart(tmp_path):
    healthy = masters("east", 1, 0) + masters("west", 0, 1)
    check_alerts(tmp_path, healthy, {"LvsdTwoMasters": [], "LvsdNoMaster": []})
    check_alerts(tmp_path, masters("east", 0, 0) + masters("west", 0, 1), {"LvsdTwoMasters": [], "LvsdNoMaster": ["east"]})
    check_alerts(tmp_path, masters("east", 1, 0) + masters("west", 1, 1), {"LvsdTwoMasters": ["west"], "LvsdNoMaster": []})
