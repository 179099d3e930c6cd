// SPDX-License-Identifier: GPL-2.0-or-later
//
// An HTTP/1.1 response read piece by piece, with bounds: a header of at most 16 KiB, the first 64 KiB of the body,
// chunked coding removed. Interim (1xx) answers are skipped. The parser behind it is Boost.Beast's, which does no
// I/O; only http1.cpp sees it.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>

namespace lvs::checkers {

class Http1Reader {
   public:
    static constexpr std::size_t kMaxHeader = std::size_t{16} * 1024;
    static constexpr std::size_t kMaxBody = std::size_t{64} * 1024;

    // `to_head`: the request was HEAD, so no body follows. `keep_body`: the body is wanted.
    Http1Reader(bool to_head, bool keep_body);
    Http1Reader(const Http1Reader&) = delete;
    Http1Reader& operator=(const Http1Reader&) = delete;
    ~Http1Reader();

    // False when the answer is broken; error() says how, in English. Not to be called again after that.
    bool feed(std::span<const std::uint8_t> bytes);
    // The server closed: false when that cuts the answer short.
    bool finish();

    [[nodiscard]] bool has_header() const;
    [[nodiscard]] bool is_complete() const;  // or the body's bound is reached
    [[nodiscard]] unsigned status() const;   // of the final answer, once has_header()
    [[nodiscard]] const std::string& body() const;
    [[nodiscard]] const std::string& error() const { return error_; }

   private:
    class Parser;
    bool parse_pending();
    bool is_header_here();
    bool refuse(std::string why);

    bool to_head_;
    bool keep_body_;
    unsigned interim_ = 0;
    std::unique_ptr<Parser> parser_;
    std::string pending_;       // received, not yet taken by the parser
    std::size_t searched_ = 0;  // in pending_, for the end of the header
    std::string error_;
};

}  // namespace lvs::checkers
