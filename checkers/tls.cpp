// SPDX-License-Identifier: GPL-2.0-or-later
#include "checkers/tls.hpp"

#include <fmt/core.h>
#include <openssl/err.h>
#include <openssl/x509v3.h>

#include <array>
#include <ctime>
#include <limits>

#include "checkers/reason.hpp"
#include "checkers/tls_sessions.hpp"

namespace lvs::checkers {

namespace {

constexpr std::array kTlsKeys{
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
            .type = ValueType::file,
            .doc = "A file with the authorities to trust, in PEM, instead of the system's; at most 32 KiB. "
                   "Files are read with the configuration: after a change, reload.",
            .example = "\"/etc/lvsd/ca.pem\""},
    KeySpec{.key = "certificate",
            .type = ValueType::file,
            .doc = "A file with the client certificate and its chain, in PEM.",
            .example = "\"/etc/lvsd/client.pem\""},
    KeySpec{.key = "key",
            .type = ValueType::file,
            .doc = "A file with the client certificate's key, in PEM, without a passphrase.",
            .example = "\"/etc/lvsd/client.key\""},
    KeySpec{.key = "min_days",
            .type = ValueType::integer,
            .fallback = "0",
            .min = 0,
            .max = 3650,
            .doc = "Fail when the server's certificate expires in fewer days.",
            .example = "7"},
};

struct TlsPlan final : Plan {
    PlanPtr inner;
    TlsContext context;
    bool verify = true;
    bool system_store = false;
    bool alpn_required = false;
    bool resume = false;
    std::string name;
    std::string alpn;  // for the reason
    std::int64_t min_days = 0;
    mutable TlsSessions sessions;  // remembered from run to run; decides no verdict
    [[nodiscard]] std::unique_ptr<Probe> start(const Endpoint& target, std::uint64_t seed) const override;
};

// OpenSSL judges certificates by the system's clock; so do we.
std::time_t wall_clock() {
    return std::time(nullptr);
}

std::optional<std::time_t> end_of_certificate(SSL* connection) {
    const auto* certificate = SSL_get0_peer_certificate(connection);
    std::tm parts{};
    if (!certificate || ASN1_TIME_to_tm(X509_get0_notAfter(certificate), &parts) != 1) return std::nullopt;
    return timegm(&parts);
}

// Ends within the day: 0; ended within the day: -1.
int days_until(std::time_t end) {
    constexpr std::time_t kDay = 86400;
    const auto left = end - wall_clock();
    return static_cast<int>(left >= 0 ? left / kDay : -((-left + kDay - 1) / kDay));
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
          seed_(seed),
          connection_(SSL_new(plan.context.get())),
          inner_(plan.inner ? plan.inner->start(target, seed) : nullptr) {
        LVS_ASSERT(connection_);
        from_server_ = BIO_new(BIO_s_mem());
        to_server_ = BIO_new(BIO_s_mem());
        LVS_ASSERT(from_server_ && to_server_);
        BIO_set_mem_eof_return(from_server_, -1);
        SSL_set_bio(connection_.get(), from_server_, to_server_);  // the connection owns them
        SSL_set_connect_state(connection_.get());
        SSL_set_app_data(connection_.get(), this);
        set_name();
        if (plan_.resume) offer_session();
    }

    ~TlsProbe() override {
        if (offered_ && !shaken_) plan_.sessions.forget(target_);
        if (!trusted_ || !ticket_) return;
        if (SSL_session_reused(connection_.get()) == 1) {
            plan_.sessions.renew(target_, ticket_.get());
        } else if (not_after_) {
            plan_.sessions.put_new(target_, ticket_.get(), *not_after_, wall_clock(), seed_);
        }
    }
    TlsProbe(const TlsProbe&) = delete;
    TlsProbe& operator=(const TlsProbe&) = delete;

    // OpenSSL's: a session that a later run may offer. The last one counts.
    static int on_new_session(SSL* connection, SSL_SESSION* session) {
        static_cast<TlsProbe*>(SSL_get_app_data(connection))->ticket_.reset(session);
        return 1;  // ours from now on
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
            X509_VERIFY_PARAM_set1_ip_asc(SSL_get0_param(connection_.get()), address.c_str());
        } else {
            SSL_set_tlsext_host_name(connection_.get(), plan_.name.c_str());
            SSL_set1_host(connection_.get(), plan_.name.c_str());
        }
    }

    std::optional<Verdict> handshake() {
        ERR_clear_error();
        const int done = SSL_do_handshake(connection_.get());
        if (done != 1) {
            if (SSL_get_error(connection_.get(), done) == SSL_ERROR_WANT_READ) return std::nullopt;
            return Verdict::bad(why_not_shaken());
        }
        shaken_ = true;
        if (const auto end = end_of_certificate(connection_.get())) not_after_ = end;
        if (auto trouble = judge_certificate()) return with_days(*std::move(trouble));
        if (auto trouble = judge_protocol()) return with_days(*std::move(trouble));
        trusted_ = true;
        if (!inner_)
            return with_days(
                Verdict::good(fmt::format("{} handshake done", SSL_get_version(connection_.get()))));
        if (auto verdict = apply(inner_->on_connected())) return verdict;
        return read_plain();
    }

    [[nodiscard]] std::string why_not_shaken() const {
        constexpr int kNoProtocol = SSL_AD_REASON_OFFSET + SSL_AD_NO_APPLICATION_PROTOCOL;
        if (ERR_GET_REASON(ERR_peek_error()) != kNoProtocol)
            return "TLS handshake failed: " + last_tls_error();
        ERR_clear_error();
        return "expected ALPN " + plan_.alpn + ", the server speaks none of it";
    }

    void offer_session() {
        auto offer = plan_.sessions.find(target_, wall_clock());
        if (!offer) return;
        offered_ = true;
        not_after_ = offer->not_after;
        SSL_set_session(connection_.get(), offer->session.get());
    }

    [[nodiscard]] std::optional<Verdict> judge_certificate() const {
        const auto days = not_after_ ? days_until(*not_after_) : 0;
        if (plan_.verify) {
            const auto result = SSL_get_verify_result(connection_.get());
            if (days < 0) return Verdict::bad(fmt::format("certificate expired {} ago", count_days(-days)));
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

    [[nodiscard]] std::optional<Verdict> judge_protocol() const {
        if (!plan_.alpn_required) return std::nullopt;
        const std::uint8_t* chosen = nullptr;
        unsigned size = 0;
        SSL_get0_alpn_selected(connection_.get(), &chosen, &size);
        if (size != 0) return std::nullopt;
        return Verdict::bad("expected ALPN " + plan_.alpn + ", the server chose none");
    }

    std::optional<Verdict> read_plain() {
        std::array<std::uint8_t, 4096> plain;
        for (;;) {
            ERR_clear_error();
            const int size = SSL_read(connection_.get(), plain.data(), static_cast<int>(plain.size()));
            if (size <= 0) {
                const auto error = SSL_get_error(connection_.get(), size);
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
            SSL_write(connection_.get(), step.output.data(), static_cast<int>(step.output.size()));
        if (step.verdict) return with_days(*std::move(step.verdict));
        return std::nullopt;
    }

    Step step(std::optional<Verdict> verdict) {
        output_.resize(static_cast<std::size_t>(BIO_ctrl_pending(to_server_)));
        if (!output_.empty()) BIO_read(to_server_, output_.data(), static_cast<int>(output_.size()));
        return {output_, std::move(verdict)};
    }

    [[nodiscard]] Verdict with_days(Verdict verdict) const {
        if (not_after_) verdict.certificate_days = days_until(*not_after_);
        return verdict;
    }
    [[nodiscard]] Progress inside(const Progress& outside) const {
        return {true, received_, outside.timeout};
    }

    const TlsPlan& plan_;
    Endpoint target_;
    std::uint64_t seed_;
    TlsConnection connection_;
    BIO* from_server_ = nullptr;
    BIO* to_server_ = nullptr;
    std::unique_ptr<Probe> inner_;
    std::string output_;
    TlsSession ticket_;
    std::optional<std::time_t> not_after_;  // of the server's certificate
    std::uint64_t received_ = 0;            // inside
    bool offered_ = false;
    bool shaken_ = false;
    bool trusted_ = false;
};

std::unique_ptr<Probe> TlsPlan::start(const Endpoint& target, std::uint64_t seed) const {
    if (system_store) SSL_CTX_set1_cert_store(context.get(), system_authorities());
    return std::make_unique<TlsProbe>(*this, target, seed);
}

std::string in_a_list(const std::vector<std::string>& names) {
    std::string out;
    for (const auto& name : names)
        out += (out.empty() ? "" : " or ") + quoted(name);
    return out;
}

}  // namespace

const KeySpec kResumeKey{
    .key = "resume",
    .type = ValueType::boolean,
    .fallback = "true",
    .doc =
        "Whether handshakes may be shortened by what the server remembers of an earlier one. A full one, "
        "with the certificate, is made every few minutes all the same.",
    .example = "false"};

std::span<const KeySpec> tls_keys() {
    return kTlsKeys;
}

Result<void> refuse_tls_keys(const Params& params, std::string_view wanted) {
    for (const auto* const key : {"server_name", "ca", "certificate", "key"})
        if (params.contains(key))
            return fail(std::errc::invalid_argument, fmt::format("{} counts only with {}", key, wanted));
    return {};
}

std::string name_of_host(const std::string& host) {
    if (IpAddress::parse(host) || parse_endpoint(host) || host.starts_with('[')) return "";
    return host.substr(0, host.find(':'));
}

Result<PlanPtr> wrap_in_tls(PlanPtr inner, const Params& params, const TlsUse& use) {
    auto context = make_tls_context(params, use.alpn);
    if (!context) return std::unexpected(context.error());
    auto plan = std::make_shared<TlsPlan>();
    plan->inner = std::move(inner);
    plan->context = *std::move(context);
    plan->verify = value_or<bool>(params, "verify", true);
    plan->name = value_or<std::string>(params, "server_name", use.default_name);
    plan->min_days = value_or<std::int64_t>(params, "min_days", 0);
    if (!plan->verify && plan->min_days == 0) plan->min_days = std::numeric_limits<std::int32_t>::min();
    plan->system_store = plan->verify && !params.contains("ca");
    plan->alpn_required = use.alpn_required;
    plan->alpn = in_a_list(use.alpn);
    plan->resume = use.resume;
    if (plan->name.size() > 255 || as_reason(plan->name) != plan->name)
        return fail(std::errc::invalid_argument, "server_name must be a host name");
    if (plan->resume) {
        SSL_CTX_set_session_cache_mode(plan->context.get(),
                                       SSL_SESS_CACHE_CLIENT | SSL_SESS_CACHE_NO_INTERNAL);
        SSL_CTX_sess_set_new_cb(plan->context.get(), TlsProbe::on_new_session);
    }
    return plan;
}

}  // namespace lvs::checkers
