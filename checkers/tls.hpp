// SPDX-License-Identifier: GPL-2.0-or-later
//
// TLS around another probe: OpenSSL over memory buffers, so a probe still sees bytes and nothing else.
//
//   tls_context   keys and certificates to an SSL_CTX: what is the same in every run of a check
//   tls_sessions  what a later handshake with the same server may be shortened by
//   tls           the plan and its probe: handshake, judgement, then the inner probe's bytes
//
// Certificates are verified unless `verify = false` is written: against the given authorities or the
// system's, for the server's name or, without one, its address. Verification is judged after the handshake
// and before anything is sent, so that the reason can name what is wrong with the certificate.
//
// The system's authorities are the one process-wide thing here: a sandboxed worker cannot open files, so its
// main says beforehand how to read them. They are read when the first plan needs them.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "checkers/kind.hpp"

namespace lvs::checkers {

// `read` gives the authorities in PEM. To be called once, before any plan is started.
void use_system_authorities(std::function<std::string()> read);

// The keys that every kind over TLS has.
[[nodiscard]] std::span<const KeySpec> tls_keys();
// For kinds that exchange more than a handshake.
extern const KeySpec kResumeKey;

struct TlsUse {
    std::string default_name;       // expected in the certificate when `server_name` is not given
    std::vector<std::string> alpn;  // the protocols offered
    bool alpn_required = false;     // the server must choose one of them
    bool resume = false;            // shorten handshakes with a server that was judged before
};

// `inner` speaks inside the connection; without it the handshake is the check.
[[nodiscard]] Result<PlanPtr> wrap_in_tls(PlanPtr inner, const Params& params, const TlsUse& use);

// For kinds that use TLS only when told to: keys that would then do nothing are an error, which names what
// `wanted` is ("tls = true").
[[nodiscard]] Result<void> refuse_tls_keys(const Params& params, std::string_view wanted);

// The name a certificate is for, from a Host header's value: without port, and "" for an address.
[[nodiscard]] std::string name_of_host(const std::string& host);

}  // namespace lvs::checkers
