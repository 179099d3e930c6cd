// SPDX-License-Identifier: GPL-2.0-or-later
//
// TLS around another probe: OpenSSL over memory buffers, so a probe still sees bytes and nothing else.
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

#include "checkers/kind.hpp"

namespace lvs::checkers {

// `read` gives the authorities in PEM. To be called once, before any plan is started.
void use_system_authorities(std::function<std::string()> read);

// The keys that every kind over TLS has.
[[nodiscard]] std::span<const KeySpec> tls_keys();

// `inner` speaks inside the connection; without it the handshake is the check. `alpn`: the protocols offered.
[[nodiscard]] Result<PlanPtr> wrap_in_tls(PlanPtr inner, const Params& params,
                                          const std::string& default_name,
                                          const std::vector<std::string>& alpn);

}  // namespace lvs::checkers
