# SPDX-License-Identifier: GPL-2.0-or-later
"""The sysctls of IPVS that lvsd keeps, and what they are for: clients of a dead server."""

import re
from pathlib import Path

from labkit.director import Director
from labkit.loading import load
from labkit.waiting import wait_for

LAB = {"kernels": ["6.1"], "timeout": 900}

whole = load(Path(__file__).with_name("test_lvsd.py"))
cluster = whole.cluster
VIP = whole.VIP
PORT = whole.PORT
address = whole.address
config = whole.config
stop_web = whole.stop_web
up = whole.up
wait_table = whole.wait_table
SETTINGS = ["net.ipv4.vs.expire_nodest_conn", "net.ipv4.vs.expire_quiescent_template"]


def settings(node):
    return node.run(["sysctl", "-n", *SETTINGS]).stdout.split()


def wait_settings(node, *wanted):
    wait_for(lambda: settings(node) == list(wanted), 20, f"{SETTINGS} are {wanted}")


def test_the_settings_of_ipvs_are_kept(cluster):
    d1 = cluster["d1"]
    text = config(cluster)
    d1.run(["ipvsadm", "-Ln"])  # brings the module
    director = Director(d1, text.partition("[virtual_service")[0]).start()
    director.wait_routers("master")
    assert settings(d1) == ["0", "0"], "without services nothing is set"
    director.accept(text)
    wait_settings(d1, "1", "1")
    for name in SETTINGS:
        told = f"{name} is 1, it was 0"
        assert director.log().count(told) == 1
        d1.run(["sysctl", "-qw", f"{name}=0"])
        wait_settings(d1, "1", "1")
        assert director.log().count(told) == 2
    director.accept(text.replace("[global]", "[global]\nexpire_quiescent_template = false"))
    wait_settings(d1, "1", "0")
    assert director.stop() == 0
    assert settings(d1) == ["0", "0"], "a stop puts back what was there"
    d1.run(["sysctl", "-qw", f"{SETTINGS[0]}=1"])
    again = Director(d1, text).start()
    wait_settings(d1, "1", "1")
    again.accept(text.partition("[virtual_service")[0])
    wait_table(d1, {})
    assert again.stop() == 0
    assert settings(d1) == ["1", "0"], "also what somebody else had set, and when the services went before"
    assert "cannot be" not in director.log()


HALF_A_REQUEST = f"""
import pathlib, socket, sys, time
client = socket.create_connection(("{VIP}", {PORT}), 5)
client.sendall(b"GET / HTTP/1.1\\r\\n")
print("begun", flush=True)
while not pathlib.Path(sys.argv[1]).exists():
    time.sleep(0.05)
client.settimeout(20)
client.sendall(b"Host: lab\\r\\n\\r\\n")
print(client.makefile().read().split()[-1], flush=True)
"""


def test_a_connection_goes_on_over_a_restart(cluster):
    """A stop empties the table, and only that: its entries wait in the kernel for the server to come back."""
    d1, client = cluster["d1"], cluster["c1"]
    go = client.directory / "go"
    director = Director(d1, config(cluster)).start()
    wait_table(d1, up(cluster, "s1", "s2"))
    director.wait_routers("master")
    wait_settings(d1, "1", "1")
    half = client.start("half", ["python3", "-c", HALF_A_REQUEST, str(go)])
    wait_for(lambda: "begun" in half.log.read_text(), 20, "the connection is there")
    assert director.stop() == 0
    wait_table(d1, {})
    again = Director(d1, config(cluster)).start()
    wait_table(d1, up(cluster, "s1", "s2"))
    again.wait_routers("master")
    go.touch()
    wait_for(lambda: half.log.read_text().split()[-1] in ("s1", "s2"), 30, "the other half is answered")


def ask(client, port=None):
    """The server that answers, from this client port; none: nobody."""
    local = ["--local-port", port] if port else []
    done = client.run(["curl", "-sS", "--max-time", "5", *local, f"http://{VIP}:{PORT}/"], check=False)
    return done.stdout.strip() if done.returncode == 0 else None


def test_a_client_port_of_a_dead_server_is_answered_by_another(cluster):
    """With direct routing the director does not see that a connection was refused: its entry stays for a minute."""
    d1, client = cluster["d1"], cluster["c1"]
    stop_web(cluster["s2"])
    checked = [cluster[name].start("checked", ["lab-load", "echo", "--listen", "0.0.0.0:8081", "--id", name])
               for name in ("s1", "s2")]
    text = re.sub("check = .*", 'check = { kind = "tcp", port = 8081, interval = "300ms", timeout = "250ms" }',
                  config(cluster))
    director = Director(d1, text.replace("[global]", "[global]\nexpire_nodest_conn = false")).start()
    wait_table(d1, up(cluster, "s1", "s2"))
    director.wait_routers("master")
    refused = [port for port in (40001, 40002) if ask(client, port) is None]
    assert len(refused) == 1, "the round robin came to the server whose web is down"
    checked[1].stop()
    director.wait_servers("web", {address(cluster, "s1"): "up", address(cluster, "s2"): "down"})
    wait_table(d1, {f"{VIP}:{PORT}": {address(cluster, "s1"): 1, address(cluster, "s2"): 0}})
    assert ask(client, refused[0]) is None, "as the kernel does it by itself"
    director.accept(text)
    wait_settings(d1, "1", "1")
    assert ask(client, refused[0]) == "s1"


def test_persistent_clients_of_a_dead_server_get_another(cluster):
    d1, client = cluster["d1"], cluster["c1"]
    text = config(cluster, extra='persistence = "10m"\n')
    director = Director(d1, text.replace("[global]", "[global]\nexpire_quiescent_template = false")).start()
    wait_table(d1, up(cluster, "s1", "s2"))
    director.wait_routers("master")
    mine = ask(client)
    other = {"s1": "s2", "s2": "s1"}[mine]
    assert ask(client) == mine
    stop_web(cluster[mine])
    wait_table(d1, {f"{VIP}:{PORT}": {address(cluster, mine): 0, address(cluster, other): 1}})
    assert ask(client) is None, "as the kernel does it by itself"
    director.accept(text)
    wait_settings(d1, "1", "1")
    assert ask(client) == other
