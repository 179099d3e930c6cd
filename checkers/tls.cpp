// SPDX-License-Identifier: GPL-2.0-or-later
#include "checkers/tls.hpp"

#include <fmt/core.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>

#include <array>

#include "checkers/reason.hpp"

namespace lvs::checkers {

namespace {

template <auto Free>
struct Freer {
    template <class T>
    void operator()(T* object) const {
        Free(object);
    }
};
using Context = std::unique_ptr<SSL_CTX, Freer<SSL_CTX_free>>;
using Session = std::unique_ptr<SSL, Freer<SSL_free>>;
using Store = std::unique_ptr<X509_STORE, Freer<X509_STORE_free>>;
using Certificate = std::unique_ptr<X509, Freer<X509_free>>;
using Key = std::unique_ptr<EVP_PKEY, Freer<EVP_PKEY_free>>;
using Bio = std::unique_ptr<BIO, Freer<BIO_free_all>>;

constexpr std::array kKeys{
    KeySpec{.key = "verify",
            .type = ValueType::boolean,
            .fallback = "true",
            .doc = "Whether the server's certificate must be valid, trusted and for the right name.",
            .example = "false"},
    KeySpec{
        .key = "server_name",
        .doc = "The name asked for (SNI) and expected in the certificate. Default for https: host. Without a "
               "name the certificate must be for the address.",
        .example = "\"www.example.org\""},
    KeySpec{.key = "ca",
            .doc = "The authorities to trust, in PEM, instead of the system's.",
            .example = "\"-----BEGIN CERTIFICATE-----...\""},
    KeySpec{.key = "certificate",
            .doc = "The client certificate with its chain, in PEM.",
            .example = "\"-----BEGIN CERTIFICATE-----...\""},
    KeySpec{.key = "key",
            .doc = "The client certificate's key, in PEM.",
            .example = "\"-----BEGIN PRIVATE KEY-----...\""},
    KeySpec{.key = "min_days",
            .type = ValueType::integer,
            .fallback = "0",
            .min = 0,
            .max = 3650,
            .doc = "Fail when the server's certificate expires in fewer days.",
            .example = "7"},
};

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

// Every certificate of a PEM text; false when there is none or one is broken.
bool add_authorities(X509_STORE* store, std::string_view pem) {
    const auto bio = memory(pem);
    int count = 0;
    while (const auto certificate =
               Certificate(PEM_read_bio_X509(bio.get(), nullptr, no_passphrase, nullptr))) {
        if (X509_STORE_add_cert(store, certificate.get()) != 1) return false;
        ++count;
    }
    const bool at_end = ERR_GET_REASON(ERR_peek_last_error()) == PEM_R_NO_START_LINE;
    ERR_clear_error();
    return count > 0 && at_end;
}

// Read once and shared by all plans.
X509_STORE* system_authorities() {
    static const Store store = [] {
        Store made(X509_STORE_new());
        if (system_reader()) add_authorities(made.get(), system_reader()());
        return made;
    }();
    return store.get();
}

Context new_context() {
    // No configuration file: the sandbox has no files.
    static const bool ready = OPENSSL_init_ssl(OPENSSL_INIT_NO_LOAD_CONFIG, nullptr) == 1;
    Context context(ready ? SSL_CTX_new(TLS_client_method()) : nullptr);
    LVS_ASSERT(context);
    SSL_CTX_set_min_proto_version(context.get(), TLS1_2_VERSION);
    SSL_CTX_set_mode(context.get(), SSL_MODE_RELEASE_BUFFERS);
    return context;
}

struct TlsPlan final : Plan {
    PlanPtr inner;
    Context context;
    bool verify = true;
    bool system_store = false;
    std::string name;
    std::int64_t min_days = 0;
    [[nodiscard]] std::unique_ptr<Probe> start(const Endpoint& target, std::uint64_t seed) const override;
};

int days_left(SSL* session) {
    const auto* certificate = SSL_get0_peer_certificate(session);
    int days = 0;
    int seconds = 0;
    if (!certificate || ASN1_TIME_diff(&days, &seconds, nullptr, X509_get0_notAfter(certificate)) != 1)
        return 0;
    return seconds < 0 ? days - 1 : days;  // ends within the day: 0; ended within the day: -1
}

std::string count_days(int days) {
    return fmt::format("{} day{}", days, days == 1 ? "" : "s");
}

std::string last_tls_error() {
    const auto* text = ERR_reason_error_string(ERR_peek_error());
    ERR_clear_error();
    return text ? text : "protocol error";
}

class TlsProbe final : public Probe {
public:
    TlsProbe(const TlsPlan& plan, const Endpoint& target, std::uint64_t seed)
        : plan_(plan),
          target_(target),
          session_(SSL_new(plan.context.get())),
          inner_(plan.inner ? plan.inner->start(target, seed) : nullptr) {
        LVS_ASSERT(session_);
        from_server_ = BIO_new(BIO_s_mem());
        to_server_ = BIO_new(BIO_s_mem());
        LVS_ASSERT(from_server_ && to_server_);
        BIO_set_mem_eof_return(from_server_, -1);
        SSL_set_bio(session_.get(), from_server_, to_server_);  // the session owns them
        SSL_set_connect_state(session_.get());
        set_name();
    }

    Step on_connected() override { return step(handshake()); }

    Step on_data(std::span<const std::uint8_t> bytes) override {
        LVS_ASSERT(BIO_write(from_server_, bytes.data(), static_cast<int>(bytes.size())) ==
                   static_cast<int>(bytes.size()));
        return step(shaken_ ? read_plain() : handshake());
    }

    Verdict on_eof(const Progress& progress) override {
        if (!shaken_) return Verdict::bad("connection closed during the TLS handshake");
        return with_days(inner_->on_eof(inside(progress)));
    }
    Verdict on_error(int error_number, const Progress& progress) override {
        if (!progress.connected) return Probe::on_error(error_number, progress);
        if (!shaken_) return Verdict::bad(stream_error(error_number) + " during the TLS handshake");
        return with_days(inner_->on_error(error_number, inside(progress)));
    }
    Verdict on_deadline(const Progress& progress) override {
        if (!progress.connected) return Probe::on_deadline(progress);
        if (!shaken_) return Verdict::bad("no TLS handshake in " + in_words(progress.timeout));
        return with_days(inner_->on_deadline(inside(progress)));
    }

private:
    void set_name() {
        const auto address = to_string(target_.address);
        if (plan_.name.empty()) {
            X509_VERIFY_PARAM_set1_ip_asc(SSL_get0_param(session_.get()), address.c_str());
        } else {
            SSL_set_tlsext_host_name(session_.get(), plan_.name.c_str());
            SSL_set1_host(session_.get(), plan_.name.c_str());
        }
    }

    std::optional<Verdict> handshake() {
        ERR_clear_error();
        const int done = SSL_do_handshake(session_.get());
        if (done != 1) {
            if (SSL_get_error(session_.get(), done) == SSL_ERROR_WANT_READ) return std::nullopt;
            return Verdict::bad("TLS handshake failed: " + last_tls_error());
        }
        shaken_ = true;
        if (auto trouble = judge_certificate()) return with_days(*std::move(trouble));
        if (!inner_)
            return with_days(
                Verdict::good(fmt::format("{} handshake done", SSL_get_version(session_.get()))));
        if (auto verdict = apply(inner_->on_connected())) return verdict;
        return read_plain();
    }

    [[nodiscard]] std::optional<Verdict> judge_certificate() const {
        const auto days = days_left(session_.get());
        if (plan_.verify) {
            const auto result = SSL_get_verify_result(session_.get());
            if (result == X509_V_ERR_CERT_HAS_EXPIRED && days < 0)
                return Verdict::bad(fmt::format("certificate expired {} ago", count_days(-days)));
            if (result == X509_V_ERR_HOSTNAME_MISMATCH || result == X509_V_ERR_IP_ADDRESS_MISMATCH)
                return Verdict::bad("certificate is not for " +
                                    (plan_.name.empty() ? to_string(target_.address) : quoted(plan_.name)));
            if (result != X509_V_OK)
                return Verdict::bad(std::string("certificate not trusted: ") +
                                    X509_verify_cert_error_string(result));
        }
        if (days < plan_.min_days)
            return Verdict::bad(fmt::format("certificate expires in {}, expected at least {}",
                                            count_days(days), plan_.min_days));
        return std::nullopt;
    }

    std::optional<Verdict> read_plain() {
        std::array<std::uint8_t, 4096> plain;
        for (;;) {
            ERR_clear_error();
            const int size = SSL_read(session_.get(), plain.data(), static_cast<int>(plain.size()));
            if (size <= 0) {
                const auto error = SSL_get_error(session_.get(), size);
                if (error == SSL_ERROR_WANT_READ) return std::nullopt;
                if (error == SSL_ERROR_ZERO_RETURN) return with_days(inner_->on_eof(inside({true, 0, {}})));
                return with_days(Verdict::bad("TLS broken off: " + last_tls_error()));
            }
            received_ += static_cast<std::uint64_t>(size);
            if (auto verdict = apply(inner_->on_data(std::span(plain).first(static_cast<std::size_t>(size)))))
                return verdict;
        }
    }

    std::optional<Verdict> apply(Step step) {
        if (!step.output.empty())
            SSL_write(session_.get(), step.output.data(), static_cast<int>(step.output.size()));
        if (step.verdict) return with_days(*std::move(step.verdict));
        return std::nullopt;
    }

    Step step(std::optional<Verdict> verdict) {
        output_.resize(static_cast<std::size_t>(BIO_ctrl_pending(to_server_)));
        if (!output_.empty()) BIO_read(to_server_, output_.data(), static_cast<int>(output_.size()));
        return {output_, std::move(verdict)};
    }

    [[nodiscard]] Verdict with_days(Verdict verdict) const {
        verdict.certificate_days = days_left(session_.get());
        return verdict;
    }
    [[nodiscard]] Progress inside(const Progress& outside) const {
        return {true, received_, outside.timeout};
    }

    const TlsPlan& plan_;
    Endpoint target_;
    Session session_;
    BIO* from_server_ = nullptr;
    BIO* to_server_ = nullptr;
    std::unique_ptr<Probe> inner_;
    std::string output_;
    std::uint64_t received_ = 0;  // inside
    bool shaken_ = false;
};

std::unique_ptr<Probe> TlsPlan::start(const Endpoint& target, std::uint64_t seed) const {
    if (system_store) SSL_CTX_set1_cert_store(context.get(), system_authorities());
    return std::make_unique<TlsProbe>(*this, target, seed);
}

Result<void> use_client_certificate(SSL_CTX* context, const std::string& chain, const std::string& key_text) {
    if (chain.empty() && key_text.empty()) return {};
    const auto bio = memory(chain);
    const Certificate own(PEM_read_bio_X509(bio.get(), nullptr, no_passphrase, nullptr));
    const Key key(PEM_read_bio_PrivateKey(memory(key_text).get(), nullptr, no_passphrase, nullptr));
    bool fits = own && key && SSL_CTX_use_certificate(context, own.get()) == 1 &&
                SSL_CTX_use_PrivateKey(context, key.get()) == 1;
    while (fits) {
        const Certificate more(PEM_read_bio_X509(bio.get(), nullptr, no_passphrase, nullptr));
        if (!more) break;
        fits = SSL_CTX_add1_chain_cert(context, more.get()) == 1;
    }
    ERR_clear_error();
    if (!fits)
        return fail(std::errc::invalid_argument, "certificate and key must be PEM texts that fit each other");
    return {};
}

Result<void> offer_protocols(SSL_CTX* context, const std::vector<std::string>& alpn) {
    std::string list;
    for (const auto& protocol : alpn) {
        if (protocol.empty() || protocol.size() > 255)
            return fail(std::errc::invalid_argument, "alpn: a protocol has 1 to 255 bytes");
        list += static_cast<char>(protocol.size());
        list += protocol;
    }
    const auto bytes = as_bytes(list);
    if (!list.empty() &&
        SSL_CTX_set_alpn_protos(context, bytes.data(), static_cast<unsigned>(bytes.size())) != 0)
        return fail(std::errc::invalid_argument, "alpn: too many protocols");
    return {};
}

}  // namespace

void use_system_authorities(std::function<std::string()> read) {
    system_reader() = std::move(read);
}

std::span<const KeySpec> tls_keys() {
    return kKeys;
}

Result<PlanPtr> wrap_in_tls(PlanPtr inner, const Params& params, const std::string& default_name,
                            const std::vector<std::string>& alpn) {
    auto plan = std::make_shared<TlsPlan>();
    plan->inner = std::move(inner);
    plan->context = new_context();
    plan->verify = value_or<bool>(params, "verify", true);
    plan->name = value_or<std::string>(params, "server_name", default_name);
    plan->min_days = value_or<std::int64_t>(params, "min_days", 0);
    if (!plan->verify && plan->min_days == 0) plan->min_days = std::numeric_limits<std::int32_t>::min();
    const auto ca = value_or<std::string>(params, "ca", "");
    plan->system_store = plan->verify && ca.empty();
    if (!ca.empty() && !add_authorities(SSL_CTX_get_cert_store(plan->context.get()), ca))
        return fail(std::errc::invalid_argument, "ca must be certificates in PEM");
    if (plan->name.size() > 255 || as_reason(plan->name) != plan->name)
        return fail(std::errc::invalid_argument, "server_name must be a host name");
    if (auto used =
            use_client_certificate(plan->context.get(), value_or<std::string>(params, "certificate", ""),
                                   value_or<std::string>(params, "key", ""));
        !used)
        return std::unexpected(used.error());
    if (auto offered = offer_protocols(plan->context.get(), alpn); !offered)
        return std::unexpected(offered.error());
    return plan;
}

}  // namespace lvs::checkers
