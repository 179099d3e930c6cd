# SPDX-License-Identifier: GPL-2.0-or-later
import os
import subprocess
import sys

sys.path[0] = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))

from labkit import topology  # noqa: E402 (the path comes first)
from labkit.cluster import Cluster  # noqa: E402
from labkit.demo.directors import KINDS  # noqa: E402
from labkit.demo.display import Display  # noqa: E402
from labkit.demo.story import Story  # noqa: E402
from labkit.waiting import NotInTime  # noqa: E402


def main(kind: str, keep: bool) -> int:
    with Cluster(topology.dr(directors=2, servers=3, clients=1)) as cluster:
        story = Story(cluster, KINDS[kind], Display(sys.stdout.isatty()))
        try:
            good = story.tell()
        except NotInTime as late:
            story.display.end()
            print(f"\nFAILED: {late}\n\n{cluster.logs()}", flush=True)
            good = False
        finally:
            story.watcher.stop()
        if keep:
            _shell(cluster)
        story.stop()
        return 0 if good else 1


def _shell(cluster: Cluster) -> None:
    """A shell in which the name of a node runs a command there: `d1 ip addr`."""
    startup = cluster.directory / "bashrc"
    lines = [f'{name}() {{ ip netns exec {node.namespace} "$@"; }}' for name, node in cluster.nodes.items()]
    lines += [f"lvsctl_{node.name}() {{ lvsctl --socket {node.directory}/lvsd.sock \"$@\"; }}"
              for node in cluster.with_role(topology.DIRECTOR)]
    lines.append("PS1='cluster# '")
    startup.write_text("\n".join(lines) + "\n")
    print(f"\nThe cluster runs on. A node's name runs a command in it: `d1 ip addr`, `c1 curl http://"
          f"{cluster.topology.vip}/`.\n`lvsctl_d1 status` asks a director. Files and logs: {cluster.directory}. "
          "`exit` ends everything.\n", flush=True)
    subprocess.run(["bash", "--rcfile", startup, "-i"], cwd=cluster.directory)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1], "--keep" in sys.argv[2:]))
