#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""The guest's half of `tests/lab bench checks`: keepalived and lvsd check the same TCP servers, one after the other.

    _checks_guest.py COUNT INTERVAL_S SECONDS

Every address of 127.0.0.0/8 is a server; what is accepted there is what was checked. Counted is the CPU time, with the
kernel's work for it, of every process of the daemon, from a moment when all checks are under way, SECONDS long.
"""

import json
import os
import selectors
import socket
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

TICKS = os.sysconf("SC_CLK_TCK")
SERVICES = 20


class Servers:
    """Accepts and closes; counts."""

    def __init__(self):
        self.accepted, self.seen = 0, set()
        self.listener = socket.create_server(("0.0.0.0", 0), backlog=4096)
        self.listener.setblocking(False)
        self.port = self.listener.getsockname()[1]
        threading.Thread(target=self.serve, daemon=True).start()

    def serve(self):
        selector = selectors.DefaultSelector()
        selector.register(self.listener, selectors.EVENT_READ)
        while True:
            selector.select()
            try:
                while True:
                    connection, _ = self.listener.accept()
                    self.accepted += 1
                    try:
                        self.seen.add(connection.getsockname()[0])
                    except OSError:
                        pass
                    connection.close()
            except BlockingIOError:
                pass


def server(number):
    return f"127.1.{number // 250}.{number % 250 + 1}"


def keepalived(folder, count, interval, port):
    text = "global_defs {\n    checker_log_all_failures\n}\n"
    for service in range(SERVICES):
        text += f"virtual_server 198.51.100.1 {1000 + service} {{\n    delay_loop {interval}\n    lvs_method NAT\n    protocol TCP\n"
        text += "".join(f"    real_server {server(number)} {port} {{ TCP_CHECK {{ connect_timeout 3\n warmup {interval} }} }}\n"
                        for number in range(service, count, SERVICES)) + "}\n"
    path = folder / "keepalived.conf"
    path.write_text(text)
    return ["keepalived", "-n", "-C", "-f", path, "-p", folder / "k.pid", "-c", folder / "c.pid"]


def lvsd(folder, count, interval, port):
    text = ""
    for service in range(SERVICES):
        servers = ", ".join(f'"{server(number)}:{port}"' for number in range(service, count, SERVICES))
        text += (f'[virtual_service.s{service}]\naddress = "198.51.100.1:{1000 + service}"\nservers = [{servers}]\n'
                 f'check = {{ kind = "tcp", interval = "{interval}s", timeout = "3s" }}\n')
    path = folder / "lvsd.toml"
    path.write_text(text)
    return ["lvsd", "--config", path, "--socket", folder / "lvsd.sock", "--state-dir", folder / "state", "--log-level", "error"]


def family(pid):
    out = [pid]
    for task in Path(f"/proc/{pid}/task").iterdir():
        for child in (task / "children").read_text().split():
            out += family(int(child))
    return out


def cpu_seconds(pid):
    total = 0
    for each in family(pid):
        fields = Path(f"/proc/{each}/stat").read_text().rpartition(")")[2].split()
        total += int(fields[11]) + int(fields[12])
    return total / TICKS


def resident(pid):
    pages = sum(int(Path(f"/proc/{each}/statm").read_text().split()[1]) for each in family(pid))
    return pages * os.sysconf("SC_PAGESIZE") / 2**20


def measure(name, command, count, interval, seconds, servers):
    with tempfile.TemporaryFile() as log:
        servers.seen = set()
        process = subprocess.Popen([str(word) for word in command], stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        end = time.monotonic() + 120
        while len(servers.seen) < count and time.monotonic() < end and process.poll() is None:
            time.sleep(0.5)
        if process.poll() is not None or len(servers.seen) < count:
            log.seek(0)
            sys.exit(f"{name}: {len(servers.seen)} of {count} servers were checked\n" + log.read().decode()[-3000:])
        time.sleep(2 * interval)
        before, accepted, start = cpu_seconds(process.pid), servers.accepted, time.monotonic()
        time.sleep(seconds)
        cpu, runs, passed = cpu_seconds(process.pid) - before, servers.accepted - accepted, time.monotonic() - start
        memory = resident(process.pid)
        process.terminate()
        process.wait(60)
    print(json.dumps({"kind": f"tcp, {name}", "checks": count, "interval_ms": interval * 1000, "runs_per_s": round(runs / passed),
                      "cpu_percent": round(100 * cpu / passed, 1), "runs_per_cpu_s": round(runs / cpu) if cpu else 0,
                      "rss_MiB": round(memory, 1)}), flush=True)


def main():
    count, interval, seconds = (int(word) for word in sys.argv[1:])
    subprocess.run(["ip", "link", "set", "lo", "up"], check=True)
    servers = Servers()
    for name, command in (("keepalived", keepalived), ("lvsd", lvsd)):
        with tempfile.TemporaryDirectory() as folder:
            measure(name, command(Path(folder), count, interval, servers.port), count, interval, seconds, servers)


if __name__ == "__main__":
    main()
