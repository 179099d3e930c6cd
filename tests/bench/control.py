# SPDX-License-Identifier: GPL-2.0-or-later
"""The control plane: engine and plan, natively, for 10,000 services with 5 servers each."""

import json
import subprocess

from labkit import build

HELP = "engine and plan of 10,000 services x 5 servers: cold, nothing changed, one service changed (milliseconds)"


def run(ctx):
    build.build("release", "engine_bench")
    done = subprocess.run([ctx.bin / "engine_bench", "10000", "5"], check=True, text=True, stdout=subprocess.PIPE)
    return [json.loads(line) for line in done.stdout.splitlines()]
