# SPDX-License-Identifier: GPL-2.0-or-later
"""Completion of lvsctl's command line in bash, zsh and fish: the same lines in each, with the names of a running lvsd."""

import pytest

from labkit import topology
from labkit.director import Director
from labkit.paths import ROOT

ALONE = topology.dr(directors=1, servers=0, clients=1)
CONFIG = f"""
[virtual_router.web]
interface = "eth0"
vrid = 51
addresses = ["{ALONE.vip}/24"]
[virtual_service.shop]
address = "{ALONE.vip}:80"
servers = ["127.0.0.1:9", "127.0.0.1:10"]
[virtual_service.shop6]
address = "[2001:db8::10]:80"
servers = ["[::1]:9"]
"""
SERVERS = {"shop/127.0.0.1:9", "shop/127.0.0.1:10", "shop6/[::1]:9"}
COMMANDS = {"status", "services", "servers", "routers", "checks", "watch", "plan", "apply", "drain", "undrain", "enable",
            "disable", "maintenance", "failover", "hold", "release", "weight", "config", "version"}
GLOBAL = {"--socket", "--system", "--no-pager"}

BASH = """
source {file}
COMP_WORDBREAKS={breaks}
COMP_LINE={line!r}
COMP_POINT=${{#COMP_LINE}}
_lvsctl
printf '%s\n' "${{COMPREPLY[@]}}"
"""
# What is handed to compadd, which leaves out what does not begin with the word typed so far.
ZSH = """
compadd() {{ while (( $# )) && [[ $1 != -- ]]; do shift; done; shift; print -l -- "$@" }}
_files() {{ print -l -- * }}
words=({words}); CURRENT=$#words
source {file}
"""


@pytest.fixture
def director(make_cluster):
    director = Director(make_cluster(ALONE)["d1"], CONFIG).start()
    director.wait_routers("master")
    return director


def bash(director, line, breaks="' '"):
    return director.node.run(["bash", "-c", BASH.format(file=ROOT / "etc/completion/lvsctl.bash", line=line, breaks=breaks)])


def zsh(director, line):
    words = " ".join(f"'{word}'" for word in line.split(" "))
    return director.node.run(["zsh", "-f", "-c", ZSH.format(words=words, file=ROOT / "etc/completion/_lvsctl")])


def fish(director, line):
    script = f"source {ROOT}/etc/completion/lvsctl.fish; complete -C '{line}'"
    return director.node.run(["fish", "--no-config", "-c", script])


def offered(shell, director, line):
    """Options only where one is begun: some shells show them without, too."""
    words = {word.split("\t")[0] for word in shell(director, f"lvsctl --socket {director.socket} {line}").stdout.splitlines()}
    last = line.split(" ")[-1]
    return {word for word in words if word.startswith(last or "") and word.startswith("-") <= last.startswith("-")} - {""}


LINES = {
    "": COMMANDS, "ser": {"services", "servers"}, "config ": {"check"},
    "servers --state d": {"down", "draining"}, "watch --no-": {"--no-follow", "--no-pager"},
    "servers --over": {"--overridden"}, "checks --hi": {"--history"}, "status --": GLOBAL | {"--help", "--json"},
    "drain ": SERVERS, "weight ": SERVERS, "drain --reason x ": SERVERS, "drain --json ": SERVERS,
    "maintenance shop/": {"shop/127.0.0.1:9", "shop/127.0.0.1:10"}, "drain shop/127.0.0.1:1": {"shop/127.0.0.1:10"},
    "enable shop6/[::1]:": {"shop6/[::1]:9"}, "failover ": {"web"}, "hold w": {"web"}, "release --json ": {"web"},
    "routers --router ": {"web"}, "services --service ": {"shop", "shop6"},
    "servers --server ": {"127.0.0.1:9", "127.0.0.1:10", "[::1]:9"},
    "plan ": {"new.toml"}, "apply --force ": {"new.toml"}, "config check n": {"new.toml"}, "--socket n": {"new.toml"},
    # Neither a name nor a command where none belongs.
    "weight shop/127.0.0.1:9 ": set(), "drain --reason ": set(), "plan new.toml ": set(),
}


@pytest.mark.parametrize("shell", [bash, zsh, fish], ids=lambda shell: shell.__name__)
def test_completion_offers_what_could_follow(director, monkeypatch, tmp_path, shell):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "new.toml").touch()
    told = {line: offered(shell, director, line) for line in LINES}
    assert told == LINES


def test_bash_takes_a_word_to_end_at_a_colon(director):
    line = f"lvsctl --socket {director.socket} drain shop/127.0.0.1:"
    assert set(bash(director, line, breaks="' :'").stdout.split()) == {"9", "10"}


def test_the_file_for_zsh_is_sound(director):
    director.node.run(["zsh", "-n", ROOT / "etc/completion/_lvsctl"])
