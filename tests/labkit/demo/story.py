# SPDX-License-Identifier: GPL-2.0-or-later
"""What happens in the demo, in order, and what must be seen for it to count as a success."""

import time
from dataclasses import dataclass

from ..topology import DIRECTOR, SERVER
from ..waiting import NotInTime
from .directors import CHECK_INTERVAL_S, CHECK_TIMEOUT_S, FALL, PORT, Watcher
from .load import Load

# Killing the master may cost this long without a completed request.
TAKEOVER_LIMIT_MS = 600
# A dead server may get new requests this long: until the last check that still counts has timed out.
DEAD_SERVER_LIMIT_S = CHECK_INTERVAL_S * FALL + CHECK_TIMEOUT_S + 1.0
OBSERVED_AFTER_S = 2.0  # how long a dead server is watched for requests after that
CALM_S = 10.0
PRIORITIES = (150, 100)


@dataclass(frozen=True)
class Check:
    what: str
    measured: str
    good: bool


class Story:
    def __init__(self, cluster, kind, display):
        self.cluster = cluster
        self.display = display
        self.directors = {node.name: kind(cluster, node, priority)
                          for node, priority in zip(cluster.with_role(DIRECTOR), PRIORITIES)}
        self.servers = [node.name for node in cluster.with_role(SERVER)]
        self.watcher = Watcher(list(self.directors.values()))
        self.load: Load | None = None
        self.checks: list[Check] = []
        self.events: list[tuple[float, str]] = []

    def tell(self) -> bool:
        """Returns whether everything that must be seen was seen. Raises NotInTime when the story cannot go on."""
        self._begin()
        self._lose_server("s2")
        self._lose_master("d1", "d2")
        self._calm()
        self.load.stop()
        self.display.end()
        self._sum_up()
        return all(check.good for check in self.checks)

    def stop(self) -> None:
        for director in self.directors.values():
            director.stop()

    # --- the chapters

    def _begin(self) -> None:
        vip = f"{self.cluster.topology.vip}:{PORT}"
        self._event(f"two directors, three web servers, one client asking http://{vip}/ {Load.RATE} times a second")
        for name in self.servers:
            self._start_web(name)
        for director in self.directors.values():
            director.start()
        self._wait(lambda: self.watcher.masters() == ["d1"], 30, "d1 is master")
        self._wait(lambda: self._all_up("d1") and self._all_up("d2"), 30, "both directors see all servers up")
        self.load = Load(self.cluster["c1"], vip)
        start = time.time()
        self._wait(lambda: all(self.load.ok_since(start, name) > 0 for name in self.servers), 30,
                   "every server answers requests")
        self._event("d1 is master; every server answers")
        self._go_on(3.0)

    def _lose_server(self, name: str) -> None:
        died = self._event(f"{name}: its web server is killed")
        self.cluster[name].kill_all()
        self._wait(lambda: self.watcher.views["d1"].servers.get(name) == "down", 15, f"d1 sees that {name} is down")
        self._event(f"d1 sees that {name} is down, {time.time() - died:.1f} s later")
        settled = died + DEAD_SERVER_LIMIT_S
        self._go_on(settled - time.time())
        before = self._connections("d1", name)
        self._go_on(OBSERVED_AFTER_S)
        new = self._connections("d1", name) - before
        failed = self.load.failed_between(settled + Load.TIMEOUT_S, time.time())
        self._check(f"a dead server gets no new request after {DEAD_SERVER_LIMIT_S:g} s",
                    f"{new} new connections, {failed} failed requests", new == 0 and failed == 0)
        revived = self._event(f"{name}: its web server is started again")
        self._start_web(name)
        self._wait(lambda: self.load.ok_since(revived, name) > 0, 15, f"{name} answers requests again")
        self._event(f"{name} answers requests again, {time.time() - revived:.1f} s later")
        self._go_on(2.0)

    def _lose_master(self, master: str, other: str) -> None:
        died = self._event(f"{master}, the master, loses power (SIGKILL, and its cable is cut)")
        self.cluster.unplug(master)
        self.cluster[master].kill_all()
        self._wait(lambda: self.watcher.masters() == [other], 15, f"{other} is master")
        self._event(f"{other} is master")
        self._wait(lambda: self.load.intervals[-1].ok > 0, 15, "requests are answered again")
        self._go_on(2.0)
        gap = self.load.longest_gap_ms(died, time.time())
        self._event(f"the longest time without a completed request was {gap:.0f} ms")
        self._check(f"losing the master costs at most {TAKEOVER_LIMIT_MS} ms", f"{gap:.0f} ms",
                    gap <= TAKEOVER_LIMIT_MS)
        self._reboot(master)
        self._wait(lambda: self.watcher.masters() == [master], 30, f"{master} is master again")
        self._event(f"{master} is back and master again")
        self._wait(lambda: self._all_up(master) and self._all_up(other), 30, "both directors see all servers up")

    def _calm(self) -> None:
        self._go_on(Load.TIMEOUT_S)  # what was under way at the last change has ended
        start = self._event(f"everything is back; {CALM_S:g} s of calm")
        self._go_on(CALM_S)
        end = time.time()
        failed, answered = self.load.failed_between(start, end), self.load.ok_since(start)
        enough = CALM_S * Load.RATE / 2
        self._check(f"no failed request for {CALM_S:g} s once everything is back",
                    f"{answered} answered, {failed} failed", failed == 0 and answered >= enough)

    # --- what the chapters are made of

    def _start_web(self, name: str) -> None:
        self.cluster[name].start("web", ["lab-load", "echo", "--listen", f"0.0.0.0:{PORT}", "--id", name])

    def _reboot(self, name: str) -> None:
        """A machine that comes back from a loss of power has none of the addresses and tables it had."""
        self._event(f"{name} boots again")
        node = self.cluster[name]
        node.run(["ipvsadm", "-C"])
        node.run(["ip", "addr", "del", f"{self.cluster.topology.vip}/24", "dev", "eth0"], check=False)
        self.cluster.plug(name)
        self.directors[name].start()

    def _all_up(self, director: str) -> bool:
        states = self.watcher.views[director].servers
        return all(states.get(name) == "up" for name in self.servers)

    def _connections(self, director: str, server: str) -> int:
        """Connections the director's kernel has ever given to the server."""
        table = self.cluster[director].run(["ipvsadm", "-Ln", "--stats", "--exact"]).stdout
        address = f"{self.cluster[server].address()}:{PORT}"
        return sum(int(line.split()[2]) for line in table.splitlines() if f"-> {address} " in line)

    def _event(self, text: str) -> float:
        at = time.time()
        self.events.append((at, text))
        self.display.event(text)
        return at

    def _check(self, what: str, measured: str, good: bool) -> None:
        self.checks.append(Check(what, measured, good))

    def _step(self) -> None:
        if self.load:
            self.load.read()
        self.display.show(self.watcher.views, self.servers, self.load)
        time.sleep(0.1)

    def _wait(self, condition, timeout: float, what: str) -> None:
        deadline = time.monotonic() + timeout
        while not condition():
            if time.monotonic() > deadline:
                raise NotInTime(f"not within {timeout:g} s: {what}")
            self._step()

    def _go_on(self, seconds: float) -> None:
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            self._step()

    def _sum_up(self) -> None:
        start = self.display.started
        summary = self.load.summary
        print("\nWhat happened")
        for at, text in self.events:
            print(f"  {at - start:7.1f} s  {text}")
        print(f"\nRequests: {summary['sent']} sent, {summary['ok']} answered, {summary['failed']} failed; the longest "
              f"time between two answers was {summary['gap_ms']:.0f} ms (at {summary['gap_at'] - start:.1f} s)")
        for why, count in sorted(self.load.reasons.items()):
            print(f"  failed, {why}: {count}")
        print("\nWhat must be seen")
        for check in self.checks:
            print(f"  {'ok    ' if check.good else 'FAILED'}  {check.what}: {check.measured}")
        print(flush=True)
