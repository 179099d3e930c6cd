// SPDX-License-Identifier: GPL-2.0-or-later
//
// HTTP/1.1 (RFC 9112): an answer read piece by piece, chunked coding removed. The parser behind it is
// Boost.Beast's, which does no I/O; only http1.cpp sees it.
#pragma once

#include "checkers/http_exchange.hpp"

namespace lvs::checkers {

class Http1Exchange final : public HttpExchange {
public:
    // `to_head`: the request was HEAD, so no body follows.
    Http1Exchange(std::string request, bool to_head, bool keep_body);
    ~Http1Exchange() override;

    [[nodiscard]] std::string take_output() override { return std::exchange(request_, {}); }
    bool feed(std::span<const std::uint8_t> bytes) override;
    bool finish() override;
    [[nodiscard]] bool has_header() const override;
    [[nodiscard]] bool is_complete() const override;
    [[nodiscard]] unsigned status() const override;
    [[nodiscard]] const std::string& body() const override;

private:
    class Parser;
    bool parse_pending();
    bool is_header_here();

    std::string request_;
    bool to_head_;
    bool keep_body_;
    unsigned interim_ = 0;
    std::unique_ptr<Parser> parser_;
    std::string pending_;       // received, not yet taken by the parser
    std::size_t searched_ = 0;  // in pending_, for the end of the header
};

}  // namespace lvs::checkers
