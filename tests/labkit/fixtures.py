# SPDX-License-Identifier: GPL-2.0-or-later
"""What tests in tests/net, tests/vm and tests/lab_tests have at hand."""

import sys

import pytest

from .cluster import Cluster


@pytest.fixture
def make_cluster(request):
    """make_cluster(topology) builds a cluster that is removed at the end of the test; when the test fails, the ends
    of its daemons' logs are in the report."""
    made = []

    def make(topology) -> Cluster:
        cluster = Cluster(topology)
        cluster.__enter__()
        made.append(cluster)
        return cluster

    yield make
    for cluster in made:
        sys.stderr.write(cluster.logs() + "\n")
        cluster.remove()
