# SPDX-License-Identifier: GPL-2.0-or-later
"""lvsd on a node of a cluster: its configuration, its process, its state."""

import json
import signal
from pathlib import Path

from .waiting import wait_for


class Director:
    def __init__(self, node, config: str):
        self.node = node
        self.socket = node.directory / "lvsd.sock"
        self.config = node.directory / "lvsd.toml"
        self.config.write_text(config)
        self.state = node.directory / "state"
        self.process = None

    def start(self, *options) -> "Director":
        self.process = self.node.start("lvsd", ["lvsd", "--config", self.config, "--socket", self.socket,
                                                "--state-dir", self.state, *options])
        return self

    def stop(self) -> int:
        return self.process.stop(signal.SIGTERM)

    def kill(self) -> None:
        """The daemon alone, as a crash would; what it started sees its end by itself."""
        self.process.send(signal.SIGKILL)
        self.process.popen.wait()

    def reload(self, config: str) -> None:
        """Puts a new file in place and asks for it; returns when lvsd has answered, well or not."""
        before = self.status()["daemon"]["config"]["last_attempt_us"]
        self.config.write_text(config)
        self.process.send(signal.SIGHUP)
        wait_for(lambda: self.status()["daemon"]["config"]["last_attempt_us"] > before, 20, "the reload was tried")

    def accept(self, config: str) -> None:
        """reload() of a configuration that lvsd must take."""
        self.reload(config)
        told = self.status()["daemon"]["config"]
        assert told["last_ok"], told["last_error"]

    def children(self, name: str) -> list[int]:
        """The processes of that name which lvsd started, the oldest first."""
        found = []
        for entry in Path("/proc").iterdir():
            try:
                text = (entry / "stat").read_text() if entry.name.isdigit() else ""
            except OSError:
                continue
            head, _, rest = text.rpartition(")")
            if head.endswith(f"({name}") and int(rest.split()[1]) == self.process.pid:
                found.append((int(rest.split()[19]), int(entry.name)))
        return [pid for _, pid in sorted(found)]

    def status(self) -> dict:
        done = self.node.run(["lvsctl", "--socket", self.socket, "status", "--json"], check=False)
        return json.loads(done.stdout) if done.returncode == 0 else {}

    def log(self) -> str:
        return self.process.output()

    # What is asked most, as wait_for() takes it: falsy while lvsd does not answer.

    def routers(self) -> dict:
        """State by (router, family)."""
        return {(router["name"], instance["family"]): instance["state"] for router in self.status().get("routers", [])
                for instance in router["instances"]}

    def servers(self, service: str) -> dict:
        return {server["address"]: server["state"] for each in self.status().get("services", [])
                if each["name"] == service for server in each["servers"]}

    def wait_routers(self, state: str, timeout: float = 20) -> None:
        wait_for(lambda: set(self.routers().values()) == {state}, timeout, f"all routers of {self.node.name} are {state}")

    def wait_servers(self, service: str, states: dict, timeout: float = 20) -> None:
        wait_for(lambda: self.servers(service) == states, timeout, f"the servers of {service} are {states}")
