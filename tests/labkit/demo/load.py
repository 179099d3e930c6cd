# SPDX-License-Identifier: GPL-2.0-or-later
"""The client: lab-load's reports, read as they come."""

import json
import signal
from dataclasses import dataclass


@dataclass(frozen=True)
class Interval:
    """One report: what happened up to `at` since the one before. Times are seconds since 1970."""

    at: float
    sent: int
    ok: int
    failed: int
    gap_ms: float
    gap_at: float
    servers: dict


class Load:
    RATE = 50
    TIMEOUT_S = 1.0

    def __init__(self, node, address: str):
        self.process = node.start("load", ["lab-load", "http", "--to", address, "--rate", self.RATE, "--timeout",
                                           f"{self.TIMEOUT_S:g}s", "--report", "100ms"])
        self.intervals: list[Interval] = []
        self.failures: list[float] = []  # times
        self.reasons: dict[str, int] = {}  # how many failed for what reason
        self.summary: dict = {}
        self._file = open(self.process.log, errors="replace")
        self._rest = ""

    def read(self) -> None:
        """Takes in what was reported since the last call."""
        *lines, self._rest = (self._rest + self._file.read()).split("\n")
        for line in lines:
            report = json.loads(line)
            if report.get("summary"):
                self.summary = report
            elif report.get("event") == "failed":
                self.failures.append(report["t"])
                self.reasons[report["why"]] = self.reasons.get(report["why"], 0) + 1
            else:
                self.intervals.append(Interval(report["t"], report["sent"], report["ok"], report["failed"],
                                               report["gap_ms"], report["gap_at"], report["servers"]))

    def stop(self) -> None:
        self.process.stop(signal.SIGTERM)
        self.read()
        self._file.close()

    def failed_between(self, start: float, end: float) -> int:
        return sum(start <= at < end for at in self.failures)

    def ok_since(self, start: float, server: str | None = None) -> int:
        return sum(each.servers.get(server, 0) if server else each.ok for each in self.intervals if each.at >= start)

    def longest_gap_ms(self, start: float, end: float) -> float:
        """Of the gaps that were open at some time between start and end."""
        return max((each.gap_ms for each in self.intervals
                    if each.gap_at < end and each.gap_at + each.gap_ms / 1000 > start), default=0.0)

    def last_second(self) -> tuple[int, int, dict]:
        """Requests completed and failed, and completed per server, in the last ten reports."""
        recent = self.intervals[-10:]
        servers: dict = {}
        for each in recent:
            for name, count in each.servers.items():
                servers[name] = servers.get(name, 0) + count
        return sum(each.ok for each in recent), sum(each.failed for each in recent), servers
