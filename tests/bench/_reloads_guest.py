# SPDX-License-Identifier: GPL-2.0-or-later
"""The guest's half of `tests/lab bench reloads`, and its short form for tests/vm: a director that is told to read its
configuration again and again while a client asks for pages all the time.

Every reload changes something: a weight, a server that goes and comes, another service, or nothing at all.
"""

import json
import re
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
from labkit import topology  # noqa: E402 (the path comes first)
from labkit.cluster import Cluster  # noqa: E402
from labkit.director import Director  # noqa: E402
from labkit.waiting import wait_for  # noqa: E402

CLUSTER = topology.dr(directors=1, servers=2)
PORT = 80
VARIANTS = 5


def config(cluster, number: int) -> str:
    s1, s2 = (f"{cluster[name].address()}:{PORT}" for name in ("s1", "s2"))
    weight = 2 if number % VARIANTS == 1 else 1
    second = "" if number % VARIANTS == 2 else f', "{s2}"'
    more = f"""
[virtual_service.other]
address = "{CLUSTER.vip}:8080"
servers = ["{s2}"]
""" if number % VARIANTS == 3 else ""
    return f"""
[global]
guard = 100

[virtual_router.web]
interface = "eth0"
vrid = 51
advert_interval = "100ms"
addresses = ["{CLUSTER.vip}/24"]

[virtual_service.web]
address = "{CLUSTER.vip}:{PORT}"
scheduler = "rr"
forward = "dr"
servers = [{{ address = "{s1}", weight = {weight} }}{second}]
check = {{ kind = "tcp", interval = "1s", timeout = "900ms" }}
{more}"""


def resident(pid: int) -> int:
    return int(re.search(r"^VmRSS:\s+(\d+)", Path(f"/proc/{pid}/status").read_text(), re.MULTILINE)[1])


def asked(load) -> dict:
    """What the client's last line says: all requests of its life."""
    load.stop(2)
    return json.loads(load.output().splitlines()[-1])


def measure(reloads: int, tell=lambda number: None) -> dict:
    with Cluster(CLUSTER) as cluster:
        for server in cluster.with_role(topology.SERVER):
            server.start("web", ["lab-load", "echo", "--listen", f"0.0.0.0:{PORT}", "--id", server.name])
        director = Director(cluster["d1"], config(cluster, 0)).start()
        director.wait_routers("master")
        wait_for(lambda: set(director.servers("web").values()) == {"up"}, 30, "both servers are up")
        url = f"http://{CLUSTER.vip}/"
        wait_for(lambda: cluster["c1"].run(["curl", "-sS", "-m2", url], check=False).returncode == 0, 20, "a page")
        load = cluster["c1"].start("load", ["lab-load", "http", "--to", f"{CLUSTER.vip}:{PORT}", "--rate", "50",
                                            "--concurrency", "4", "--timeout", "5s", "--report", "10s"])
        sizes = []
        for number in range(1, reloads + 1):
            director.accept(config(cluster, number))
            sizes.append(resident(director.process.pid))
            tell(number)
        summary = asked(load)
        generation = director.status()["daemon"]["config"]["generation"]
        assert generation == reloads + 1, (generation, reloads)
        assert director.stop() == 0
    return {"reloads": reloads, "ok": summary["ok"], "failed": summary["failed"],
            "resident_kib": sizes[min(len(sizes) - 1, 20)], "resident_kib_after": sizes[-1]}


def main() -> None:
    reloads = int(sys.argv[1])
    print(json.dumps(measure(reloads, lambda number: number % 100 == 0 and print(f"{number} of {reloads} reloads",
                                                                                 file=sys.stderr, flush=True))))


if __name__ == "__main__":
    main()
