# SPDX-License-Identifier: GPL-2.0-or-later
"""Help for editors and CI: the JSON schema and the manual that come out of the parser's tables, and hooks that check
a configuration before it is committed."""

import json
import os
import re
import shutil
import subprocess
import tomllib

import pytest
from jsonschema import Draft202012Validator

from labkit.paths import ROOT, bin_dir

LVSD = bin_dir() / "lvsd"
FENCED = re.compile(r"^```toml[^\n]*\n(.*?)^```$", re.MULTILINE | re.DOTALL)
GOOD = (ROOT / "etc/doc/first.toml").read_text()
WRONG = 'virtual_ruoter.web = { interface = "eth0", vrid = 51, addresses = ["192.0.2.10/24"] }\n'


def printed(option):
    return subprocess.run([LVSD, option], stdout=subprocess.PIPE, text=True, check=True).stdout


@pytest.fixture(scope="module")
def schema():
    made = json.loads(printed("--print-schema"))
    Draft202012Validator.check_schema(made)
    return Draft202012Validator(made)


def configurations():
    """(name, text) of every configuration that is shown to anybody."""
    for name in ("etc/lvsd.toml", "etc/start.toml", "etc/doc/first.toml"):
        yield name, (ROOT / name).read_text()
    for guide in (ROOT / "README.md", *sorted((ROOT / "etc/doc").glob("*.md"))):
        for number, text in enumerate(FENCED.findall(guide.read_text()), 1):
            yield f"{guide.name}, {number}", text
    example = (ROOT / "etc/lvsd.toml").read_text()
    yield "etc/lvsd.toml, all on", re.sub(r"^#(?=[^ \n])", "", example, flags=re.M)


SHOWN = dict(configurations())


@pytest.mark.parametrize("name", SHOWN)
def test_the_schema_accepts_what_is_shown(schema, name):
    wrong = [f"{list(error.path)}: {error.message}" for error in schema.iter_errors(tomllib.loads(SHOWN[name]))]
    assert not wrong, wrong


@pytest.mark.parametrize("change", [
    ("vrid = 51", "vrid = 510"), ("vrid = 51", 'vrid = "51"'), ("interface =", "interfaces ="), ('"192.0.2.10/24"', ""),
    ('"192.0.2.10:80"', '"192.0.2.10"'), ("servers =", "server ="), ('"http"', '"htttp"'), ('path = "/healthz"', "path = 1"),
    ('path = "/healthz"', 'interval = "1"'), ("[virtual_service.web]", "[virtual_services.web]")], ids=lambda change: change[0])
def test_the_schema_refuses_what_lvsd_refuses(schema, tmp_path, change):
    assert change[0] in GOOD
    bad = tmp_path / "lvsd.toml"
    bad.write_text(GOOD.replace(*change))
    done = subprocess.run([LVSD, "--check", "--config", bad], capture_output=True, text=True)
    assert done.returncode == 1 and re.search(r"lvsd\.toml:\d+:\d+: .+", done.stdout + done.stderr)
    assert not schema.is_valid(tomllib.loads(bad.read_text()))


SERVICE = "[virtual_service.s]\naddress = '192.0.2.1:80'\nservers = ['10.0.0.1']\n"


@pytest.mark.parametrize("text", [
    "[server_template.t]\naddress = '10.0.0.1'\n", "[server_template.t]\ntemplate = 'u'\n", "[server_defaults]\ntemplate = 'u'\n",
    "[server_group.g]\n", "[service_defaults]\nservices = 1\n", *(
        f"{SERVICE}check = {{ kind = '{kind}', {key} }}\n" for kind in ("script', command = ['/bin/x'], start = 'up", "file', path = '/x")
        for key in ("source = '10.0.0.2'", "interface = 'eth1'", "fwmark = 7"))])
def test_no_key_is_accepted_by_the_schema_alone(schema, tmp_path, text):
    file = tmp_path / "lvsd.toml"
    file.write_text(text)
    assert subprocess.run([LVSD, "--check", "--config", file], capture_output=True).returncode == 1
    assert not schema.is_valid(tomllib.loads(text))


def test_the_manual_describes_each_key_once():
    page = printed("--print-manual")
    for section in ("[server_template.NAME]", "[service_defaults]", "[server_defaults]"):
        (part,) = re.findall(rf'^\.SH "{re.escape(section)}"\n(.*?)^\.SH', page.replace("\\-", "-"), re.MULTILINE | re.DOTALL)
        assert "The keys are those of " in part and ".TP" not in part
    assert "The keys are those of a server, without \\fBaddress\\fR and \\fBtemplate\\fR." in page
    kinds = page.partition(".SH \"KINDS OF CHECKS\"")[2].partition("\n.SH ")[0]
    described = re.findall(r"^\.TP\n\.B (\S+)\n(.*)$", kinds, re.MULTILINE)
    assert len(described) > 30 and len(described) == len(set(described))
    assert kinds.count("The server's certificate") + kinds.count("the server's certificate must be valid") == 1


def test_every_manual_is_sound(tmp_path):
    made = tmp_path / "lvsd.toml.5"
    made.write_text(printed("--print-manual"))
    for page in (made, *sorted((ROOT / "etc/man").iterdir())):
        # Long lines of the source are the one thing of mandoc's that is a matter of taste.
        told = subprocess.run(["mandoc", "-T", "lint", page], stdout=subprocess.PIPE, text=True).stdout.splitlines()
        assert [line for line in told if "STYLE: input text line longer than 80 bytes" not in line] == []


@pytest.fixture
def repository(tmp_path):
    """A repository of somebody who keeps configurations in git."""
    for command in (("init", "-q"), ("config", "user.name", "somebody"), ("config", "user.email", "somebody@example.net")):
        subprocess.run(["git", *command], cwd=tmp_path, check=True)
    (tmp_path / "lvsd.toml").write_text(GOOD)
    (tmp_path / "pyproject.toml").write_text("not = 'ours'\n")
    return tmp_path


def typed(folder, *command):
    """The status and what was said, with lvsd where it is found when it is installed."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith("GIT_")}
    environment |= {"PATH": f"{bin_dir()}:{environment['PATH']}", "PRE_COMMIT_HOME": str(folder / ".git/cache")}
    done = subprocess.run(command, cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, env=environment)
    return done.returncode, done.stdout


def test_the_hook_of_git(repository):
    shutil.copy(ROOT / "etc/examples/pre-commit", repository / ".git/hooks/pre-commit")
    typed(repository, "git", "add", "-A")
    assert typed(repository, "git", "commit", "-q", "-m", "good")[0] == 0
    (repository / "lvsd-b.toml").write_text(WRONG)
    typed(repository, "git", "add", "-A")
    (repository / "lvsd-b.toml").write_text(GOOD)  # what counts is what is staged
    status, said = typed(repository, "git", "commit", "-q", "-m", "wrong")
    assert status == 1 and re.search(r"^lvsd-b\.toml:1:1: .*did you mean `virtual_router`", said, re.M), said
    typed(repository, "git", "add", "-A")
    assert typed(repository, "git", "commit", "-q", "-m", "mended")[0] == 0


def test_the_hook_of_pre_commit(repository):
    shutil.copy(ROOT / "etc/examples/pre-commit-config.yaml", repository / ".pre-commit-config.yaml")
    typed(repository, "git", "add", "-A")
    status, said = typed(repository, "pre-commit", "run", "--all-files")
    assert status == 0, said
    (repository / "lvsd-b.toml").write_text(WRONG)
    typed(repository, "git", "add", "-A")
    status, said = typed(repository, "pre-commit", "run", "--all-files")
    assert status == 1 and re.search(r"^lvsd-b\.toml:1:1: .*did you mean `virtual_router`", said, re.M), said
