// SPDX-License-Identifier: GPL-2.0-or-later
#include "tls_server.hpp"

#include <openssl/pem.h>
#include <openssl/x509v3.h>

#include <array>

#include "lvsd/base/base.hpp"

namespace lvs::checkers {

namespace {

std::string text_of(BIO* bio) {
    char* data = nullptr;
    const auto size = BIO_get_mem_data(bio, &data);
    std::string out(data, static_cast<std::size_t>(size));
    BIO_free(bio);
    return out;
}

X509* read_certificate(const std::string& pem) {
    BIO* bio = BIO_new_mem_buf(pem.data(), static_cast<int>(pem.size()));
    X509* out = PEM_read_bio_X509(bio, nullptr, nullptr, nullptr);
    BIO_free(bio);
    LVS_ASSERT(out);
    return out;
}

EVP_PKEY* read_key(const std::string& pem) {
    BIO* bio = BIO_new_mem_buf(pem.data(), static_cast<int>(pem.size()));
    EVP_PKEY* out = PEM_read_bio_PrivateKey(bio, nullptr, nullptr, nullptr);
    BIO_free(bio);
    LVS_ASSERT(out);
    return out;
}

}  // namespace

Pem make_certificate(int from_days, int to_days) {
    EVP_PKEY* key = EVP_EC_gen("P-256");
    X509* certificate = X509_new();
    X509_set_version(certificate, 2);
    ASN1_INTEGER_set(X509_get_serialNumber(certificate), 1);
    X509_gmtime_adj(X509_getm_notBefore(certificate), from_days * 86400L);
    X509_gmtime_adj(X509_getm_notAfter(certificate), to_days * 86400L + 600);
    X509_set_pubkey(certificate, key);
    auto* name = X509_get_subject_name(certificate);
    X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_ASC, reinterpret_cast<const unsigned char*>("test"), -1,
                               -1, 0);
    X509_set_issuer_name(certificate, name);
    X509_EXTENSION* names =
        X509V3_EXT_conf_nid(nullptr, nullptr, NID_subject_alt_name, "DNS:www.example.org,IP:192.0.2.10");
    X509_add_ext(certificate, names, -1);
    X509_EXTENSION_free(names);
    LVS_ASSERT(X509_sign(certificate, key, EVP_sha256()) > 0);
    BIO* certificate_text = BIO_new(BIO_s_mem());
    BIO* key_text = BIO_new(BIO_s_mem());
    PEM_write_bio_X509(certificate_text, certificate);
    PEM_write_bio_PrivateKey(key_text, key, nullptr, nullptr, 0, nullptr, nullptr);
    X509_free(certificate);
    EVP_PKEY_free(key);
    return {text_of(certificate_text), text_of(key_text)};
}

TlsServer::TlsServer(const Pem& own, std::string answer, const std::string& client_ca)
    : context_(SSL_CTX_new(TLS_server_method())), answer_(std::move(answer)) {
    X509* certificate = read_certificate(own.certificate);
    EVP_PKEY* key = read_key(own.key);
    LVS_ASSERT(SSL_CTX_use_certificate(context_, certificate) == 1 &&
               SSL_CTX_use_PrivateKey(context_, key) == 1);
    X509_free(certificate);
    EVP_PKEY_free(key);
    if (!client_ca.empty()) {
        X509* authority = read_certificate(client_ca);
        X509_STORE_add_cert(SSL_CTX_get_cert_store(context_), authority);
        X509_free(authority);
        SSL_CTX_set_verify(context_, SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT, nullptr);
        // The refusal then arrives within the handshake.
        SSL_CTX_set_max_proto_version(context_, TLS1_2_VERSION);
    }
    begin();
}

TlsServer::TlsServer(const TlsServer& first, std::string answer)
    : context_(first.context_), answer_(std::move(answer)) {
    SSL_CTX_up_ref(context_);
    begin();
}

void TlsServer::begin() {
    session_ = SSL_new(context_);
    in_ = BIO_new(BIO_s_mem());
    out_ = BIO_new(BIO_s_mem());
    SSL_set_bio(session_, in_, out_);
    SSL_set_accept_state(session_);
}

void TlsServer::choose_protocol(std::string_view alpn) {
    static std::string chosen;  // OpenSSL keeps the pointer
    chosen = alpn;
    SSL_CTX_set_alpn_select_cb(
        context_,
        [](SSL* /*session*/, const unsigned char** out, unsigned char* size, const unsigned char* offered,
           unsigned offered_size, void* /*data*/) {
            const std::string_view list(reinterpret_cast<const char*>(offered), offered_size);
            if (list.find(chosen) == std::string_view::npos) return SSL_TLSEXT_ERR_NOACK;
            *out = reinterpret_cast<const unsigned char*>(chosen.data());
            *size = static_cast<unsigned char>(chosen.size());
            return SSL_TLSEXT_ERR_OK;
        },
        nullptr);
}

TlsServer::~TlsServer() {
    SSL_free(session_);
    SSL_CTX_free(context_);
}

std::string TlsServer::pending() {
    std::string out(static_cast<std::size_t>(BIO_ctrl_pending(out_)), '\0');
    if (!out.empty()) BIO_read(out_, out.data(), static_cast<int>(out.size()));
    return out;
}

std::string TlsServer::exchange(std::string_view bytes) {
    if (!bytes.empty()) BIO_write(in_, bytes.data(), static_cast<int>(bytes.size()));
    std::array<char, 4096> buffer;
    for (int size = 0; (size = SSL_read(session_, buffer.data(), static_cast<int>(buffer.size()))) > 0;) {
        const std::string_view said(buffer.data(), static_cast<std::size_t>(size));
        const auto words = respond_ ? respond_(said) : plain_.empty() ? answer_ : std::string();
        if (!words.empty()) SSL_write(session_, words.data(), static_cast<int>(words.size()));
        plain_.append(buffer.data(), static_cast<std::size_t>(size));
    }
    return pending();
}

std::string TlsServer::close() {
    SSL_shutdown(session_);
    return pending();
}

std::string TlsServer::server_name() const {
    const auto* name = SSL_get_servername(session_, TLSEXT_NAMETYPE_host_name);
    return name ? name : "";
}

}  // namespace lvs::checkers
