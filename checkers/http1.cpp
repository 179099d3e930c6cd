// SPDX-License-Identifier: GPL-2.0-or-later
#include "checkers/http1.hpp"

#include <boost/beast/http/basic_parser.hpp>
#include <boost/beast/http/error.hpp>

#include <fmt/core.h>

#include <algorithm>

namespace lvs::checkers {

namespace http = boost::beast::http;
using boost::beast::string_view;
using boost::system::error_code;

// Keeps the status and the beginning of the body; fields pass unseen.
class Http1Exchange::Parser final : public http::basic_parser<false> {
public:
    Parser(bool to_head, bool keep_body) : keep_body_(keep_body) {
        header_limit(kMaxHeader);
        body_limit(boost::none);  // bounded here
        eager(true);
        skip(to_head);
    }
    unsigned status = 0;
    bool header_done = false;
    std::string body;

private:
    using Text = string_view;
    using Limit = boost::optional<std::uint64_t>;

    void on_request_impl(http::verb /*method*/, Text /*name*/, Text /*target*/, int /*version*/,
                         error_code& /*ec*/) override {}
    void on_response_impl(int code, Text /*reason*/, int /*version*/, error_code& /*ec*/) override {
        status = static_cast<unsigned>(code);
    }
    void on_field_impl(http::field /*known*/, Text /*name*/, Text /*value*/, error_code& /*ec*/) override {}
    void on_header_impl(error_code& /*ec*/) override { header_done = true; }
    void on_body_init_impl(const Limit& /*length*/, error_code& /*ec*/) override {}
    std::size_t on_body_impl(Text text, error_code& /*ec*/) override { return take(text); }
    void on_chunk_header_impl(std::uint64_t /*size*/, Text /*extensions*/, error_code& /*ec*/) override {}
    std::size_t on_chunk_body_impl(std::uint64_t /*left*/, Text text, error_code& /*ec*/) override {
        return take(text);
    }
    void on_finish_impl(error_code& /*ec*/) override {}

    std::size_t take(Text text) {
        if (keep_body_) body.append(text.data(), std::min(text.size(), kMaxBody - body.size()));
        return text.size();
    }
    bool keep_body_;
};

Http1Exchange::Http1Exchange(std::string request, bool to_head, bool keep_body)
    : request_(std::move(request)),
      to_head_(to_head),
      keep_body_(keep_body),
      parser_(std::make_unique<Parser>(to_head, keep_body)) {}

Http1Exchange::~Http1Exchange() = default;

bool Http1Exchange::has_header() const {
    return parser_->header_done;
}
bool Http1Exchange::is_complete() const {
    return parser_->is_done() || parser_->body.size() == kMaxBody;
}
unsigned Http1Exchange::status() const {
    return parser_->status;
}
const std::string& Http1Exchange::body() const {
    return parser_->body;
}

bool Http1Exchange::feed(std::span<const std::uint8_t> bytes) {
    while (!bytes.empty() && !is_complete()) {
        // In slices, so that what waits for the parser stays small however much arrives at once.
        const auto slice = bytes.first(std::min(bytes.size(), kMaxHeader));
        bytes = bytes.subspan(slice.size());
        pending_.append(reinterpret_cast<const char*>(slice.data()), slice.size());
        if (!parse_pending()) return false;
        if (pending_.size() > kMaxHeader)
            return refuse(has_header() ? "a chunk header larger than 16 KiB" : "a header larger than 16 KiB");
    }
    return true;
}

// The header goes to the parser in one piece, so that the result does not hang on how the bytes arrive.
bool Http1Exchange::is_header_here() {
    constexpr std::string_view kStart = "HTTP/1.";
    constexpr std::string_view kEnd = "\r\n\r\n";
    const auto beginning = std::string_view(pending_).substr(0, kStart.size());
    if (!kStart.starts_with(beginning)) return true;  // wrong already: the parser will say so
    const auto end = pending_.find(kEnd, searched_);
    searched_ = pending_.size() < kEnd.size() ? 0 : pending_.size() - kEnd.size() + 1;
    return end != std::string::npos;
}

bool Http1Exchange::parse_pending() {
    while (!pending_.empty() && !is_complete()) {
        if (!has_header() && !is_header_here()) return true;
        searched_ = 0;
        if (!has_header() && !pending_.starts_with("HTTP/1.")) return refuse("it does not begin with HTTP/1");
        error_code ec;
        const auto used = parser_->put({pending_.data(), pending_.size()}, ec);
        pending_.erase(0, used);
        if (ec == http::error::header_limit) return refuse("a header larger than 16 KiB");
        if (ec && ec != http::error::need_more) return refuse(ec.message());
        if (parser_->is_done() && parser_->status / 100 == 1 && parser_->status != 101) {
            if (++interim_ > 8) return refuse("more than 8 interim answers");
            parser_ = std::make_unique<Parser>(to_head_, keep_body_);
            continue;
        }
        if (used == 0) break;
    }
    return true;
}

bool Http1Exchange::finish() {
    if (is_complete()) return true;
    if (!has_header()) return refuse("an incomplete header");
    error_code ec;
    parser_->put_eof(ec);
    if (ec) return refuse("an incomplete answer");
    return true;
}

std::unique_ptr<HttpExchange> start_http1(const HttpRequest& request, std::string_view host, bool keep_body) {
    auto text = fmt::format("{} {} HTTP/1.1\r\nHost: {}\r\nUser-Agent: lvsd\r\nAccept: */*\r\n",
                            request.method, request.path, host);
    for (const auto& [name, value] : request.fields)
        text.append(name).append(": ").append(value).append("\r\n");
    const bool may_have_body = request.method != "GET" && request.method != "HEAD";
    if (may_have_body || !request.body.empty())
        text += fmt::format("Content-Length: {}\r\n", request.body.size());
    text.append("Connection: close\r\n\r\n").append(request.body);
    return std::make_unique<Http1Exchange>(std::move(text), request.method == "HEAD", keep_body);
}

}  // namespace lvs::checkers
