// SPDX-License-Identifier: GPL-2.0-or-later
//
// A TLS server over memory, and certificates made on the spot.
#pragma once

#include <openssl/ssl.h>

#include <functional>
#include <memory>
#include <string>

namespace lvs::checkers {

struct Pem {
    std::string certificate;
    std::string key;
};
// Self-signed, for the name "www.example.org" and the address 192.0.2.10, valid from now + from_days to now +
// to_days.
[[nodiscard]] Pem make_certificate(int from_days, int to_days);

class TlsServer {
public:
    // `answer` is sent when the first plain bytes have come. `client_ca`: a client certificate is demanded.
    TlsServer(const Pem& own, std::string answer, const std::string& client_ca = "");
    ~TlsServer();
    // Another connection to the same server: it may resume a session of the first.
    explicit TlsServer(const TlsServer& first, std::string answer);
    TlsServer(const TlsServer&) = delete;
    TlsServer& operator=(const TlsServer&) = delete;
    // Before the first byte: the protocol it chooses when the client offers it.
    void choose_protocol(std::string_view alpn);
    void use_tls_1_2() const { SSL_set_max_proto_version(session_, TLS1_2_VERSION); }
    [[nodiscard]] SSL_CTX* context() const { return context_; }
    [[nodiscard]] bool is_resumed() const { return SSL_session_reused(session_) == 1; }
    // What to say to plain bytes, instead of the answer.
    void respond(std::function<std::string(std::string_view)> respond) { respond_ = std::move(respond); }
    // Bytes from the client; returns those for it.
    [[nodiscard]] std::string exchange(std::string_view bytes);
    [[nodiscard]] const std::string& plain() const { return plain_; }  // what the client said
    [[nodiscard]] std::string server_name() const;
    [[nodiscard]] std::string close();  // close_notify

private:
    [[nodiscard]] std::string pending();
    void begin();
    std::function<std::string(std::string_view)> respond_;
    SSL_CTX* context_ = nullptr;
    SSL* session_ = nullptr;
    BIO* in_ = nullptr;
    BIO* out_ = nullptr;
    std::string answer_;
    std::string plain_;
};

}  // namespace lvs::checkers
