// SPDX-License-Identifier: GPL-2.0-or-later
//
// http: a request is answered with an accepted status and, if asked for, the expected text in the body.
#include <fmt/core.h>

#include <algorithm>
#include <array>

#include "checkers/http_exchange.hpp"
#include "checkers/http_request.hpp"
#include "checkers/kind.hpp"
#include "checkers/reason.hpp"
#include "checkers/regex.hpp"

namespace lvs::checkers {

namespace {

constexpr std::array<std::string_view, 5> kMethods{"GET", "HEAD", "POST", "PUT", "OPTIONS"};
constexpr std::array<std::string_view, 2> kVersions{"1.1", "2"};
constexpr std::uint64_t kMaxReceived = std::uint64_t{512} * 1024;  // framing included

constexpr std::array kHttpKeys{
    KeySpec{.key = "http",
            .type = ValueType::choice,
            .fallback = "1.1",
            .choices = kVersions,
            .doc = "The version of HTTP. 2 is spoken from the first byte with http, and agreed upon by ALPN "
                   "with https: a server that does not offer it fails.",
            .example = "\"2\""},
    KeySpec{.key = "method",
            .type = ValueType::choice,
            .choices = kMethods,
            .doc = "The request method. Default: GET, or POST with send. HEAD spares the server the body.",
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
    KeySpec{.key = "send", .doc = "The body of the request.", .example = "\"{\\\"probe\\\": true}\""},
    KeySpec{
        .key = "status",
        .type = ValueType::ranges,
        .fallback = "200-299",
        .min = 100,
        .max = 599,
        .doc =
            "The accepted status codes. A redirect is not followed: accept 301 if that is the right answer.",
        .example = "[200, \"300-399\"]"},
    KeySpec{
        .key = "body",
        .doc =
            "Text that must occur in the first 64 KiB of the body. Without it the verdict falls as soon as "
            "the header is complete.",
        .example = "\"ready\""},
    KeySpec{.key = "body_regex",
            .doc = "A regular expression (PCRE2) that must match in the first 64 KiB of the body, which is "
                   "read to its end for it. A search that needs too many steps fails.",
            .example = "'ready: (yes|[1-9])'"},
};

struct HttpPlan final : Plan {
    HttpRequest request;
    std::string host;
    std::vector<StatusRange> accepted;
    std::string accepted_text;
    std::string body;
    std::optional<Regex> body_regex;
    bool version_2 = false;
    bool inside_tls = false;
    [[nodiscard]] bool wants_body() const { return !body.empty() || body_regex; }
    [[nodiscard]] std::unique_ptr<Probe> start(const Endpoint& target, std::uint64_t seed) const override;
};

class HttpProbe final : public Probe {
public:
    HttpProbe(const HttpPlan& plan, const Endpoint& target) : plan_(plan) {
        const auto host = plan.host.empty() ? host_of(target, plan.inside_tls ? 443 : 80) : plan.host;
        exchange_ = plan.version_2 ? start_http2(plan.request, host, plan.inside_tls ? "https" : "http",
                                                 plan.wants_body())
                                   : start_http1(plan.request, host, plan.wants_body());
    }

    Step on_connected() override { return Step::send(output_ = exchange_->take_output()); }

    Step on_data(std::span<const std::uint8_t> bytes) override {
        received_ += bytes.size();
        // What comes after the part that decides does not matter, broken or not.
        const bool valid = exchange_->feed(bytes);
        if (auto verdict = judge()) return Step::done(*std::move(verdict));
        if (!valid) return Step::done(Verdict::bad(not_http() + exchange_->error()));
        if (received_ > kMaxReceived) return Step::done(endless());
        return Step::send(output_ = exchange_->take_output());
    }

    Verdict on_eof(const Progress& progress) override {
        if (progress.received == 0) return Probe::on_eof(progress);
        if (!exchange_->finish())
            return Verdict::bad(
                fmt::format("connection closed after {} bytes, answer incomplete", received_));
        finished_ = true;
        return judge().value_or(Verdict::bad("connection closed, answer incomplete"));
    }

private:
    [[nodiscard]] std::string not_http() const {
        return plan_.version_2 ? "not a valid HTTP/2 answer: " : "not a valid HTTP answer: ";
    }

    [[nodiscard]] std::optional<Verdict> judge() {
        if (!exchange_->has_header() || exchange_->status() < 200) return std::nullopt;
        if (!is_accepted())
            return Verdict::bad(fmt::format("expected {}, got {}", plan_.accepted_text, exchange_->status()));
        if (!plan_.wants_body()) return Verdict::good(fmt::format("got {}", exchange_->status()));
        if (!text_found_) text_found_ = is_text_found();
        const bool is_end = finished_ || exchange_->is_complete();
        if (!is_end && (!text_found_ || plan_.body_regex)) return std::nullopt;
        return judge_body();
    }

    // The body is there as far as it will be.
    [[nodiscard]] Verdict judge_body() const {
        if (!text_found_) return missing_text();
        if (!plan_.body_regex)
            return Verdict::good(fmt::format("got {} with the expected text", exchange_->status()));
        switch (plan_.body_regex->search(exchange_->body())) {
            case Regex::Found::yes:
                return Verdict::good(fmt::format("got {} with a matching body", exchange_->status()));
            case Regex::Found::no:
                return Verdict::bad("expected a body that matches body_regex, got " +
                                    quoted(exchange_->body()));
            case Regex::Found::too_costly:
                break;
        }
        return Verdict::bad("body_regex needs too many steps for the body " + quoted(exchange_->body()));
    }

    [[nodiscard]] Verdict endless() const {
        if (exchange_->has_header() && plan_.wants_body()) return judge_body();
        return Verdict::bad("more than 512 KiB without an end");
    }

    [[nodiscard]] bool is_accepted() const {
        const auto status = exchange_->status();
        return std::any_of(plan_.accepted.begin(), plan_.accepted.end(), [status](const StatusRange& range) {
            return range.first <= status && status <= range.last;
        });
    }

    // Looks at what is new, and at what a text split between two pieces would begin in.
    bool is_text_found() {
        const auto& body = exchange_->body();
        const auto found = body.find(plan_.body, searched_) != std::string::npos;
        searched_ = body.size() < plan_.body.size() ? 0 : body.size() - plan_.body.size() + 1;
        return found;
    }

    [[nodiscard]] Verdict missing_text() const {
        return Verdict::bad(
            fmt::format("expected {} in the body, got {}", quoted(plan_.body), quoted(exchange_->body())));
    }

    const HttpPlan& plan_;
    std::unique_ptr<HttpExchange> exchange_;
    std::string output_;
    std::uint64_t received_ = 0;
    std::size_t searched_ = 0;
    bool text_found_ = false;
    bool finished_ = false;
};

std::unique_ptr<Probe> HttpPlan::start(const Endpoint& target, std::uint64_t /*seed*/) const {
    return std::make_unique<HttpProbe>(*this, target);
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

Result<void> read_request(const Params& params, HttpPlan& plan) {
    constexpr std::size_t kMaxRequest = 8192;
    auto& request = plan.request;
    plan.version_2 = value_or<std::string>(params, "http", "1.1") == "2";
    request.path = value_or<std::string>(params, "path", "/");
    request.body = value_or<std::string>(params, "send", "");
    request.method = value_or<std::string>(params, "method", request.body.empty() ? "GET" : "POST");
    plan.host = value_or<std::string>(params, "host", "");
    if (std::find(kMethods.begin(), kMethods.end(), request.method) == kMethods.end())
        return fail(std::errc::invalid_argument, "method must be GET, HEAD, POST, PUT or OPTIONS");
    if (!request.path.starts_with('/') || !is_plain(request.path, false))
        return fail(std::errc::invalid_argument, "path must begin with / and have no spaces or line breaks");
    if (!is_plain(plan.host, false))
        return fail(std::errc::invalid_argument, "host must have no spaces or line breaks");
    if (!request.body.empty() && (request.method == "GET" || request.method == "HEAD"))
        return fail(std::errc::invalid_argument, "send has no place in a " + request.method + " request");
    auto fields =
        read_header_fields(value_or<std::vector<std::string>>(params, "headers", {}), plan.version_2);
    if (!fields) return std::unexpected(fields.error());
    request.fields = *std::move(fields);
    std::size_t size = request.path.size() + plan.host.size();
    for (const auto& [name, value] : request.fields)
        size += name.size() + value.size() + 4;
    if (size > kMaxRequest)
        return fail(std::errc::invalid_argument, "path, host and headers have at most 8192 bytes together");
    if (request.body.size() > 4096) return fail(std::errc::invalid_argument, "send has at most 4096 bytes");
    return {};
}

Result<void> read_expectations(const Params& params, HttpPlan& plan) {
    plan.accepted = value_or<std::vector<StatusRange>>(params, "status", {StatusRange{}});
    plan.accepted_text = ranges_text(plan.accepted);
    plan.body = value_or<std::string>(params, "body", "");
    if (plan.accepted.empty()) return fail(std::errc::invalid_argument, "status must name at least one code");
    if (plan.body.size() > 4096) return fail(std::errc::invalid_argument, "body has at most 4096 bytes");
    if (const auto* pattern = param<std::string>(params, "body_regex")) {
        auto regex = Regex::compile(*pattern);
        if (!regex) return fail(std::errc::invalid_argument, "body_regex " + regex.error().context);
        plan.body_regex = *std::move(regex);
    }
    if (plan.wants_body() && plan.request.method == "HEAD")
        return fail(std::errc::invalid_argument, "method HEAD has no body to look at");
    return {};
}

}  // namespace

std::span<const KeySpec> http_keys() {
    return kHttpKeys;
}

Result<PlanPtr> make_http_plan(const Params& params, bool inside_tls) {
    auto plan = std::make_shared<HttpPlan>();
    plan->inside_tls = inside_tls;
    if (auto request = read_request(params, *plan); !request) return std::unexpected(request.error());
    if (auto expected = read_expectations(params, *plan); !expected) return std::unexpected(expected.error());
    return plan;
}

namespace {

Result<PlanPtr> make_http(const Params& params) {
    return make_http_plan(params, false);
}

}  // namespace

const Kind kHttp{
    {.kind = "http",
     .doc = "The server answers a request (HTTP/1.1 or 2) with an accepted status and, with body or "
            "body_regex, the expected text. Redirects are not followed; at most 16 KiB of header and 64 KiB "
            "of body are looked at.",
     .keys = kHttpKeys,
     .validate = validate_by<make_http>,
     .speaks = speaks_tcp},
    make_http};

}  // namespace lvs::checkers
