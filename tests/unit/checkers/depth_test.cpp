// SPDX-License-Identifier: GPL-2.0-or-later
//
// What kinds say beyond their first exchange: STARTTLS, echo replies, requests with a body, regular
// expressions, and what a session of TLS is kept as.
#include <openssl/ssl.h>

#include <cerrno>

#include "checkers/icmp_message.hpp"
#include "checkers/regex.hpp"
#include "checkers/tls_sessions.hpp"
#include "probe_helper.hpp"
#include "tls_server.hpp"

namespace lvs::checkers {
namespace {

using namespace std::string_literals;

// ---- http ----

TEST(HttpRequest, ABodyGoesAlong) {
    ProbeRun run("http", {{"send", "{\"a\": 1}"s}, {"path", "/x"s}});
    EXPECT_EQ(run.connect().sent(),
              "POST /x HTTP/1.1\r\nHost: 192.0.2.10\r\nUser-Agent: lvsd\r\nAccept: */*\r\n"
              "Content-Length: 8\r\nConnection: close\r\n\r\n{\"a\": 1}");
    EXPECT_NE(ProbeRun("http", {{"method", "PUT"s}}).connect().sent().find("Content-Length: 0\r\n"),
              std::string::npos);
    EXPECT_FALSE(make_plan("http", {{"method", "GET"s}, {"send", "x"s}}));
    EXPECT_FALSE(make_plan("http", {{"send", std::string(4097, 'x')}}));
}

TEST(HttpRequest, FieldsOfTheExchangeAreNotForTheUser) {
    for (const auto* const line : {"Host: x", "content-length: 3", "Transfer-Encoding: chunked",
                                   "Connection: x", "TE: trailers", "bad name: x", ":path: /"})
        EXPECT_FALSE(make_plan("http", {{"headers", std::vector{std::string(line)}}})) << line;
    EXPECT_TRUE(make_plan("http", {{"headers", std::vector{"X-A:b"s, "Authorization: Basic YTpi"s}}}));
}

std::string judge_body(const std::string& pattern, std::string_view body, bool closed = true) {
    std::string first;
    for (const std::size_t piece : {std::string::npos, std::size_t{1}}) {
        ProbeRun run("http", {{"body_regex", pattern}});
        run.connect().say("HTTP/1.1 200 OK\r\n\r\n" + std::string(body), piece);
        if (closed) run.close();
        if (first.empty()) first = run.result();
        EXPECT_EQ(run.result(), first);
    }
    return first;
}

TEST(HttpRegex, TheBodyMustMatch) {
    EXPECT_EQ(judge_body("^state: (ok|fine)$", "state: fine"), "ok: got 200 with a matching body");
    EXPECT_EQ(judge_body("^state: (ok|fine)$", "state: bad"),
              "failed: expected a body that matches body_regex, got 'state: bad'");
    EXPECT_EQ(judge_body("(?i)OK", "all ok\n"), "ok: got 200 with a matching body");
    EXPECT_EQ(judge_body("ok", "all ok", false), "undecided");  // the end may be asked about
    EXPECT_EQ(judge_body("\\xff\\x00", "\xff\0"s), "ok: got 200 with a matching body");
}

TEST(HttpRegex, TextAndPatternAreBothNeeded) {
    const Params both{{"body", "one"s}, {"body_regex", "t.o"s}};
    EXPECT_EQ(ProbeRun("http", both).connect().say("HTTP/1.1 200 OK\r\n\r\none two").close().result(),
              "ok: got 200 with a matching body");
    EXPECT_EQ(ProbeRun("http", both).connect().say("HTTP/1.1 200 OK\r\n\r\ntwo").close().result(),
              "failed: expected 'one' in the body, got 'two'");
}

TEST(HttpRegex, AnExplodingSearchEnds) {
    EXPECT_TRUE(judge_body("^(a+)+$", std::string(60'000, 'a') + "b")
                    .starts_with("failed: body_regex needs too many steps for the body 'aaa"));
    EXPECT_TRUE(judge_body("(.|\\n)*z", std::string(60'000, 'a')).starts_with("failed: "));
}

TEST(HttpRegex, PatternsAreBounded) {
    const auto error = [](const std::string& pattern) {
        const auto made = Regex::compile(pattern);
        return made ? "none" : made.error().context;
    };
    EXPECT_EQ(error("a(b"), "is no regular expression: missing closing parenthesis at character 4");
    EXPECT_EQ(error(std::string(1025, 'a')), "has at most 1024 bytes");
    EXPECT_EQ(error(std::string(1024, 'a')), "none");
    EXPECT_TRUE(error(std::string(51, '(') + std::string(51, ')')).starts_with("is no regular expression"));
    EXPECT_TRUE(error("((a{1000}){1000}){1000}").starts_with("is no regular expression"));
    EXPECT_TRUE(error("(*UTF)a").starts_with("is no regular expression"));
}

// ---- smtp ----

class StartTls : public testing::Test {
protected:
    static const Pem& good() {
        static const Pem pem = make_certificate(-1, 30);
        return pem;
    }
    static Params params() { return {{"starttls", true}, {"ca", good().certificate}}; }
};

TEST_F(StartTls, GoesOnInside) {
    for (const std::size_t piece : {std::string::npos, std::size_t{1}}) {
        ProbeRun run("smtp", params());
        run.connect().say("220 mx\r\n", piece).say("250-mx\r\n250-STARTTLS\r\n250 SIZE\r\n", piece);
        EXPECT_EQ(run.sent(), "EHLO lvsd\r\nSTARTTLS\r\n");
        TlsServer server(good(), "250-mx\r\n250 SIZE\r\n");
        auto sent = run.sent().size();
        run.say("220 go ahead\r\n", piece);
        for (int turn = 0; turn < 10 && !run.verdict(); ++turn) {
            const auto fresh = run.sent().substr(sent);
            sent += fresh.size();
            run.say(server.exchange(fresh), piece);
        }
        EXPECT_EQ(run.result(), "ok: greeted and answered EHLO inside TLS");
        EXPECT_EQ(run.verdict()->certificate_days, 30);
        EXPECT_EQ(server.plain(), "EHLO lvsd\r\n");
    }
}

TEST_F(StartTls, MustBeOfferedAndTaken) {
    EXPECT_EQ(ProbeRun("smtp", params()).connect().say("220 mx\r\n250 SIZE\r\n").result(),
              "failed: the server does not offer STARTTLS");
    EXPECT_EQ(ProbeRun("smtp", params()).connect().say("220 mx\r\n250 STARTTLS\r\n454 not now\r\n").result(),
              "failed: expected 220 to STARTTLS, got '454 not now'");
    EXPECT_EQ(
        ProbeRun("smtp", params()).connect().say("220 mx\r\n250 STARTTLS\r\n220 go\r\n").deadline().result(),
        "failed: no TLS handshake in 500 ms");
    EXPECT_EQ(
        ProbeRun("smtp", params()).connect().say("220 mx\r\n250 STARTTLS\r\n220 go\r\n").close().result(),
        "failed: connection closed during the TLS handshake");
}

TEST_F(StartTls, NothingMayComeInBetween) {
    EXPECT_EQ(ProbeRun("smtp", params())
                  .connect()
                  .say("220 mx\r\n")
                  .say("250 STARTTLS\r\n")
                  .say("220 go\r\n250 forged\r\n")
                  .result(),
              "failed: the server said more between STARTTLS and the TLS handshake");
}

TEST_F(StartTls, KeysOfTlsWantIt) {
    EXPECT_FALSE(make_plan("smtp", {{"ca", good().certificate}}));
    EXPECT_FALSE(make_plan("smtp", {{"starttls", true}, {"ca", "no pem"s}}));
}

// ---- icmp ----

constexpr std::uint64_t kToken = 0x1234;  // the seed of a ProbeRun

std::string echo_reply(Family family, std::string request) {
    request[0] = static_cast<char>(family == Family::ipv4 ? 0 : 129);
    return request;
}

TEST(Icmp, AnEchoIsAnswered) {
    for (const auto* const target : {"192.0.2.10:1", "[2001:db8::1]:1"}) {
        const auto endpoint = *parse_endpoint(target);
        ProbeRun run("icmp", {}, endpoint);
        run.connect();
        ASSERT_EQ(run.sent().size(), 64U);
        EXPECT_EQ(run.sent()[0], static_cast<char>(endpoint.address.is_v4() ? 8 : 128));
        run.say(echo_reply(endpoint.address.family(), icmp::encode_echo(endpoint.address.family(), 99, 56)));
        EXPECT_EQ(run.result(), "undecided");  // to another
        run.say(run.sent());                   // our own request, as the loopback may show it
        EXPECT_EQ(run.result(), "undecided");
        run.say("short");
        run.say(echo_reply(endpoint.address.family(), run.sent()));
        EXPECT_EQ(run.result(), "ok: answered");
    }
}

TEST(Icmp, AnIpHeaderMayGoBefore) {
    const auto reply = echo_reply(Family::ipv4, icmp::encode_echo(Family::ipv4, kToken, 8));
    EXPECT_EQ(ProbeRun("icmp", {}).connect().say("\x45" + std::string(19, 'h') + reply).result(),
              "ok: answered");
    EXPECT_EQ(ProbeRun("icmp", {}).connect().say("\x4f" + std::string(19, 'h') + reply).result(),
              "undecided");
}

TEST(Icmp, AnErrorAboutItIsHeard) {
    const auto request = icmp::encode_echo(Family::ipv4, kToken, 8);
    const auto error = "\3\1......"s + "\x45" + std::string(19, 'h') + request;
    EXPECT_EQ(ProbeRun("icmp", {}).connect().say(error).result(), "failed: unreachable (ICMP error)");
    EXPECT_EQ(ProbeRun("icmp", {}).connect().error(EHOSTUNREACH).result(),
              "failed: no route to the server (host unreachable)");
    EXPECT_EQ(ProbeRun("icmp", {}).connect().deadline().result(), "failed: no answer in 500 ms");
}

TEST(Icmp, TheChecksumIsRight) {
    for (const std::size_t size : {8U, 9U, 56U, 1400U}) {
        const auto message = icmp::encode_echo(Family::ipv4, 0xfedcba9876543210, size);
        std::uint32_t sum = 0;
        for (std::size_t i = 0; i < message.size(); ++i)
            sum += static_cast<std::uint32_t>(static_cast<std::uint8_t>(message[i]))
                   << (i % 2 == 0 ? 8U : 0U);
        while (sum > 0xffff)
            sum = (sum & 0xffffU) + (sum >> 16U);
        EXPECT_EQ(sum, 0xffffU) << size;
    }
    EXPECT_FALSE(make_plan("icmp", {{"size", std::int64_t{1401}}}));
}

// ---- what is remembered of a TLS server ----

TEST(TlsSessions, AreSmallAndEnd) {
    TlsSession session(SSL_SESSION_new());
    SSL_SESSION_set_protocol_version(session.get(), TLS1_2_VERSION);
    const std::array<std::uint8_t, 2> suite{0xc0, 0x2f};
    const std::unique_ptr<SSL_CTX, TlsFreer<SSL_CTX_free>> context(SSL_CTX_new(TLS_client_method()));
    const std::unique_ptr<SSL, TlsFreer<SSL_free>> connection(SSL_new(context.get()));
    SSL_SESSION_set_cipher(session.get(), SSL_CIPHER_find(connection.get(), suite.data()));
    TlsSessions sessions;
    sessions.put_new(kTarget, session.get(), 5000, 1000, 7);
    const auto found = sessions.find(kTarget, 1000 + TlsSessions::kShortest);
    ASSERT_TRUE(found);
    EXPECT_EQ(found->not_after, 5000);
    EXPECT_FALSE(sessions.find(*parse_endpoint("192.0.2.10:81"), 1000));
    sessions.renew(kTarget, session.get());  // does not live longer for it
    EXPECT_FALSE(sessions.find(kTarget, 1000 + TlsSessions::kShortest + 7));
    EXPECT_EQ(sessions.size(), 0U);
    sessions.put_new(kTarget, session.get(), 5000, 1000, 7);
    EXPECT_FALSE(sessions.find(kTarget, 1));  // the clock was set back
    for (std::uint32_t i = 0; i < TlsSessions::kMax + 10; ++i)
        sessions.put_new({IpAddress::from_v4(i), 443}, session.get(), 1, 1000, i);
    EXPECT_EQ(sessions.size(), TlsSessions::kMax);
}

}  // namespace
}  // namespace lvs::checkers
