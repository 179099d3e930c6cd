# SPDX-License-Identifier: GPL-2.0-or-later
import os
import sys

sys.path[0] = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))

from labkit import cli  # noqa: E402 (the path comes first)

sys.exit(cli.main(sys.argv[1:]))
