// SPDX-License-Identifier: GPL-2.0-or-later
//
// Sessions of TLS servers that were judged good, for shorter handshakes later. Between runs a session is kept
// as a few hundred bytes, without the server's certificate: of that only the end is remembered. A session is
// offered for some minutes after its full handshake and then forgotten, so that a changed certificate is
// noticed. Owner: a TlsPlan. Bounded by kMax.
#pragma once

#include <cstdint>
#include <ctime>
#include <optional>
#include <string>
#include <unordered_map>

#include "checkers/tls_context.hpp"

namespace lvs::checkers {

class TlsSessions {
public:
    static constexpr std::size_t kMax = 100'000;
    static constexpr std::time_t kShortest = 240;  // seconds after a full handshake
    static constexpr std::time_t kSpread = 120;    // by which the end varies, so that not all end together

    struct Offer {
        TlsSession session;
        std::time_t not_after = 0;  // the end of the server's certificate
    };
    [[nodiscard]] std::optional<Offer> find(const Endpoint& server, std::time_t now);
    // After a full handshake; `seed` spreads.
    void put_new(const Endpoint& server, SSL_SESSION* session, std::time_t not_after, std::time_t now,
                 std::uint64_t seed);
    // After a shortened one: a fresh ticket, but no longer life.
    void renew(const Endpoint& server, SSL_SESSION* session);
    void forget(const Endpoint& server) { entries_.erase(server); }
    [[nodiscard]] std::size_t size() const { return entries_.size(); }

private:
    struct Hash {
        std::size_t operator()(const Endpoint& server) const;
    };
    struct Entry {
        std::string bytes;
        std::time_t until = 0;
        std::time_t not_after = 0;
    };
    std::unordered_map<Endpoint, Entry, Hash> entries_;
};

}  // namespace lvs::checkers
