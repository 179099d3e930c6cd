// SPDX-License-Identifier: GPL-2.0-or-later
//
// HTTP/2 (RFC 9113): one request on one stream of a fresh connection. The protocol engine is nghttp2, which
// does no I/O; only http2.cpp sees it. Nothing is pushed, no header is kept for compression, and what the
// connection makes us answer (settings, pings) is never more than what came in.
#pragma once

#include "checkers/http_exchange.hpp"

struct nghttp2_session;

namespace lvs::checkers {

class Http2Exchange final : public HttpExchange {
public:
    // `scheme` is "http" or "https".
    Http2Exchange(const HttpRequest& request, std::string_view authority, std::string_view scheme,
                  bool keep_body);
    ~Http2Exchange() override;

    [[nodiscard]] std::string take_output() override;
    bool feed(std::span<const std::uint8_t> bytes) override;
    bool finish() override { return complete_; }
    [[nodiscard]] bool has_header() const override { return has_header_; }
    [[nodiscard]] bool is_complete() const override { return complete_ || body_.size() == kMaxBody; }
    [[nodiscard]] unsigned status() const override { return status_; }
    [[nodiscard]] const std::string& body() const override { return body_; }
    // Of the header or the trailer, "" when it did not come: "grpc-status", "grpc-message".
    [[nodiscard]] const std::string& grpc_status() const { return grpc_status_; }
    [[nodiscard]] const std::string& grpc_message() const { return grpc_message_; }

private:
    struct Callbacks;
    void submit(const HttpRequest& request, std::string_view authority, std::string_view scheme);
    bool take_field(std::string_view name, std::string_view value);
    bool take_end_of_header();
    bool receive(std::span<const std::uint8_t> bytes);
    void collect_output();
    void explain(std::string_view text);

    nghttp2_session* session_ = nullptr;
    std::vector<std::uint8_t> head_;  // of the next frame, as far as it came
    std::size_t payload_left_ = 0;    // of the current one
    std::string output_;
    std::string request_body_;
    std::size_t request_sent_ = 0;
    bool keep_body_;
    bool has_header_ = false;
    bool complete_ = false;
    unsigned status_ = 0;
    unsigned interim_ = 0;
    std::size_t header_size_ = 0;
    std::string body_;
    std::string grpc_status_;
    std::string grpc_message_;
    std::string trouble_;  // what nghttp2 or the server said
};

}  // namespace lvs::checkers
