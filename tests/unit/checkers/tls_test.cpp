// SPDX-License-Identifier: GPL-2.0-or-later
#include <cerrno>

#include "http2_server.hpp"
#include "probe_helper.hpp"
#include "tls_server.hpp"

namespace lvs::checkers {
namespace {

const std::string kOk = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";

// Lets the probe and the server talk, the server's bytes arriving in pieces.
void talk(ProbeRun& run, TlsServer& server, std::size_t piece = std::string::npos) {
    run.connect();
    std::size_t sent = 0;
    for (int turn = 0; turn < 20 && !run.verdict(); ++turn) {
        const auto fresh = run.sent().substr(sent);
        sent += fresh.size();
        run.say(server.exchange(fresh), piece);
    }
}

Params trusting(const Pem& pem, Params more = {}) {
    more.emplace("ca", pem.certificate);
    more.emplace("host", std::string("www.example.org"));
    return more;
}

std::string judge(const Pem& pem, const Params& params, std::string_view kind = "https") {
    std::string first;
    for (const std::size_t piece : {std::string::npos, std::size_t{1}, std::size_t{100}}) {
        ProbeRun run(kind, params);
        TlsServer server(pem, kOk);
        talk(run, server, piece);
        if (first.empty()) first = run.result();
        EXPECT_EQ(run.result(), first) << "in pieces of " << piece;
    }
    return first;
}

class Tls : public testing::Test {
protected:
    static const Pem& good() {
        static const Pem pem = make_certificate(-1, 30);
        return pem;
    }
};

TEST_F(Tls, HttpsChecksCertificateAndAnswer) {
    ProbeRun run("https", trusting(good()));
    TlsServer server(good(), kOk);
    talk(run, server, 1);
    EXPECT_EQ(run.result(), "ok: got 200");
    EXPECT_EQ(run.verdict()->certificate_days, 30);
    EXPECT_EQ(server.server_name(), "www.example.org");
    EXPECT_TRUE(server.plain().starts_with("GET / HTTP/1.1\r\nHost: www.example.org\r\n")) << server.plain();
}

TEST_F(Tls, TheHandshakeAloneIsACheckToo) {
    EXPECT_EQ(judge(good(), {{"ca", good().certificate}}, "tls"),
              "ok: TLSv1.3 handshake done");  // by its address
    EXPECT_EQ(
        judge(good(), {{"ca", good().certificate}, {"server_name", std::string("www.example.org")}}, "tls"),
        "ok: TLSv1.3 handshake done");
}

TEST_F(Tls, VerifiesByDefault) {
    EXPECT_EQ(judge(good(), {}), "failed: certificate not trusted: self-signed certificate");
    EXPECT_EQ(judge(good(), {{"verify", false}}), "ok: got 200");
    EXPECT_EQ(judge(good(), trusting(good(), {{"server_name", std::string("other.example.org")}})),
              "failed: certificate is not for 'other.example.org'");
    const auto stranger = make_certificate(-1, 30);
    EXPECT_TRUE(judge(good(), trusting(stranger)).starts_with("failed: certificate not trusted: "))
        << judge(good(), trusting(stranger));
}

TEST_F(Tls, NothingIsSentToAServerThatIsNotTrusted) {
    ProbeRun run("https", {});
    TlsServer server(good(), kOk);
    talk(run, server);
    EXPECT_EQ(server.exchange(""), "");
    EXPECT_EQ(server.plain(), "");
}

TEST_F(Tls, TellsTheDaysOfACertificate) {
    const auto expired = make_certificate(-30, -3);
    EXPECT_EQ(judge(expired, trusting(expired)), "failed: certificate expired 3 days ago");
    EXPECT_EQ(judge(expired, {{"verify", false}}), "ok: got 200");
    const auto future = make_certificate(2, 30);
    EXPECT_EQ(judge(future, trusting(future)),
              "failed: certificate not trusted: certificate is not yet valid");
    EXPECT_EQ(judge(good(), trusting(good(), {{"min_days", std::int64_t{31}}})),
              "failed: certificate expires in 30 days, expected at least 31");
    EXPECT_EQ(judge(good(), trusting(good(), {{"min_days", std::int64_t{30}}})), "ok: got 200");
    EXPECT_EQ(judge(good(), {{"verify", false}, {"min_days", std::int64_t{31}}}),
              "failed: certificate expires in 30 days, expected at least 31");
}

TEST_F(Tls, ShowsAClientCertificate) {
    const auto client = make_certificate(-1, 5);
    for (const bool shown : {true, false}) {
        auto params = trusting(good());
        if (shown) {
            params["certificate"] = client.certificate;
            params["key"] = client.key;
        }
        ProbeRun run("https", params);
        TlsServer server(good(), kOk, client.certificate);
        talk(run, server);
        EXPECT_TRUE(run.result().starts_with(shown ? "ok: got 200" : "failed: TLS handshake failed: "))
            << run.result();
    }
}

TEST_F(Tls, TheProtocolAskedForMustBeChosen) {
    for (const auto* const chosen : {"", "h2"}) {
        ProbeRun run("tls", {{"ca", good().certificate}, {"alpn", std::vector<std::string>{"h2", "x"}}});
        TlsServer server(good(), kOk);
        if (*chosen != '\0') server.choose_protocol(chosen);
        talk(run, server);
        EXPECT_EQ(run.result(), *chosen == '\0' ? "failed: expected ALPN 'h2' or 'x', the server chose none"
                                                : "ok: TLSv1.3 handshake done");
    }
    EXPECT_EQ(judge(good(), trusting(good(), {{"http", std::string("2")}})),
              "failed: expected ALPN 'h2', the server chose none");
}

TEST_F(Tls, Http2IsSpokenInside) {
    for (const auto* const kind : {"https", "grpc"}) {
        auto params = trusting(good());
        params[std::string(kind) == "https" ? "http" : "tls"] =
            std::string(kind) == "https" ? ParamValue(std::string("2")) : ParamValue(true);
        ProbeRun run(kind, params);
        Http2Server http(health_answer(1));
        TlsServer server(good(), "");
        server.choose_protocol("h2");
        server.respond([&http](std::string_view bytes) { return http.exchange(bytes); });
        talk(run, server, 1);
        EXPECT_EQ(run.result(), std::string(kind) == "https" ? "ok: got 200" : "ok: got SERVING");
        EXPECT_EQ(run.verdict()->certificate_days, 30);
        EXPECT_NE(http.request().find(":scheme: https\n:authority: www.example.org\n"), std::string::npos);
    }
}

// Runs of one check, one after the other: what each connection was.
class Resumption : public Tls {
protected:
    void run_once(const PlanPtr& plan, TlsServer& server) {
        ProbeRun run(plan);
        talk(run, server);
        result_ = run.result();
        days_ = run.verdict() ? run.verdict()->certificate_days : std::nullopt;
    }
    std::string result_;
    std::optional<std::int32_t> days_;
};

TEST_F(Resumption, ASecondRunIsShortened) {
    for (const bool old : {false, true}) {
        const auto plan = *make_plan("https", trusting(good()));
        TlsServer first(good(), kOk);
        if (old) first.use_tls_1_2();
        run_once(plan, first);
        EXPECT_EQ(result_, "ok: got 200");
        for (int i = 0; i < 3; ++i) {
            TlsServer again(first, kOk);
            if (old) again.use_tls_1_2();
            run_once(plan, again);
            EXPECT_TRUE(again.is_resumed()) << i;
            EXPECT_EQ(result_, "ok: got 200");
            EXPECT_EQ(days_, 30);  // the certificate is not sent again
        }
        TlsServer other(good(), kOk);  // restarted: it knows no session of before
        if (old) other.use_tls_1_2();
        run_once(plan, other);
        EXPECT_FALSE(other.is_resumed());
        EXPECT_EQ(result_, "ok: got 200");
    }
}

TEST_F(Resumption, NotWithAnotherServerNorWhenToldNotTo) {
    TlsServer first(good(), kOk);
    const auto plan = *make_plan("https", trusting(good()));
    run_once(plan, first);
    TlsServer elsewhere(first, kOk);
    ProbeRun run(plan, *parse_endpoint("192.0.2.10:8443"));
    talk(run, elsewhere);
    EXPECT_FALSE(elsewhere.is_resumed());
    const auto never = *make_plan("https", trusting(good(), {{"resume", false}}));
    for (int i = 0; i < 2; ++i) {
        TlsServer again(first, kOk);
        run_once(never, again);
        EXPECT_FALSE(again.is_resumed());
    }
}

TEST_F(Resumption, AServerThatIsNotTrustedIsNotRemembered) {
    const auto plan = *make_plan("https", {});
    TlsServer first(good(), kOk);
    first.use_tls_1_2();  // the ticket comes before the judgement
    run_once(plan, first);
    EXPECT_EQ(result_, "failed: certificate not trusted: self-signed certificate");
    TlsServer again(first, kOk);
    again.use_tls_1_2();
    run_once(plan, again);
    EXPECT_FALSE(again.is_resumed());
    EXPECT_EQ(result_, "failed: certificate not trusted: self-signed certificate");
}

TEST_F(Tls, RefusesGarbage) {
    EXPECT_EQ(ProbeRun("https", {}).connect().say("HTTP/1.1 400 Bad Request\r\n\r\n").result(),
              "failed: TLS handshake failed: wrong version number");
    ProbeRun run("tls", {});
    EXPECT_TRUE(run.connect()
                    .say(std::string_view("\x16\x03\x03\x00\x05zzzzz", 10))
                    .result()
                    .starts_with("failed: TLS handshake failed: "))
        << run.result();
}

TEST_F(Tls, SaysWhereItWasCutShort) {
    EXPECT_EQ(ProbeRun("https", {}).connect().close().result(),
              "failed: connection closed during the TLS handshake");
    EXPECT_EQ(ProbeRun("https", {}).connect().deadline().result(), "failed: no TLS handshake in 500 ms");
    EXPECT_EQ(ProbeRun("https", {}).connect().error(ECONNRESET).result(),
              "failed: connection reset during the TLS handshake");
    EXPECT_EQ(ProbeRun("https", {}).error(ECONNREFUSED).result(), "failed: connect refused");
    for (const bool polite : {true, false}) {
        ProbeRun run("https", trusting(good()));
        TlsServer server(good(), "HTTP/1.1 200 OK\r\n");  // half a header
        talk(run, server);
        EXPECT_EQ(run.result(), "undecided");
        if (polite) run.say(server.close());
        if (!polite) run.close();
        EXPECT_EQ(run.result(), "failed: connection closed after 17 bytes, answer incomplete");
    }
}

TEST_F(Tls, RefusesBrokenKeys) {
    const auto refused = [](Params params) { return !make_plan("tls", params).has_value(); };
    EXPECT_TRUE(refused({{"ca", std::string("no pem")}}));
    EXPECT_TRUE(refused({{"certificate", good().certificate}}));
    EXPECT_TRUE(refused({{"key", good().key}}));
    EXPECT_TRUE(refused({{"certificate", good().certificate}, {"key", make_certificate(-1, 1).key}}));
    EXPECT_TRUE(refused({{"server_name", std::string("a\nb")}}));
    EXPECT_TRUE(refused({{"alpn", std::vector<std::string>{""}}}));
    EXPECT_FALSE(refused({{"alpn", std::vector<std::string>{"h2", "http/1.1"}}}));
}

}  // namespace
}  // namespace lvs::checkers
