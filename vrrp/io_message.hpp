// SPDX-License-Identifier: GPL-2.0-or-later
//
// A netlink message that frees itself.
#pragma once

#include <netlink/msg.h>

#include <memory>

namespace lvs::vrrp::io {

struct MessageFree {
    void operator()(nl_msg* message) const { nlmsg_free(message); }
};
using Message = std::unique_ptr<nl_msg, MessageFree>;

}  // namespace lvs::vrrp::io
