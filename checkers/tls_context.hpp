// SPDX-License-Identifier: GPL-2.0-or-later
//
// From the configuration's certificates and keys (PEM) to an SSL_CTX. See tls.hpp.
#pragma once

#include <openssl/ssl.h>

#include <memory>
#include <string>
#include <vector>

#include "checkers/kind.hpp"

namespace lvs::checkers {

template <auto Free>
struct TlsFreer {
    template <class T>
    void operator()(T* object) const {
        Free(object);
    }
};
using TlsContext = std::unique_ptr<SSL_CTX, TlsFreer<SSL_CTX_free>>;
using TlsConnection = std::unique_ptr<SSL, TlsFreer<SSL_free>>;
using TlsSession = std::unique_ptr<SSL_SESSION, TlsFreer<SSL_SESSION_free>>;

// Of the keys `ca`, `certificate` and `key`; `alpn`: protocols to offer.
[[nodiscard]] Result<TlsContext> make_tls_context(const Params& params, const std::vector<std::string>& alpn);

// Empty when nobody said how to read them.
[[nodiscard]] X509_STORE* system_authorities();

// The text of a file key; tests may give it directly.
[[nodiscard]] std::string file_text(const Params& params, std::string_view key);

}  // namespace lvs::checkers
