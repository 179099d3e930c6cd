// SPDX-License-Identifier: GPL-2.0-or-later
//
// The one door to Asio. Few files should pass it: it costs seconds to compile. Only what the loop, its timers,
// descriptors, local sockets and signals need; no coroutines (g++ 12 miscompiles them), no resolver, no TLS.
// Handlers take an error_code and do not throw.
#pragma once

#include <boost/asio/error.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/local/stream_protocol.hpp>
#include <boost/asio/posix/stream_descriptor.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/signal_set.hpp>
#include <boost/asio/steady_timer.hpp>

namespace lvs {

namespace asio = boost::asio;
using boost::system::error_code;
using ErrorCode = error_code;

}  // namespace lvs
