// SPDX-License-Identifier: GPL-2.0-or-later
#include "checkers/tls_sessions.hpp"

#include <openssl/err.h>

#include "checkers/hash.hpp"

namespace lvs::checkers {

namespace {

constexpr std::uint8_t kSequence = 0x30;
constexpr std::uint8_t kPeerTag = 0xa3;  // [3] of OpenSSL's session: the server's certificate

struct Element {
    std::uint8_t tag = 0;
    std::size_t header = 0;  // bytes of tag and length
    std::size_t content = 0;
    [[nodiscard]] std::size_t size() const { return header + content; }
};

// One DER element at the beginning of `bytes`.
std::optional<Element> read_element(std::span<const std::uint8_t> bytes) {
    if (bytes.size() < 2) return std::nullopt;
    Element out{.tag = bytes[0], .header = 2, .content = bytes[1]};
    if (bytes[1] >= 0x80) {
        const std::size_t digits = bytes[1] & 0x7fU;
        if (digits > 4 || bytes.size() < 2 + digits) return std::nullopt;
        out.header += digits;
        out.content = 0;
        for (std::size_t i = 0; i < digits; ++i)
            out.content = out.content << 8U | bytes[2 + i];
    }
    if (out.content > bytes.size() - out.header) return std::nullopt;
    return out;
}

void append(std::string& out, std::span<const std::uint8_t> bytes) {
    out.append(as_text(bytes));
}

// The session without the certificate, or "" when it does not look as expected.
std::string without_peer(std::span<const std::uint8_t> session) {
    const auto whole = read_element(session);
    if (!whole || whole->tag != kSequence) return {};
    auto rest = session.subspan(whole->header, whole->content);
    std::string content;
    while (!rest.empty()) {
        const auto element = read_element(rest);
        if (!element) return {};
        if (element->tag != kPeerTag) append(content, rest.first(element->size()));
        rest = rest.subspan(element->size());
    }
    if (content.size() > 0xffff) return {};
    std::string out{static_cast<char>(kSequence), static_cast<char>(0x82),
                    static_cast<char>(content.size() >> 8U), static_cast<char>(content.size() & 0xffU)};
    return out + content;
}

std::string encode(SSL_SESSION* session) {
    const int size = i2d_SSL_SESSION(session, nullptr);
    if (size <= 0) return {};
    std::vector<std::uint8_t> bytes(static_cast<std::size_t>(size));
    auto* end = bytes.data();
    i2d_SSL_SESSION(session, &end);
    return without_peer(bytes);
}

TlsSession decode(const std::string& bytes) {
    const auto* begin = as_bytes(bytes).data();
    TlsSession out(d2i_SSL_SESSION(nullptr, &begin, static_cast<long>(bytes.size())));
    ERR_clear_error();
    return out;
}

}  // namespace

std::size_t TlsSessions::Hash::operator()(const Endpoint& server) const {
    return mix(hash_bytes(server.address.bytes()) + server.port);
}

std::optional<TlsSessions::Offer> TlsSessions::find(const Endpoint& server, std::time_t now) {
    const auto found = entries_.find(server);
    if (found == entries_.end()) return std::nullopt;
    // Also when the clock was set back by more than a session lives.
    if (now >= found->second.until || found->second.until - now > kShortest + kSpread) {
        entries_.erase(found);
        return std::nullopt;
    }
    auto session = decode(found->second.bytes);
    if (!session) return std::nullopt;
    return Offer{std::move(session), found->second.not_after};
}

void TlsSessions::put_new(const Endpoint& server, SSL_SESSION* session, std::time_t not_after,
                          std::time_t now, std::uint64_t seed) {
    if (entries_.size() >= kMax && !entries_.contains(server)) return;
    auto bytes = encode(session);
    if (bytes.empty()) return;
    const auto until = now + kShortest + static_cast<std::time_t>(seed % kSpread);
    entries_[server] = {std::move(bytes), until, not_after};
}

void TlsSessions::renew(const Endpoint& server, SSL_SESSION* session) {
    const auto found = entries_.find(server);
    if (found == entries_.end()) return;
    if (auto bytes = encode(session); !bytes.empty()) found->second.bytes = std::move(bytes);
}

}  // namespace lvs::checkers
