// SPDX-License-Identifier: GPL-2.0-or-later
//
// grpc: the standard health protocol (grpc.health.v1.Health/Check): one call over HTTP/2, whose answer says
// SERVING. Plain or inside TLS.
#include <fmt/core.h>

#include <array>
#include <vector>

#include "checkers/grpc_message.hpp"
#include "checkers/http2.hpp"
#include "checkers/http_request.hpp"
#include "checkers/reason.hpp"
#include "checkers/tls.hpp"

namespace lvs::checkers {

namespace {

constexpr std::uint64_t kMaxAnswer = std::uint64_t{128} * 1024;  // framing included

constexpr std::array kOwnKeys{
    KeySpec{.key = "service",
            .doc = "The service to ask about. Default: the server as a whole.",
            .example = "\"example.Greeter\""},
    KeySpec{.key = "host",
            .doc = "The authority named in the call. Default: the address that is checked.",
            .example = "\"grpc.example.org\""},
    KeySpec{.key = "tls",
            .type = ValueType::boolean,
            .fallback = "false",
            .doc = "Whether to call inside TLS, with HTTP/2 agreed upon by ALPN.",
            .example = "true"},
};

struct GrpcPlan final : Plan {
    HttpRequest request;
    std::string service;
    std::string host;
    bool inside_tls = false;
    [[nodiscard]] std::unique_ptr<Probe> start(const Endpoint& target, std::uint64_t seed) const override;
};

class GrpcProbe final : public Probe {
public:
    GrpcProbe(const GrpcPlan& plan, const Endpoint& target)
        : plan_(plan),
          exchange_(plan.request, plan.host.empty() ? host_of(target, plan.inside_tls ? 443 : 80) : plan.host,
                    plan.inside_tls ? "https" : "http", true) {}

    Step on_connected() override { return Step::send(output_ = exchange_.take_output()); }

    Step on_data(std::span<const std::uint8_t> bytes) override {
        received_ += bytes.size();
        const bool valid = exchange_.feed(bytes);
        if (exchange_.has_header() && exchange_.status() != 200)
            return Step::done(
                Verdict::bad(fmt::format("expected HTTP status 200, got {}", exchange_.status())));
        if (exchange_.is_complete()) return Step::done(judge());
        if (!valid) return Step::done(Verdict::bad("not a valid HTTP/2 answer: " + exchange_.error()));
        if (received_ > kMaxAnswer) return Step::done(Verdict::bad("more than 128 KiB without an end"));
        return Step::send(output_ = exchange_.take_output());
    }

    Verdict on_eof(const Progress& progress) override {
        if (progress.received == 0) return Probe::on_eof(progress);
        return Verdict::bad(fmt::format("connection closed after {} bytes, answer incomplete", received_));
    }

private:
    [[nodiscard]] std::string asked_for() const {
        return plan_.service.empty() ? "the server" : "service " + quoted(plan_.service);
    }

    [[nodiscard]] Verdict judge() const {
        if (const auto& status = exchange_.grpc_status(); status != "0") return judge_status(status);
        const auto serving = grpc::parse_health(as_bytes(exchange_.body()));
        if (!serving) return Verdict::bad("not a valid health answer: " + serving.error().context);
        const auto word = grpc::serving_name(*serving);
        if (*serving == grpc::kServing) return Verdict::good("got SERVING");
        return Verdict::bad(fmt::format("expected SERVING, got {}", word));
    }

    [[nodiscard]] Verdict judge_status(const std::string& status) const {
        if (status.empty()) return Verdict::bad("not a gRPC answer: no grpc-status");
        const auto name = grpc::status_name(status);
        if (name == "NOT_FOUND") return Verdict::bad(asked_for() + " is unknown to the server (NOT_FOUND)");
        if (name == "UNIMPLEMENTED")
            return Verdict::bad("the server does not offer the health protocol (UNIMPLEMENTED)");
        auto text = "the call failed: " + name;
        if (!exchange_.grpc_message().empty()) text += " " + quoted(exchange_.grpc_message());
        return Verdict::bad(text);
    }

    const GrpcPlan& plan_;
    Http2Exchange exchange_;
    std::string output_;
    std::uint64_t received_ = 0;
};

std::unique_ptr<Probe> GrpcPlan::start(const Endpoint& target, std::uint64_t /*seed*/) const {
    return std::make_unique<GrpcProbe>(*this, target);
}

std::span<const KeySpec> grpc_keys() {
    static const std::vector<KeySpec> keys = [] {
        std::vector<KeySpec> out(kOwnKeys.begin(), kOwnKeys.end());
        out.insert(out.end(), tls_keys().begin(), tls_keys().end());
        out.push_back(kResumeKey);
        return out;
    }();
    return keys;
}

Result<PlanPtr> make_grpc(const Params& params) {
    auto plan = std::make_shared<GrpcPlan>();
    plan->service = value_or<std::string>(params, "service", "");
    plan->host = value_or<std::string>(params, "host", "");
    plan->inside_tls = value_or<bool>(params, "tls", false);
    if (plan->service.size() > 255) return fail(std::errc::invalid_argument, "service has at most 255 bytes");
    if (plan->host.size() > 255 || !is_plain(plan->host, false))
        return fail(std::errc::invalid_argument, "host must have no spaces or line breaks");
    plan->request = {.method = "POST",
                     .path = "/grpc.health.v1.Health/Check",
                     .fields = {{"content-type", "application/grpc"}, {"te", "trailers"}},
                     .body = grpc::encode_health_request(plan->service)};
    if (!plan->inside_tls) {
        if (auto unused = refuse_tls_keys(params, "tls = true"); !unused)
            return std::unexpected(unused.error());
        return plan;
    }
    const auto name = name_of_host(plan->host);
    return wrap_in_tls(std::move(plan), params,
                       {.default_name = name,
                        .alpn = {"h2"},
                        .alpn_required = true,
                        .resume = value_or<bool>(params, "resume", true)});
}

}  // namespace

const Kind& grpc_kind() {
    static const Kind kind{
        {.kind = "grpc",
         .doc =
             "The server answers a call of the standard health protocol, grpc.health.v1.Health/Check, with "
             "SERVING. The keys of TLS count with tls = true.",
         .keys = grpc_keys(),
         .validate = validate_by<make_grpc>,
         .speaks = speaks_tcp},
        make_grpc};
    return kind;
}

}  // namespace lvs::checkers
