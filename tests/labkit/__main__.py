# SPDX-License-Identifier: GPL-2.0-or-later
import os
import sys

# A shell that became root with a plain su lacks the places of ip, modprobe and depmod.
os.environ["PATH"] = os.environ.get("PATH", "") + ":/usr/local/sbin:/usr/sbin:/sbin:/usr/bin:/bin"
sys.path[0] = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))

from labkit import cli  # noqa: E402 (the path comes first)

sys.exit(cli.main(sys.argv[1:]))
