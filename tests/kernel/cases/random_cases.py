# SPDX-License-Identifier: GPL-2.0-or-later
"""The generated cases and how many of each."""

import generate
from case import generated

generated("random_control", 60)(generate.control)
generated("random_requests", 40)(generate.malformed)
generated("random_packets", 80)(generate.packets)
generated("random_changes", 60)(generate.changes)
generated("random_mutations", 40)(generate.mutated)
