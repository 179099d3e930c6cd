// SPDX-License-Identifier: GPL-2.0-or-later
//
// One request and its answer, whatever the version of HTTP: bytes out, bytes in, a status and the beginning
// of the body. http1.hpp and http2.hpp are the versions; http.cpp and grpc.cpp judge what came.
//
// Bounded in both: a header of at most 16 KiB, the first 64 KiB of the body; interim (1xx) answers are passed
// over.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace lvs::checkers {

using HeaderFields = std::vector<std::pair<std::string, std::string>>;

struct HttpRequest {
    std::string method = "GET";
    std::string path = "/";
    HeaderFields fields;  // beyond those that every request has
    std::string body;
};

class HttpExchange {
public:
    static constexpr std::size_t kMaxHeader = std::size_t{16} * 1024;
    static constexpr std::size_t kMaxBody = std::size_t{64} * 1024;

    HttpExchange() = default;
    HttpExchange(const HttpExchange&) = delete;
    HttpExchange& operator=(const HttpExchange&) = delete;
    virtual ~HttpExchange() = default;

    // What is to be sent now; at first the request.
    [[nodiscard]] virtual std::string take_output() = 0;
    // False when the answer is broken; error() says how, in English. Not to be called again after that.
    virtual bool feed(std::span<const std::uint8_t> bytes) = 0;
    // The server closed: false when that cuts the answer short.
    virtual bool finish() = 0;

    [[nodiscard]] virtual bool has_header() const = 0;
    [[nodiscard]] virtual bool is_complete() const = 0;  // or the body's bound is reached
    [[nodiscard]] virtual unsigned status() const = 0;   // of the final answer, once has_header()
    [[nodiscard]] virtual const std::string& body() const = 0;
    [[nodiscard]] const std::string& error() const { return error_; }

protected:
    bool refuse(std::string why) {
        error_ = std::move(why);
        return false;
    }

private:
    std::string error_;
};

// `keep_body`: the body is wanted.
[[nodiscard]] std::unique_ptr<HttpExchange> start_http1(const HttpRequest& request, std::string_view host,
                                                        bool keep_body);
// Field names are in lower case; `scheme` is "http" or "https".
[[nodiscard]] std::unique_ptr<HttpExchange> start_http2(const HttpRequest& request,
                                                        std::string_view authority, std::string_view scheme,
                                                        bool keep_body);

}  // namespace lvs::checkers
