# SPDX-License-Identifier: GPL-2.0-or-later
def run(*_): return 1
