// SPDX-License-Identifier: GPL-2.0-or-later
//
// http: a request is answered with an accepted status and, if asked for, the expected text in the body.
#include <fmt/core.h>

#include <algorithm>
#include <array>

#include "checkers/http1.hpp"
#include "checkers/kind.hpp"
#include "checkers/reason.hpp"

namespace lvs::checkers {

namespace {

constexpr std::array<std::string_view, 2> kMethods{"GET", "HEAD"};
constexpr std::uint64_t kMaxReceived = std::uint64_t{512} * 1024;  // framing included

constexpr std::array kKeys{
    KeySpec{.key = "method",
            .type = ValueType::choice,
            .fallback = "GET",
            .choices = kMethods,
            .doc = "The request method. HEAD spares the server the body.",
            .example = "\"HEAD\""},
    KeySpec{.key = "path",
            .fallback = "/",
            .doc = "The path to ask for, with its query if there is one.",
            .example = "\"/health?full=1\""},
    KeySpec{.key = "host",
            .doc = "The Host header. Default: the address that is checked.",
            .example = "\"www.example.org\""},
    KeySpec{.key = "headers",
            .type = ValueType::strings,
            .doc = "More request headers, each \"Name: value\".",
            .example = "[\"X-Check: lvsd\"]"},
    KeySpec{.key = "status",
            .type = ValueType::ranges,
            .fallback = "200-299",
            .min = 100,
            .max = 599,
            .doc = "The accepted status codes. A redirect is not followed: accept 301 if that is the right answer.",
            .example = "[200, \"300-399\"]"},
    KeySpec{.key = "body",
            .doc = "Text that must occur in the first 64 KiB of the body. Without it the verdict falls as soon as "
                   "the header is complete.",
            .example = "\"ready\""},
};

struct HttpPlan final : Plan {
    std::string method;
    std::string path;
    std::string host;
    std::string headers;  // each with its line end
    std::vector<StatusRange> accepted;
    std::string accepted_text;
    std::string body;
    [[nodiscard]] std::unique_ptr<Probe> start(const Endpoint& target, std::uint64_t seed) const override;
};

class HttpProbe final : public Probe {
   public:
    HttpProbe(const HttpPlan& plan, const Endpoint& target)
        : plan_(plan), target_(target), reader_(plan.method == "HEAD", !plan.body.empty()) {}

    Step on_connected() override {
        const auto address =
            target_.port == 80 && target_.address.is_v4() ? to_string(target_.address) : to_string(target_);
        request_ = fmt::format(
            "{} {} HTTP/1.1\r\nHost: {}\r\nUser-Agent: lvsd\r\nAccept: */*\r\n{}Connection: close\r\n\r\n",
            plan_.method, plan_.path, plan_.host.empty() ? address : plan_.host, plan_.headers);
        return Step::send(request_);
    }

    Step on_data(std::span<const std::uint8_t> bytes) override {
        received_ += bytes.size();
        if (!reader_.feed(bytes)) return Step::done(Verdict::bad("not a valid HTTP answer: " + reader_.error()));
        if (auto verdict = judge()) return Step::done(*std::move(verdict));
        if (received_ > kMaxReceived) return Step::done(missing_text());
        return Step::wait();
    }

    Verdict on_eof(const Progress& progress) override {
        if (progress.received == 0) return Probe::on_eof(progress);
        if (!reader_.finish())
            return Verdict::bad(fmt::format("connection closed after {} bytes, answer incomplete", received_));
        return judge().value_or(Verdict::bad("connection closed, answer incomplete"));
    }

   private:
    [[nodiscard]] std::optional<Verdict> judge() {
        if (!reader_.has_header() || reader_.status() < 200) return std::nullopt;
        if (!is_accepted()) return Verdict::bad(fmt::format("expected {}, got {}", plan_.accepted_text, reader_.status()));
        if (plan_.body.empty()) return Verdict::good(fmt::format("got {}", reader_.status()));
        if (is_text_found()) return Verdict::good(fmt::format("got {} with the expected text", reader_.status()));
        if (reader_.is_complete()) return missing_text();
        return std::nullopt;
    }

    [[nodiscard]] bool is_accepted() const {
        const auto status = reader_.status();
        return std::any_of(plan_.accepted.begin(), plan_.accepted.end(), [status](const StatusRange& range) {
            return range.first <= status && status <= range.last;
        });
    }

    // Looks at what is new, and at what a text split between two pieces would begin in.
    bool is_text_found() {
        const auto& body = reader_.body();
        const auto found = body.find(plan_.body, searched_) != std::string::npos;
        searched_ = body.size() < plan_.body.size() ? 0 : body.size() - plan_.body.size() + 1;
        return found;
    }

    [[nodiscard]] Verdict missing_text() const {
        return Verdict::bad(
            fmt::format("expected {} in the body, got {}", quoted(plan_.body), quoted(reader_.body())));
    }

    const HttpPlan& plan_;
    Endpoint target_;
    Http1Reader reader_;
    std::string request_;
    std::uint64_t received_ = 0;
    std::size_t searched_ = 0;
};

std::unique_ptr<Probe> HttpPlan::start(const Endpoint& target, std::uint64_t /*seed*/) const {
    return std::make_unique<HttpProbe>(*this, target);
}

// Goes into the request as it is, so it must not end the line or hide a second request.
bool is_plain(std::string_view text, bool spaces) {
    return std::all_of(text.begin(), text.end(), [spaces](char c) {
        return (c > ' ' && c != 0x7f) || (spaces && c == ' ') || (static_cast<unsigned char>(c) >= 0x80);
    });
}

bool is_header_line(std::string_view line) {
    const auto colon = line.find(':');
    return colon != std::string_view::npos && colon != 0 && is_plain(line.substr(0, colon), false) &&
           is_plain(line.substr(colon), true);
}

std::string ranges_text(const std::vector<StatusRange>& ranges) {
    std::string out;
    for (const auto& range : ranges) {
        if (!out.empty()) out += ", ";
        out += range.first == range.last ? fmt::format("{}", range.first)
                                         : fmt::format("{}-{}", range.first, range.last);
    }
    return out;
}

Result<void> validate_request(const HttpPlan& plan) {
    constexpr std::size_t kMaxRequest = 8192;
    if (plan.method != "GET" && plan.method != "HEAD")
        return fail(std::errc::invalid_argument, "method must be GET or HEAD");
    if (!plan.path.starts_with('/') || !is_plain(plan.path, false))
        return fail(std::errc::invalid_argument, "path must begin with / and have no spaces or line breaks");
    if (!is_plain(plan.host, false)) return fail(std::errc::invalid_argument, "host must have no spaces or line breaks");
    if (plan.path.size() + plan.host.size() + plan.headers.size() > kMaxRequest)
        return fail(std::errc::invalid_argument, "path, host and headers have at most 8192 bytes together");
    return {};
}

Result<void> read_expectations(const Params& params, HttpPlan& plan) {
    plan.accepted = value_or<std::vector<StatusRange>>(params, "status", {StatusRange{}});
    plan.accepted_text = ranges_text(plan.accepted);
    plan.body = value_or<std::string>(params, "body", "");
    if (plan.accepted.empty()) return fail(std::errc::invalid_argument, "status must name at least one code");
    if (plan.body.size() > 4096) return fail(std::errc::invalid_argument, "body has at most 4096 bytes");
    if (!plan.body.empty() && plan.method == "HEAD")
        return fail(std::errc::invalid_argument, "method HEAD has no body to look at");
    return {};
}

Result<PlanPtr> make_http(const Params& params) {
    auto plan = std::make_shared<HttpPlan>();
    plan->method = value_or<std::string>(params, "method", "GET");
    plan->path = value_or<std::string>(params, "path", "/");
    plan->host = value_or<std::string>(params, "host", "");
    for (const auto& line : value_or<std::vector<std::string>>(params, "headers", {})) {
        if (!is_header_line(line))
            return fail(std::errc::invalid_argument, "headers: expected \"Name: value\", got " + quoted(line));
        plan->headers += line + "\r\n";
    }
    if (auto request = validate_request(*plan); !request) return std::unexpected(request.error());
    if (auto expected = read_expectations(params, *plan); !expected) return std::unexpected(expected.error());
    return plan;
}

}  // namespace

const Kind kHttp{{.kind = "http",
                  .doc = "The server answers an HTTP/1.1 request with an accepted status and, with body, the expected "
                         "text. Redirects are not followed; at most 16 KiB of header and 64 KiB of body are looked at.",
                  .keys = kKeys,
                  .validate = validate_by<make_http>},
                 make_http};

}  // namespace lvs::checkers
