# SPDX-License-Identifier: GPL-2.0-or-later
"""What is seen while the story goes on: at a terminal a table that is redrawn, elsewhere a line per second."""

import sys
import time

BOLD, RED, GREEN, YELLOW, PLAIN = "\x1b[1m", "\x1b[31m", "\x1b[32m", "\x1b[33m", "\x1b[0m"


class Display:
    def __init__(self, terminal: bool):
        self.terminal = terminal
        self.started = time.time()
        self._drawn = 0  # lines of the table now on the screen
        self._last_line = 0.0

    def event(self, text: str) -> None:
        """Something happened: a line that stays, and at a terminal the table anew below it."""
        self._last_line = 0.0 if self.terminal else self._last_line
        self._erase()
        self._print(f"{self._clock()}  {self._paint(BOLD, text)}")

    def show(self, views: dict, servers: list[str], load) -> None:
        now = time.time()
        if self.terminal and now - self._last_line >= 0.25:
            self._last_line = now
            self._erase()
            lines = self._table(views, servers, load)
            self._print("\n".join(lines))
            self._drawn = len(lines)
        elif not self.terminal and now - self._last_line >= 1.0:
            self._last_line = now
            self._print(self._line(views, servers, load))

    def end(self) -> None:
        self._erase()

    def _table(self, views: dict, servers: list[str], load) -> list[str]:
        ok, failed, by_server = load.last_second() if load else (0, 0, {})
        lines = ["", f"{self._clock()}  director  state      server  state     requests/s"]
        rows = max(len(views), len(servers))
        for row in range(rows):
            director = list(views.items())[row] if row < len(views) else None
            left = f"{director[0]:8}  {self._colour(director[1].role, 9)}" if director else " " * 19
            right = ""
            if row < len(servers):
                name = servers[row]
                right = f"{name:6}  {self._colour(self._state(views, name), 8)}  {by_server.get(name, 0):10}"
            lines.append(f"{'':9}  {left}  {right}")
        colour = RED if failed else GREEN
        lines.append(f"{'':9}  requests: {ok} ok, {self._paint(colour, f'{failed} failed')} in the last second")
        return lines

    def _line(self, views: dict, servers: list[str], load) -> str:
        ok, failed, by_server = load.last_second() if load else (0, 0, {})
        directors = "  ".join(f"{name} {view.role}" for name, view in views.items())
        states = "  ".join(f"{name} {self._state(views, name)} {by_server.get(name, 0)}/s" for name in servers)
        return f"{self._clock()}  {directors} | {states} | {ok} ok, {failed} failed"

    @staticmethod
    def _state(views: dict, server: str) -> str:
        """As the master sees it, or else anybody."""
        told = sorted(views.values(), key=lambda view: view.role != "master")
        return next((view.servers[server] for view in told if server in view.servers), "-")

    def _colour(self, word: str, width: int) -> str:
        colours = {"master": GREEN, "up": GREEN, "dead": RED, "down": RED}
        return self._paint(colours.get(word, YELLOW), f"{word:{width}}")

    def _paint(self, colour: str, text: str) -> str:
        return f"{colour}{text}{PLAIN}" if self.terminal else text

    def _clock(self) -> str:
        return f"{time.time() - self.started:7.1f} s"

    def _erase(self) -> None:
        if self._drawn:
            sys.stdout.write(f"\x1b[{self._drawn}A\x1b[J")
            self._drawn = 0

    @staticmethod
    def _print(text: str) -> None:
        sys.stdout.write(text + "\n")
        sys.stdout.flush()
