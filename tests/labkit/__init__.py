# SPDX-License-Identifier: GPL-2.0-or-later
"""What stands behind tests/lab: packages, builds, virtual machines, clusters of namespaces, and the test runner.

Reading order: cli (the commands), paths, say; then packages, build, kernels, initramfs, vm (how a machine comes
to be and how its command's end is known); then topology, node (clusters of namespaces, natively or in the
machine); then tests, bench, demo. Only Python's standard library is used.
"""
