# SPDX-License-Identifier: GPL-2.0-or-later
"""The guest's half of `tests/lab bench control`: the same table brought into the kernel by ipvsadm, keepalived and lvsd.

Each result is a line of JSON with seconds. A cold start ends when every entry is in the kernel: the file of the table
is counted afterwards, and lvsd says itself when it has written it and seen it there.
"""

import argparse
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))
from _kernel_guest import load_module, unload_modules  # noqa: E402 (the path comes first)

HERE = Path("/tmp/control")
DEADLINE = 900
RELOAD_DEADLINE = 120  # keepalived's


def server(number, n):
    return f"10.{number >> 8 & 255}.{number & 255}.{n + 1}"


def vip(number):
    return f"198.{18 + (number >> 16)}.{number >> 8 & 255}.{number & 255}"


def ipvsadm_file(services, servers):
    lines = []
    for i in range(services):
        lines.append(f"-A -t {vip(i)}:80 -s wlc")
        lines += [f"-a -t {vip(i)}:80 -r {server(i, n)}:80 -m -w 1" for n in range(servers)]
    return "\n".join(lines) + "\n"


def lvsd_file(services, servers, weight=1):
    out = ['[global]\non_stop = "keep"\n']
    for i in range(services):
        rows = [f'"{server(i, n)}:80"' for n in range(servers)]
        if i == 0:
            rows[0] = f'{{ address = {rows[0]}, weight = {weight} }}'
        out.append(f'[virtual_service.s{i}]\naddress = "{vip(i)}:80"\nscheduler = "wlc"\nservers = [{", ".join(rows)}]\n')
    return "".join(out)


def keepalived_file(services, servers):
    out = ["global_defs {\n  checker_log_all_failures false\n}\n"]
    for i in range(services):
        rows = "".join(f"  real_server {server(i, n)} 80 {{\n    weight 1\n  }}\n" for n in range(servers))
        out.append(f"virtual_server {vip(i)} 80 {{\n  lb_algo wlc\n  lb_kind NAT\n  protocol TCP\n{rows}}}\n")
    return "".join(out)


def entries():
    """Lines of the kernel's table, in one read."""
    with open("/proc/net/ip_vs") as file:
        return sum(1 for _ in file) - 3


def until(condition, what):
    begin = time.monotonic()
    while not condition():
        if time.monotonic() - begin > DEADLINE:
            raise SystemExit(f"{what}: not within {DEADLINE} s")
        time.sleep(0.05)


def tell(what, module, seconds):
    print(json.dumps({"what": what, "module": module, "s": round(seconds, 2)}), flush=True)
    print(f"{module}: {what}: {seconds:.2f} s", file=sys.stderr, flush=True)


def flush():
    subprocess.run(["ipvsadm", "-C"], check=True)


def bench_ipvsadm(total):
    begin = time.monotonic()
    with open(HERE / "table") as file:
        subprocess.run(["ipvsadm", "-R"], stdin=file, check=True)
    tell("ipvsadm -R", "stock", time.monotonic() - begin)
    assert entries() == total, entries()
    flush()


def keepalived_reload(process, log):
    """Its last word of the reload; what takes longer than RELOAD_DEADLINE is told as that."""
    said = Path(log.name).read_text().count("Reload finished")
    begin = time.monotonic()
    process.send_signal(signal.SIGHUP)
    while Path(log.name).read_text().count("Reload finished") == said and time.monotonic() < begin + RELOAD_DEADLINE:
        time.sleep(0.1)
    tell("keepalived, reload, nothing changed", "stock", time.monotonic() - begin)


def bench_keepalived(total):
    log = open(HERE / "keepalived.log", "w+")
    begin = time.monotonic()
    process = subprocess.Popen(["keepalived", "-n", "-l", "-D", "-C", "-f", HERE / "keepalived.conf"], stdout=log, stderr=log)

    def full():
        time.sleep(0.2)
        return entries() >= total

    until(full, "keepalived's cold start")
    tell("keepalived, cold start", "stock", time.monotonic() - begin)
    keepalived_reload(process, log)
    children = Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text().split()
    for pid in (process.pid, *map(int, children)):  # asked to end it would take everything out one by one
        os.kill(pid, signal.SIGKILL)
    process.wait()
    flush()


class Lvsd:
    def __init__(self, module):
        self.module, self.log = module, HERE / f"lvsd-{module}.log"
        self.words = ["--socket", HERE / "lvsd.sock"]

    def said(self, what):
        return self.log.read_text().count(what)

    def applied(self):
        return self.said("table written to the kernel")

    def cold(self, total):
        with open(self.log, "w") as log:
            begin = time.monotonic()
            self.process = subprocess.Popen(["lvsd", "--config", HERE / "lvsd.toml", *self.words, "--state-dir",
                                             HERE / f"state-{self.module}"], stdout=log, stderr=log)
        until(lambda: self.applied() > 0 or self.process.poll() is not None, "lvsd's cold start")
        tell("lvsd, cold start", self.module, time.monotonic() - begin)
        assert entries() == total, (entries(), self.log.read_text()[-2000:])

    def reload(self, what, changes):
        before, applied = self.said("configuration reloaded"), self.applied()
        begin = time.monotonic()
        self.process.send_signal(signal.SIGHUP)
        until(lambda: self.said("configuration reloaded") > before and (not changes or self.applied() > applied), what)
        tell(f"lvsd, reload, {what}", self.module, time.monotonic() - begin)

    def stop(self):
        self.process.send_signal(signal.SIGKILL)
        self.process.wait()
        flush()


def bench_lvsd(module, services, servers, total, reloads):
    (HERE / "lvsd.toml").write_text(lvsd_file(services, servers))
    lvsd = Lvsd(module)
    lvsd.cold(total)
    if not reloads:
        return lvsd.stop()
    lvsd.reload("nothing changed", False)
    (HERE / "lvsd.toml").write_text(lvsd_file(services, servers, weight=2))
    lvsd.reload("one service changed", True)
    lvsd.stop()


def fresh(module):
    """Stock keeps removed servers for two minutes and looks through all of them at every new one."""
    unload_modules()
    load_module(module)
    subprocess.run(["modprobe" if module == "ours" else "true", "ip_vs_wlc"], check=False, stderr=subprocess.DEVNULL)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--services", type=int, default=10_000)
    parser.add_argument("--servers", type=int, default=5)
    parser.add_argument("--rounds", type=int, default=3, help="of the cold starts")
    parser.add_argument("--skip", nargs="*", default=[])
    parser.add_argument("modules", nargs="+", choices=("stock", "ours"))
    options = parser.parse_args()
    services, servers = options.services, options.servers
    total = services * (servers + 1)
    HERE.mkdir(exist_ok=True)
    (HERE / "table").write_text(ipvsadm_file(services, servers))
    (HERE / "keepalived.conf").write_text(keepalived_file(services, servers))
    for number in range(options.rounds):
        for module in options.modules:
            if module == "stock":
                fresh(module)
                bench_ipvsadm(total)
            fresh(module)
            bench_lvsd(module, services, servers, total, number == 0)
    if "keepalived" not in options.skip:
        fresh("stock")
        bench_keepalived(total)
    os.sync()


if __name__ == "__main__":
    main()
