# SPDX-License-Identifier: GPL-2.0-or-later
"""The kernels in the cache are enough to build a module against and to load it."""

import subprocess
from pathlib import Path

import pytest

from labkit import kernels

LAB = Path(__file__).resolve().parents[1] / "lab"
MODULE = """
#include <linux/module.h>
MODULE_LICENSE("GPL");
static int __init lab_hello_init(void) { return 0; }
static void __exit lab_hello_exit(void) {}
module_init(lab_hello_init);
module_exit(lab_hello_exit);
"""

pytestmark = pytest.mark.limit(600)


@pytest.mark.parametrize("name", ["6.1", "6.12"])
def test_an_external_module_is_built_and_loaded(name, tmp_path):
    (tmp_path / "lab_hello.c").write_text(MODULE)
    (tmp_path / "Kbuild").write_text("obj-m := lab_hello.o\n")
    headers = kernels.ensure_headers(kernels.ensure(name))
    made = subprocess.run(["make", "-C", headers, f"M={tmp_path}", "modules"], text=True, stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT)
    assert made.returncode == 0, made.stdout
    loaded = subprocess.run([LAB, "run", "--kernel", name, "--ipvs", "none", "--", "sh", "-c",
                             f"insmod {tmp_path}/lab_hello.ko && test -d /sys/module/lab_hello && rmmod lab_hello"],
                            stderr=subprocess.PIPE, text=True)
    assert loaded.returncode == 0, loaded.stderr
