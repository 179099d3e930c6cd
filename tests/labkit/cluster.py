# SPDX-License-Identifier: GPL-2.0-or-later
"""A topology made real: namespaces, bridges, and processes in them. The same natively and in a virtual machine.

    with Cluster(topology.dr()) as cluster:
        cluster["s1"].start("echo", ["lab-load", "echo", ...])
        cluster["c1"].run(["ping", "-c1", "10.77.0.11"])

Names carry the process id of the one who made them, so that several clusters live side by side and the remains of
a killed one are recognised (and removed by the next). Leaving the block ends every process in the namespaces and
removes everything, also on Ctrl-C and SIGTERM.
"""

import atexit
import ctypes
import fcntl
import itertools
import os
import shutil
import signal
import socket
import struct
import subprocess
import tempfile
import threading
from pathlib import Path

from .say import LabError
from .topology import COMMON_SYSCTLS, Topology
from .waiting import wait_for

NETNS = Path("/run/netns")
PREFIX = "lvsdlab"
CLONE_NEWNET = 0x40000000
SIOCGIFFLAGS, IFF_UP, IFF_RUNNING = 0x8913, 0x1, 0x40

_numbers = itertools.count(1)
_libc = ctypes.CDLL(None, use_errno=True)


def enter_namespace(name: str) -> None:
    """Moves the calling thread into the network namespace."""
    descriptor = os.open(NETNS / name, os.O_RDONLY | os.O_CLOEXEC)
    try:
        if _libc.setns(descriptor, CLONE_NEWNET) != 0:
            raise OSError(ctypes.get_errno(), f"setns to {name}")
    finally:
        os.close(descriptor)


def _in_namespace(namespace: str, function):
    result = {}

    def body():
        try:
            enter_namespace(namespace)
            result["value"] = function()
        except BaseException as error:
            result["error"] = error

    thread = threading.Thread(target=body)
    thread.start()
    thread.join()
    if "error" in result:
        raise result["error"]
    return result["value"]


def _links_run() -> bool:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as any_socket:
        for _, name in socket.if_nameindex():
            answer = fcntl.ioctl(any_socket, SIOCGIFFLAGS, struct.pack("16sH22x", name.encode(), 0))
            flags = struct.unpack_from("16sH", answer)[1]
            if flags & IFF_UP and not flags & IFF_RUNNING:
                return False
    return True


class Process:
    """A daemon in a node; its output is in the file `log`."""

    def __init__(self, name: str, popen: subprocess.Popen, log: Path):
        self.name = name
        self.popen = popen
        self.log = log

    @property
    def pid(self) -> int:
        return self.popen.pid

    def alive(self) -> bool:
        return self.popen.poll() is None

    def send(self, number: int) -> None:
        self.popen.send_signal(number)

    def stop(self, number: int = signal.SIGTERM, timeout: float = 10.0) -> int:
        """Sends the signal, waits for the end, and returns the exit status as of Popen.wait()."""
        self.popen.send_signal(number)
        return self.popen.wait(timeout)

    def output(self) -> str:
        return self.log.read_text(errors="replace")


class NodeHandle:
    """One namespace: run programs in it to their end, start daemons, end everything."""

    def __init__(self, node, namespace: str, directory: Path):
        self.spec = node
        self.name = node.name
        self.namespace = namespace
        self.directory = directory  # the node's own, for sockets, state and logs
        self.processes: list[Process] = []

    def address(self, version: int = 4, link: int = 0) -> str:
        return self.spec.address(version, link)

    def run(self, command, check: bool = True, timeout: float = 60.0, **options) -> subprocess.CompletedProcess:
        done = subprocess.run([str(word) for word in command], preexec_fn=self._enter, text=True, timeout=timeout,
                              stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, **options)
        if check and done.returncode != 0:
            words = " ".join(str(word) for word in command)
            raise AssertionError(f"{self.name}: {words}: status {done.returncode}\n{done.stdout}{done.stderr}")
        return done

    def start(self, name: str, command, **options) -> Process:
        """Starts a daemon. A second one of the same name goes on in the same log."""
        log = self.directory / f"{name}.log"
        with open(log, "ab") as output:
            popen = subprocess.Popen([str(word) for word in command], preexec_fn=self._enter, stdout=output,
                                     stderr=subprocess.STDOUT, stdin=subprocess.DEVNULL, start_new_session=True,
                                     cwd=self.directory, **options)
        process = Process(name, popen, log)
        self.processes.append(process)
        return process

    def in_namespace(self, function):
        """Calls function() in a thread that lives in the namespace: for sockets and /proc/sys."""
        return _in_namespace(self.namespace, function)

    def sysctl(self, settings: dict) -> None:
        def write():
            for key, value in settings.items():
                Path("/proc/sys", key.replace(".", "/")).write_text(str(value))

        self.in_namespace(write)

    def addresses(self) -> set[str]:
        """All addresses in the node, without prefix length."""
        shown = self.run(["ip", "-o", "addr", "show"]).stdout
        return {line.split()[3].partition("/")[0] for line in shown.splitlines()}

    def pids(self) -> list[int]:
        return _pids(self.namespace)

    def kill_all(self) -> None:
        """Ends every process in the node at once, also what daemons have left behind."""
        _kill_all(self.namespace)
        for process in self.processes:
            process.popen.wait()

    def _enter(self) -> None:
        enter_namespace(self.namespace)


class Cluster:
    def __init__(self, topology: Topology):
        self.topology = topology
        self.prefix = f"{PREFIX}-{os.getpid()}-{next(_numbers)}"
        self.directory = Path(tempfile.gettempdir()) / self.prefix
        self.nodes = {node.name: NodeHandle(node, f"{self.prefix}-{node.name}", self.directory / node.name)
                      for node in topology.nodes}
        self._removed = False

    def __getitem__(self, name: str) -> NodeHandle:
        return self.nodes[name]

    def with_role(self, role: str) -> list[NodeHandle]:
        return [self.nodes[node.name] for node in self.topology.with_role(role)]

    @property
    def namespaces(self) -> list[str]:
        return [self._bridge(network) for network in self.topology.networks] + \
            [node.namespace for node in self.nodes.values()]

    def __enter__(self) -> "Cluster":
        _end_orderly_on_signals()
        remove_remains()
        atexit.register(self.remove)
        try:
            self._build()
        except BaseException:
            self.remove()
            raise
        return self

    def __exit__(self, *_) -> None:
        self.remove()

    def unplug(self, name: str) -> None:
        """Pulls all cables of a node at the bridges' end."""
        self._set_ports(name, "down")

    def plug(self, name: str) -> None:
        """Puts the cables back and waits until the links are running."""
        self._set_ports(name, "up")
        wait_for(self._all_links_run, 10.0, f"the links of {name} are running again")

    def _set_ports(self, name: str, state: str) -> None:
        for index, link in enumerate(self.topology.named(name).links):
            _ip([f"link set {name}.{index} {state}"], namespace=self._bridge(link.network))

    def logs(self) -> str:
        """The end of every log of the cluster, for a failure's report."""
        parts = []
        for node in self.nodes.values():
            for log in sorted(node.directory.glob("*.log")):
                lines = log.read_text(errors="replace").splitlines()[-40:]
                parts.append(f"--- {node.name}: {log.name}\n" + "\n".join(lines))
        return "\n".join(parts)

    def remove(self) -> None:
        if self._removed:
            return
        self._removed = True
        atexit.unregister(self.remove)
        _remove(self.namespaces)
        for node in self.nodes.values():
            for process in node.processes:
                process.popen.wait()
        shutil.rmtree(self.directory, ignore_errors=True)

    def _bridge(self, network: str) -> str:
        return f"{self.prefix}-net-{network}"

    def _build(self) -> None:
        shutil.rmtree(self.directory, ignore_errors=True)
        for node in self.nodes.values():
            node.directory.mkdir(parents=True)
        _ip([f"netns add {name}" for name in self.namespaces])
        _ip([line for network in self.topology.networks for line in self._bridge_lines(network)])
        for node in self.nodes.values():
            node.sysctl({**COMMON_SYSCTLS, **node.spec.sysctls})
            _ip(self._interface_lines(node), namespace=node.namespace)
        for network in self.topology.networks:
            ports = [f"link set {port} master br0 up" for port in self._ports(network)]
            _ip(["link set lo up", "link set br0 up", *ports], namespace=self._bridge(network))
        for node in self.nodes.values():
            _ip(_address_lines(node.spec), namespace=node.namespace)
        wait_for(self._all_links_run, 10.0, "every interface of the cluster is running")

    # The kernel switches a fresh link on in its own time and drops what is sent until then.
    def _all_links_run(self) -> bool:
        return all(_in_namespace(name, _links_run) for name in self.namespaces)

    def _ports(self, network: str) -> list[str]:
        return [f"{node.name}.{index}" for node in self.topology.nodes for index, link in enumerate(node.links)
                if link.network == network]

    # VRRP's groups must reach everybody: no snooping; and a port forwards from its first moment.
    def _bridge_lines(self, network: str) -> list[str]:
        return [f"-n {self._bridge(network)} link add br0 type bridge stp_state 0 forward_delay 0 mcast_snooping 0"]

    def _interface_lines(self, node: NodeHandle) -> list[str]:
        lines = ["link set lo up"]
        for index, link in enumerate(node.spec.links):
            peer = f"{node.name}.{index}"
            lines.append(f"link add eth{index} type veth peer name {peer} netns {self._bridge(link.network)}")
            lines.append(f"link set eth{index} up")
        return lines


def _address_lines(node) -> list[str]:
    lines = [f"addr add {address} dev lo" for address in node.loopback]
    for index, link in enumerate(node.links):
        lines += [f"addr add {address} dev eth{index}" + (" nodad" if ":" in address else "")
                  for address in link.addresses]
    for route in node.routes:
        version, rest = ("-6 ", route[3:]) if route.startswith("-6 ") else ("", route)
        lines.append(f"{version}route add {rest}")
    return lines


def remove_remains() -> None:
    """Removes what labs that were killed have left behind."""
    places = [*NETNS.glob(f"{PREFIX}-*"), *Path(tempfile.gettempdir()).glob(f"{PREFIX}-*")]
    for place in places:
        owner = place.name.split("-")[1]
        if not owner.isdigit() or Path("/proc", owner).exists():
            continue
        if place.parent == NETNS:
            _remove([place.name])
        else:
            shutil.rmtree(place, ignore_errors=True)


def _ip(lines: list[str], namespace: str | None = None) -> None:
    """Runs many ip(8) commands; batches because starting a program is what costs time under emulation."""
    for options, batch in _batches(lines):
        command = ["ip", *(["-n", namespace] if namespace else []), *options, "-batch", "-"]
        done = subprocess.run(command, input="\n".join(batch) + "\n", text=True, stdout=subprocess.PIPE,
                              stderr=subprocess.STDOUT)
        if done.returncode != 0:
            raise LabError(f"{' '.join(command)}: {done.stdout.strip()}\n" + "\n".join(batch))


def _batches(lines: list[str]):
    """Groups lines by their leading options (-6, -n NAME), which ip(8) takes per call and not per line."""
    for options, group in itertools.groupby(lines, key=_leading_options):
        yield list(options), [" ".join(line.split()[len(options):]) for line in group]


def _leading_options(line: str) -> tuple[str, ...]:
    words = line.split()
    if words[0] == "-n":
        return tuple(words[:2])
    return tuple(words[:1]) if words[0] == "-6" else ()


def _pids(namespace: str) -> list[int]:
    shown = subprocess.run(["ip", "netns", "pids", namespace], text=True, stdout=subprocess.PIPE,
                           stderr=subprocess.DEVNULL)
    return [int(pid) for pid in shown.stdout.split()]


def _kill_all(namespace: str) -> None:
    def nobody_left() -> bool:
        pids = [pid for pid in _pids(namespace) if not _is_zombie(pid)]
        for pid in pids:
            try:
                os.kill(pid, signal.SIGKILL)
            except ProcessLookupError:
                pass
        return not pids

    wait_for(nobody_left, 10.0, f"every process in {namespace} is gone", interval=0.005)


def _is_zombie(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "Z"
    except OSError:
        return True


def _remove(namespaces: list[str]) -> None:
    present = [name for name in namespaces if (NETNS / name).exists()]
    for name in present:
        _kill_all(name)
    if present:
        subprocess.run(["ip", "-force", "-batch", "-"], input="".join(f"netns del {name}\n" for name in present),
                       text=True, stderr=subprocess.DEVNULL)


def _end_orderly_on_signals() -> None:
    """SIGTERM and SIGHUP end Python without running anything; make them unwind the stack like Ctrl-C does."""
    def unwind(number, _frame):
        raise SystemExit(128 + number)

    if threading.current_thread() is not threading.main_thread():
        return
    for number in (signal.SIGTERM, signal.SIGHUP):
        if signal.getsignal(number) == signal.SIG_DFL:
            signal.signal(number, unwind)
