# SPDX-License-Identifier: GPL-2.0-or-later
"""`tests/lab bench kernel`: the cost of IPVS in instructions, the kernel's own module beside ours.

Both are measured in one boot of a machine that counts instructions; tests/bench/_kernel_guest.py is what runs there
and says how. Costs are what a packet needs beyond being generated and dropped at the ingress of the director.
Without a module of ours in the tree only the kernel's is measured. LVSD_BENCH_SCALE=4 divides the packet counts,
LVSD_BENCH_PARTS="baseline schedulers" leaves out the other parts and LVSD_BENCH_SCHEDULERS="lc twos" the other schedulers.
"""

import json
import os
import subprocess
from pathlib import Path

HELP = "instructions per packet and per request, memory per connection: the kernel's IPVS beside ours"
HERE = Path(__file__).resolve().parent
COMPILE = ("g++", "-std=c++23", "-O2", "-static", "-Wall", "-Wextra", "-Wpedantic", "-Wshadow", "-Wconversion", "-Werror")


def run(ctx) -> list[dict]:
    scale = os.environ.get("LVSD_BENCH_SCALE", "1")
    parts = [*_chosen("LVSD_BENCH_PARTS", "--only"), *_chosen("LVSD_BENCH_SCHEDULERS", "--scheduler")]
    ours = (ctx.root / "ipvs/kmod/Kbuild").exists()
    with ctx.temporary() as folder:
        load = Path(folder, "kernel-load")
        subprocess.run([*COMPILE, "-o", load, HERE / "_kernel_load.cpp"], check=True)
        command = ["/usr/bin/python3", HERE / "_kernel_guest.py", load, "stock", *(["ours"] if ours else []),
                   "--scale", scale, *parts]
        text = ctx.vm(command, "--icount", "--memory", "3072", "--timeout", "1800",
                      "--ipvs", "bundled" if ours else "none")
    return rows([json.loads(line) for line in text.splitlines() if line.startswith("{")])


def _chosen(variable: str, option: str) -> list[str]:
    return [word for name in os.environ.get(variable, "").split() for word in (option, name)]


# Two measurements of one module that should be nearly the same, and by how much the first may be more.
FLAT = {
    "new {}: 4096 servers to 4": ("new {}/4096", "new {}/4", 1.05),
    "lookup: 1000000 connections to 1000": ("lookup connections/1000000", "lookup connections/1000", 1.15),
    "new of 100000 services to 1": ("new of services/100000", "new of services/1", 1.05),
    "add a service to 100000 to the first": ("add service/100000", "add service/1", 1.05),
}
SCHEDULERS = "rr wrr lc wlc sed nq lblc lblcr dh sh mh fo ovf twos".split()


def rows(results: list[dict]) -> list[dict]:
    """One line per measurement: both modules, net of the generator where packets are counted, and the ratio."""
    values: dict[str, dict[str, float]] = {}
    for result in results:
        values.setdefault(result["name"], {})[result["module"]] = result["value"]
    out = []
    for name, measured in values.items():
        net = {module: value - _generator(values, module, name) for module, value in measured.items()}
        out.append(_row(name, net, "128" if name == "memory/connection, slab" else ""))
        if name.startswith("established ") and f"forward/{_kind(name)}" in values:
            added = {module: value - values[f"forward/{_kind(name)}"][module] for module, value in measured.items()}
            wanted = "ratio 0.6" if "udp" in name and "TUN" not in name else ""
            out.append(_row(name + ", added to forwarding", added, wanted))
    return out + _flat(values)


def _flat(values: dict) -> list[dict]:
    out = []
    for title, (many, few, most) in FLAT.items():
        for scheduler in SCHEDULERS if "{}" in title else [""]:
            above, below = values.get(many.format(scheduler), {}), values.get(few.format(scheduler), {})
            found = {module: round(_net(values, module, many, above[module]) / _net(values, module, few, below[module]), 3)
                     for module in above if module in below}
            if found:
                out.append({"what": title.format(scheduler), "stock": found.get("stock", "-"),
                            "ours": found.get("ours", "-"), "ours/stock": "-", "at most": f"{most}"})
    return out


def _net(values: dict, module: str, name: str, value: float) -> float:
    return value - _generator(values, module, name)


def _kind(name: str) -> str:
    return name.rpartition("/")[2]


def _generator(values: dict, module: str, name: str) -> float:
    """What generating and dropping the packet has cost, if this is about packets."""
    if not name.startswith(("forward", "established", "new", "lookup")):
        return 0.0
    kind = _kind(name) if _kind(name)[:3] in ("udp", "tcp") else "udp4"
    return values.get(f"drop/{kind}", {}).get(module, 0.0)


def _row(name: str, measured: dict[str, float], wanted: str) -> dict:
    stock, ours = measured.get("stock"), measured.get("ours")
    ratio = round(ours / stock, 3) if stock and ours is not None else "-"
    return {"what": name, "stock": "-" if stock is None else round(stock), "ours": "-" if ours is None else round(ours),
            "ours/stock": ratio, "at most": wanted}
