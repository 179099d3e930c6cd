# SPDX-License-Identifier: GPL-2.0-or-later
"""What runs on the directors: lvsd, or keepalived to compare with. Each kind writes the configuration, starts the
daemon and reads its state; the story knows neither."""

import json
import signal
import threading
import time
from dataclasses import dataclass, field

from ..dbus_peer import Peer
from ..topology import SERVER

ADVERT_MS = 100
CHECK_INTERVAL_S = 1.0
CHECK_TIMEOUT_S = 0.5
FALL = 2
PORT = 80

# Object, interface and method of lvsd/dbus/api.md.
DESCRIBE = ("/org/linuxvirtualserver/Lvsd1", "org.linuxvirtualserver.Lvsd1.Manager", "Describe")


@dataclass(frozen=True)
class View:
    """What one director says of itself."""

    role: str = "dead"  # master, backup, or what else it says; dead: it says nothing
    servers: dict = field(default_factory=dict)  # name of the server: "up", "down"...


class Lvsd:
    name = "lvsd"

    def __init__(self, cluster, node, priority: int):
        self.cluster = cluster
        self.node = node
        self.priority = priority
        self.socket = node.directory / "lvsd.sock"
        self.peer: Peer | None = None
        self.by_address = {f"{server.address()}:{PORT}": server.name for server in cluster.with_role(SERVER)}
        (node.directory / "lvsd.toml").write_text(self._config())

    def _config(self) -> str:
        vip = self.cluster.topology.vip
        servers = ", ".join(f'"{address}"' for address in self.by_address)
        return f"""\
[virtual_router.web]
interface = "eth0"
vrid = 51
priority = {self.priority}
advert_interval = "{ADVERT_MS}ms"
addresses = ["{vip}/24"]

[virtual_service.web]
address = "{vip}:{PORT}"
scheduler = "rr"
forward = "dr"
on_failure = "weight0"
servers = [{servers}]
check = {{ kind = "http", path = "/healthz", interval = "{CHECK_INTERVAL_S:g}s", \
timeout = "{CHECK_TIMEOUT_S * 1000:g}ms", rise = 1, fall = {FALL} }}
"""

    def start(self) -> None:
        state = self.node.directory / "state"
        state.mkdir(exist_ok=True)
        self.node.start("lvsd", ["lvsd", "--config", self.node.directory / "lvsd.toml", "--socket", self.socket,
                                 "--state-dir", state])

    def stop(self) -> None:
        for process in self.node.processes:
            if process.alive():
                process.stop(signal.SIGTERM)

    def view(self) -> View:
        try:
            if self.peer is None:
                self.peer = Peer(self.socket)
            return self.parse(self.peer.call(*DESCRIBE))
        except OSError:  # it is not there, or went away
            self.peer = None
            return View()

    def parse(self, text: str) -> View:
        """What `lvsctl status --json` shows too. The members used are those of lvsd/dbus/api.md, "The JSON of Describe()"."""
        state = json.loads(text)
        roles = [instance["state"] for router in state["routers"] for instance in router["instances"]]
        servers = {self.by_address.get(server["address"], server["address"]): server["state"]
                   for service in state["services"] for server in service["servers"] if not server["is_sorry"]}
        return View(roles[0] if roles else "unknown", servers)


class Keepalived:
    """The same cluster with keepalived; it has no status to ask for, so the kernel is asked."""

    name = "keepalived"

    def __init__(self, cluster, node, priority: int):
        self.cluster = cluster
        self.node = node
        self.priority = priority
        self.by_address = {f"{server.address()}:{PORT}": server.name for server in cluster.with_role(SERVER)}
        (node.directory / "keepalived.conf").write_text(self._config())

    def _config(self) -> str:
        vip = self.cluster.topology.vip
        servers = "\n".join(f"""  real_server {address.replace(':', ' ')} {{
    HTTP_GET {{
      url {{
        path /healthz
        status_code 200
      }}
      connect_timeout {CHECK_TIMEOUT_S:g}
      retry {FALL - 1}
      delay_before_retry {CHECK_INTERVAL_S:g}
    }}
  }}""" for address in self.by_address)
        return f"""\
global_defs {{
  vrrp_version 3
}}
vrrp_instance web {{
  interface eth0
  virtual_router_id 51
  priority {self.priority}
  advert_int {ADVERT_MS / 1000:g}
  virtual_ipaddress {{
    {vip}/24
  }}
}}
virtual_server {vip} {PORT} {{
  delay_loop {CHECK_INTERVAL_S:g}
  lb_algo rr
  lb_kind DR
  protocol TCP
  inhibit_on_failure
{servers}
}}
"""

    def start(self) -> None:
        directory = self.node.directory
        pids = [word for option in ("-p", "-r", "-c") for word in (option, directory / f"pid{option}")]
        self.node.start("keepalived", ["keepalived", "-n", "-l", "-f", directory / "keepalived.conf", *pids])

    def stop(self) -> None:
        self.node.kill_all()

    def view(self) -> View:
        if not any(process.alive() for process in self.node.processes):
            return View()
        role = "master" if self.cluster.topology.vip in self.node.addresses() else "backup"
        table = self.node.run(["ipvsadm", "-Sn"]).stdout
        servers = {}
        for line in table.splitlines():
            words = line.split()
            if words and words[0] == "-a":
                weight = int(words[words.index("-w") + 1])
                servers[self.by_address[words[words.index("-r") + 1]]] = "up" if weight > 0 else "down"
        return View(role, servers)


KINDS = {kind.name: kind for kind in (Lvsd, Keepalived)}


class Watcher:
    """Asks all directors for their state a few times a second, in a thread: asking costs time under emulation."""

    PERIOD_S = 0.2

    def __init__(self, directors):
        self.directors = directors
        self.views = {director.node.name: View() for director in directors}
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._watch, daemon=True)
        self._thread.start()

    def stop(self) -> None:
        self._stopped.set()
        self._thread.join()

    def masters(self) -> list[str]:
        return [name for name, view in self.views.items() if view.role == "master"]

    def _watch(self) -> None:
        while not self._stopped.is_set():
            for director in self.directors:
                try:
                    self.views[director.node.name] = director.view()
                except (OSError, ValueError, KeyError, AssertionError):
                    self.views[director.node.name] = View(role="unknown")
            time.sleep(self.PERIOD_S)
