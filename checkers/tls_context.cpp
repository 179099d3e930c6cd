// SPDX-License-Identifier: GPL-2.0-or-later
#include "checkers/tls_context.hpp"

#include <openssl/err.h>
#include <openssl/pem.h>

#include "checkers/tls.hpp"

namespace lvs::checkers {

namespace {

using Store = std::unique_ptr<X509_STORE, TlsFreer<X509_STORE_free>>;
using Certificate = std::unique_ptr<X509, TlsFreer<X509_free>>;
using Key = std::unique_ptr<EVP_PKEY, TlsFreer<EVP_PKEY_free>>;
using Bio = std::unique_ptr<BIO, TlsFreer<BIO_free_all>>;

constexpr std::size_t kMaxPem = std::size_t{44} * 1024;  // together: they travel in one message

std::function<std::string()>& system_reader() {
    static std::function<std::string()> reader;
    return reader;
}

// An encrypted key is refused: nobody is there to type a passphrase.
int no_passphrase(char* /*buffer*/, int /*size*/, int /*writing*/, void* /*data*/) {
    return -1;
}

Bio memory(std::string_view text) {
    return Bio(BIO_new_mem_buf(text.data(), static_cast<int>(text.size())));
}

std::vector<Certificate> read_certificates(std::string_view pem) {
    std::vector<Certificate> out;
    const auto bio = memory(pem);
    while (auto* certificate = PEM_read_bio_X509(bio.get(), nullptr, no_passphrase, nullptr))
        out.emplace_back(certificate);
    const bool at_end = ERR_GET_REASON(ERR_peek_last_error()) == PEM_R_NO_START_LINE;
    ERR_clear_error();
    if (!at_end) out.clear();  // one of them is broken
    return out;
}

std::unexpected<Error> wrong(std::string text) {
    return fail(std::errc::invalid_argument, std::move(text));
}

TlsContext new_context() {
    // No configuration file: the sandbox has no files.
    static const bool ready = OPENSSL_init_ssl(OPENSSL_INIT_NO_LOAD_CONFIG, nullptr) == 1;
    TlsContext context(ready ? SSL_CTX_new(TLS_client_method()) : nullptr);
    LVS_ASSERT(context);
    SSL_CTX_set_min_proto_version(context.get(), TLS1_2_VERSION);
    SSL_CTX_set_mode(context.get(), SSL_MODE_RELEASE_BUFFERS);
    // SHA-256 first, which processors have instructions for: a tenth of a shortened handshake.
    LVS_ASSERT(SSL_CTX_set_ciphersuites(context.get(),
                                        "TLS_AES_128_GCM_SHA256:TLS_AES_256_GCM_SHA384:"
                                        "TLS_CHACHA20_POLY1305_SHA256") == 1);
    return context;
}

Result<void> trust(SSL_CTX* context, const std::string& ca) {
    const auto authorities = read_certificates(ca);
    if (authorities.empty()) return wrong("ca must hold certificates in PEM");
    for (const auto& authority : authorities)
        if (X509_STORE_add_cert(SSL_CTX_get_cert_store(context), authority.get()) != 1)
            return wrong("ca holds a certificate that cannot be used");
    return {};
}

Result<void> show_certificate(SSL_CTX* context, const std::string& chain, const std::string& key_text) {
    if (chain.empty()) return wrong("key is of no use without certificate");
    const auto certificates = read_certificates(chain);
    if (certificates.empty()) return wrong("certificate must hold certificates in PEM");
    if (key_text.empty()) return wrong("certificate needs a key");
    const Key key(PEM_read_bio_PrivateKey(memory(key_text).get(), nullptr, no_passphrase, nullptr));
    ERR_clear_error();
    if (!key) return wrong("key must hold a private key in PEM, without a passphrase");
    bool fits = SSL_CTX_use_certificate(context, certificates.front().get()) == 1 &&
                SSL_CTX_use_PrivateKey(context, key.get()) == 1;
    for (std::size_t i = 1; fits && i < certificates.size(); ++i)
        fits = SSL_CTX_add1_chain_cert(context, certificates[i].get()) == 1;
    ERR_clear_error();
    if (!fits) return wrong("key does not belong to the certificate");
    return {};
}

Result<void> offer_protocols(SSL_CTX* context, const std::vector<std::string>& alpn) {
    std::string list;
    for (const auto& protocol : alpn) {
        if (protocol.empty() || protocol.size() > 255) return wrong("alpn: a protocol has 1 to 255 bytes");
        list += static_cast<char>(protocol.size());
        list += protocol;
    }
    const auto bytes = as_bytes(list);
    if (!list.empty() &&
        SSL_CTX_set_alpn_protos(context, bytes.data(), static_cast<unsigned>(bytes.size())) != 0)
        return wrong("alpn: too many protocols");
    return {};
}

}  // namespace

void use_system_authorities(std::function<std::string()> read) {
    system_reader() = std::move(read);
}

// Read once and shared by all plans.
X509_STORE* system_authorities() {
    static const Store store = [] {
        Store made(X509_STORE_new());
        if (system_reader())
            for (const auto& authority : read_certificates(system_reader()()))
                X509_STORE_add_cert(made.get(), authority.get());
        return made;
    }();
    return store.get();
}

std::string file_text(const Params& params, std::string_view key) {
    if (const auto* file = param<lvs::FileText>(params, key)) return file->text ? *file->text : std::string();
    return value_or<std::string>(params, key, "");
}

Result<TlsContext> make_tls_context(const Params& params, const std::vector<std::string>& alpn) {
    auto context = new_context();
    const auto ca = file_text(params, "ca");
    const auto certificate = file_text(params, "certificate");
    const auto key = file_text(params, "key");
    if (ca.size() + certificate.size() + key.size() > kMaxPem)
        return wrong("ca, certificate and key have at most 44 KiB together");
    if (params.contains("ca"))
        if (auto trusted = trust(context.get(), ca); !trusted) return std::unexpected(trusted.error());
    if (params.contains("certificate") || params.contains("key"))
        if (auto shown = show_certificate(context.get(), certificate, key); !shown)
            return std::unexpected(shown.error());
    if (auto offered = offer_protocols(context.get(), alpn); !offered)
        return std::unexpected(offered.error());
    return context;
}

}  // namespace lvs::checkers
