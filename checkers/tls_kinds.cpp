// SPDX-License-Identifier: GPL-2.0-or-later
//
// tls: a handshake. https: http inside TLS.
#include <vector>

#include "checkers/tls.hpp"

namespace lvs::checkers {

namespace {

constexpr KeySpec kAlpn{.key = "alpn",
                        .type = ValueType::strings,
                        .doc = "The protocols to offer.",
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
        return out;
    }();
    return keys;
}

Result<PlanPtr> make_tls(const Params& params) {
    return wrap_in_tls(nullptr, params, "", value_or<std::vector<std::string>>(params, "alpn", {}));
}

// The certificate's name is that of the Host header, without a port.
std::string name_of_host(std::string host) {
    if (IpAddress::parse(host)) return "";
    return host.substr(0, host.find(':'));
}

Result<PlanPtr> make_https(const Params& params) {
    auto http = make_http_plan(params, 443);
    if (!http) return http;
    return wrap_in_tls(*std::move(http), params, name_of_host(value_or<std::string>(params, "host", "")),
                       {"http/1.1"});
}

}  // namespace

const Kind& tls_kind() {
    static const Kind kind{
        {.kind = "tls",
         .doc = "The server completes a TLS handshake (1.2 or later) with a valid certificate. The "
                "days until it expires are reported.",
         .keys = handshake_keys(),
         .validate = validate_by<make_tls>},
        make_tls};
    return kind;
}

const Kind& https_kind() {
    static const Kind kind{
        {.kind = "https",
         .doc = "As http, inside TLS 1.2 or later with a valid certificate. The days until it "
                "expires are reported.",
         .keys = https_keys(),
         .validate = validate_by<make_https>},
        make_https};
    return kind;
}

}  // namespace lvs::checkers
