# SPDX-License-Identifier: GPL-2.0-or-later
"""The recipes of CONTRIBUTING.md, followed in a copy of the tree: a kind of check and a scheduler that nobody has."""

import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest

from labkit.paths import ROOT

LAB = {"when": "long"}

RECIPES = Path(__file__).with_name("recipes")
STUB = '// SPDX-License-Identifier: GPL-2.0\n#define LVS_STUB "newest"\n#include "stub.h"\n'

# Most of the copy's objects come from the compiler's cache.
pytestmark = pytest.mark.limit(1500)


def run(*command, cwd, timeout=1200) -> str:
    environment = dict(os.environ, CCACHE_BASEDIR=str(cwd), CCACHE_NOHASHDIR="1")
    done = subprocess.run([str(word) for word in command], text=True, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT, timeout=timeout, cwd=cwd, env=environment)
    assert done.returncode == 0, f"{command}:\n{done.stdout}"
    return done.stdout


class Contributor:
    def __init__(self, tree: Path):
        self.tree = tree

    def copy(self, name: str, to: str) -> None:
        shutil.copy(RECIPES / name, self.tree / to)

    def edit(self, path: str, *changes: tuple[str, str]) -> None:
        """Each pattern is there once; a tree in which it is not has outgrown this test, or the recipe."""
        file = self.tree / path
        text = file.read_text()
        for pattern, replacement in changes:
            text, times = re.subn(pattern, replacement, text, flags=re.M | re.S)
            assert times == 1, f"{path}: {pattern} found {times} times"
        file.write_text(text)

    def add_a_kind_of_check(self) -> None:
        self.copy("banner.cpp", "checkers/banner.cpp")
        self.edit("checkers/kind.hpp", (r"^(extern const Kind kFile;)$", r"\1\nextern const Kind kBanner;"))
        self.edit("checkers/kinds.cpp", (r"(kAll\{[^;]*)\};", r"\1, &kBanner};"))
        self.edit("checkers/CMakeLists.txt", (r"(lvs_library\(lvs_checkers )", r"\1banner.cpp "))

    def add_a_scheduler(self) -> None:
        self.copy("lvs_sched_newest.c", "ipvs/kmod/lvs_sched_newest.c")
        self.edit("ipvs/kmod/lvs_sched.h", (r"(lvs_sched_mh, lvs_sched_twos);", r"\1, lvs_sched_newest;"))
        self.edit("ipvs/kmod/lvs_sched.c", (r"(&lvs_sched_twos),", r"\1, &lvs_sched_newest,"))
        self.edit("ipvs/kmod/Kbuild", (r"(lvs_sched_twos\.o)", r"\1 lvs_sched_newest.o"),
                  (r"(ip_vs_twos\.o)", r"\1 ip_vs_newest.o"))
        (self.tree / "ipvs/kmod/stubs/ip_vs_newest.c").write_text(STUB)
        conf = self.tree / "ipvs/kmod/dkms.conf"
        number = conf.read_text().count("BUILT_MODULE_NAME")
        conf.write_text(conf.read_text() + f'BUILT_MODULE_NAME[{number}]="ip_vs_newest"\n'
                        f'BUILT_MODULE_LOCATION[{number}]="stubs"\nDEST_MODULE_LOCATION[{number}]="/updates/dkms"\n')
        self.edit("ipvs/lvsd-ipvs", (r'^(SCHEDULERS=".*?)"$', r'\1 newest"'))
        self.edit("lvsd/config/sections.cpp", (r"std::string_view, 14> (kSchedulers\{[^}]*)\}", r"std::string_view, 15> \1"
                                               r', "newest"}'))
        self.edit("tests/kmod/sched_world.h", (r"^(#include [^\n]*lvs_sched_nq\.c\")$",
                                               r'#include "../../ipvs/kmod/lvs_sched_newest.c"\n\1'))
        self.edit("tests/kmod/sched_reference.h",
                  (r'^(\tif \(!strcmp\(name, "nq"\) && !s->active)',
                   r'\tif (!strcmp(name, "newest"))\n\t\tf->num = f->den = 1;\n\1'))
        self.edit("tests/kmod/sched_test.c", (r'("lblc", "lblcr") \};', r'\1, "newest" };'),
                  (r'(expect_picks\(&w, "11"\);)(\n\tworld_end\(&w\);\n\}\n\n/\* While)',
                   r'\1\n\tworld_bind(&w, "newest");\n\texpect_picks(&w, "444");\n\tedit_weight(&w, s, 0);\n\texpect_picks(&w, "222");\2'))


@pytest.fixture(scope="module")
def tree(tmp_path_factory) -> Path:
    """A copy with both recipes carried out."""
    copy = tmp_path_factory.mktemp("recipes") / "lvsd"
    shutil.copytree(ROOT, copy, symlinks=True, ignore=lambda folder, names:
                    {"build", ".git", "__pycache__"} & set(names) if Path(folder) == ROOT else {"__pycache__"} & set(names))
    contributor = Contributor(copy)
    contributor.add_a_kind_of_check()
    contributor.add_a_scheduler()
    run("cmake", "--preset", "release", cwd=copy)
    run("cmake", "--build", "--preset", "release", "--target", "lvsd-all", "lab-load", cwd=copy)
    yield copy
    shutil.rmtree(copy, ignore_errors=True)


def test_the_new_kind_is_known_everywhere(tree, tmp_path):
    lvsd = tree / "build/release/bin/lvsd"
    assert '"begins": {' in run(lvsd, "--print-schema", cwd=tree)
    assert ".SS banner\n" in run(lvsd, "--print-manual", cwd=tree)
    config = tmp_path / "lvsd.toml"
    service = '[virtual_service.s]\naddress = "192.0.2.1:22"\nservers = ["10.0.0.1"]\n'
    config.write_text(service + 'check = { kind = "banner", begins = "SSH" }\n')
    assert 'kind = "banner"' in run(lvsd, "--print-effective", "--config", config, cwd=tree)
    config.write_text(service + 'check = { kind = "banner", begin = "SSH" }\n')
    told = subprocess.run([lvsd, "--check", "--config", config], text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    assert told.returncode == 1 and "did you mean `begins`" in told.stdout, told.stdout


def test_the_new_scheduler_agrees_with_its_reference(tree, tmp_path):
    run("make", "-s", "-C", tree / "tests/kmod", f"OUT={tmp_path}", tmp_path / "sched_test", cwd=tree)
    run(tmp_path / "sched_test", cwd=tree)


def test_both_work_in_a_machine(tree):
    told = run(tree / "tests/lab", "run", "--ipvs", "bundled", "--timeout", "500", "--",
               tree / "tests/lab_tests/recipes/story.sh", tree, cwd=tree)
    assert told.rstrip().endswith("the end"), told
