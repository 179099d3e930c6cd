// SPDX-License-Identifier: GPL-2.0-or-later
//
// print_schema | print_schema manual: what is made from the tables and the kinds of the tests, for scripts to
// judge.
#include <fmt/core.h>

#include "tests/unit/config/kinds.hpp"

int main(int argc, char**) {
    fmt::print("{}", argc > 1 ? lvs::config::manual(lvs::config::test::kKinds)
                              : lvs::config::json_schema(lvs::config::test::kKinds));
    return 0;
}
