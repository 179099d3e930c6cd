// SPDX-License-Identifier: GPL-2.0-or-later
//
// Operations of a Kernel that have a file of their own. Private to lvs_ipvs_io.
#pragma once

#include "ipvs/reconcile.hpp"
#include "ipvs/session.hpp"

namespace lvs::ipvs {

[[nodiscard]] std::shared_ptr<Session::Operation> make_apply(Session& session, Job job,
                                                             std::size_t batch_bytes, ApplyHandler handler);

}  // namespace lvs::ipvs
