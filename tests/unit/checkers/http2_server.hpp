// SPDX-License-Identifier: GPL-2.0-or-later
//
// An HTTP/2 server over memory, for one request.
#pragma once

#include <string>
#include <string_view>
#include <utility>
#include <vector>

struct nghttp2_session;

namespace lvs::checkers {

using Fields = std::vector<std::pair<std::string, std::string>>;

struct Http2Answer {
    Fields header{{":status", "200"}};
    std::string body{};
    Fields trailer{};
};

class Http2Server {
public:
    explicit Http2Server(Http2Answer answer);
    ~Http2Server();
    Http2Server(const Http2Server&) = delete;
    Http2Server& operator=(const Http2Server&) = delete;
    // Bytes from the client; returns those for it.
    [[nodiscard]] std::string exchange(std::string_view bytes);
    // "name: value" lines of the request, then its body.
    [[nodiscard]] const std::string& request() const { return request_; }

private:
    struct Callbacks;
    void answer(int stream);
    nghttp2_session* session_ = nullptr;
    Http2Answer answer_;
    std::size_t sent_ = 0;
    std::string request_;
};

// The bytes of a healthy answer of grpc.health.v1.Health/Check.
[[nodiscard]] Http2Answer health_answer(char serving, std::string grpc_status = "0");

}  // namespace lvs::checkers
