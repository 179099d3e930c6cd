// SPDX-License-Identifier: GPL-2.0-or-later
//
// The one door to Boost.Asio: narrow headers (asio.hpp as a whole costs seconds per file), short names.
// Handlers take an ErrorCode and do not throw. No coroutines: g++ 12.2 miscompiles them.
#pragma once

#include <boost/asio/io_context.hpp>
#include <boost/asio/local/stream_protocol.hpp>
#include <boost/asio/posix/stream_descriptor.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/steady_timer.hpp>

namespace lvs {

namespace asio = boost::asio;
using ErrorCode = boost::system::error_code;

}  // namespace lvs
