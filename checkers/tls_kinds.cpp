// SPDX-License-Identifier: GPL-2.0-or-later
//
// tls: a handshake. https: http inside TLS.
#include <vector>

#include "checkers/tls.hpp"

namespace lvs::checkers {

namespace {

constexpr KeySpec kAlpn{.key = "alpn",
                        .type = ValueType::strings,
                        .doc = "The protocols to offer, of which the server must choose one.",
                        .example = "[\"h2\", \"http/1.1\"]"};

std::span<const KeySpec> handshake_keys() {
    static const std::vector<KeySpec> keys = [] {
        std::vector<KeySpec> out(tls_keys().begin(), tls_keys().end());
        out.push_back(kAlpn);
        return out;
    }();
    return keys;
}

std::span<const KeySpec> https_keys() {
    static const std::vector<KeySpec> keys = [] {
        std::vector<KeySpec> out(http_keys().begin(), http_keys().end());
        out.insert(out.end(), tls_keys().begin(), tls_keys().end());
        out.push_back(kResumeKey);
        return out;
    }();
    return keys;
}

Result<PlanPtr> make_tls(const Params& params) {
    auto alpn = value_or<std::vector<std::string>>(params, "alpn", {});
    const bool required = !alpn.empty();
    return wrap_in_tls(nullptr, params,
                       {.default_name = {}, .alpn = std::move(alpn), .alpn_required = required});
}

Result<PlanPtr> make_https(const Params& params) {
    auto http = make_http_plan(params, true);
    if (!http) return http;
    const bool version_2 = value_or<std::string>(params, "http", "1.1") == "2";
    return wrap_in_tls(*std::move(http), params,
                       {.default_name = name_of_host(value_or<std::string>(params, "host", "")),
                        .alpn = {version_2 ? "h2" : "http/1.1"},
                        .alpn_required = version_2,
                        .resume = value_or<bool>(params, "resume", true)});
}

}  // namespace

const Kind& tls_kind() {
    static const Kind kind{
        {.kind = "tls",
         .doc = "The server completes a full TLS handshake (1.2 or later) with a valid certificate. The "
                "days until it expires are reported.",
         .keys = handshake_keys(),
         .validate = validate_by<make_tls>,
         .speaks = speaks_tcp},
        make_tls};
    return kind;
}

const Kind& https_kind() {
    static const Kind kind{
        {.kind = "https",
         .doc = "As http, inside TLS 1.2 or later with a valid certificate. The days until it "
                "expires are reported.",
         .keys = https_keys(),
         .validate = validate_by<make_https>,
         .speaks = speaks_tcp},
        make_https};
    return kind;
}

}  // namespace lvs::checkers
