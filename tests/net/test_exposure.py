# SPDX-License-Identifier: GPL-2.0-or-later
"""How much of the machine the service can reach, by systemd's own measure; SECURITY.md explains what remains."""

import json
import re
import subprocess

from labkit.paths import BUILD, ROOT

UNIT = BUILD / "release/systemd/lvsd.service"


def analyze(*options):
    done = subprocess.run(["systemd-analyze", "security", "--offline=yes", "--no-pager", *options, UNIT],
                          stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    return done.stdout


def test_the_exposure_is_at_most_three():
    level = float(re.search(r"exposure level for lvsd.service: ([0-9.]+)", analyze())[1])
    assert level <= 3.0


def test_every_point_that_remains_is_explained_and_no_other():
    points = {item["name"] for item in json.loads(analyze("--json=short")) if item["set"] is False and item["exposure"]}
    table = (ROOT / "SECURITY.md").read_text().split("## What remains exposed")[1]
    explained = {name.replace("\\|", "|") for line in table.splitlines() if line.startswith("| `")
                 for name in re.findall(r"`([^`]+)`", line.split(" | ")[0])}
    assert points and explained == points
