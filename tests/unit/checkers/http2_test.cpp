// SPDX-License-Identifier: GPL-2.0-or-later
//
// http over HTTP/2, and grpc: against a server over memory, its bytes arriving in pieces, and against byte
// streams that no honest server sends.
#include <cerrno>

#include "checkers/grpc_message.hpp"
#include "checkers/http_exchange.hpp"
#include "http2_server.hpp"
#include "probe_helper.hpp"

namespace lvs::checkers {
namespace {

using namespace std::string_literals;

Params version_2(Params more = {}) {
    more.emplace("http", "2"s);
    return more;
}

// A frame as RFC 9113 4.1 has it.
std::string frame(char type, char flags, char stream, std::string_view payload) {
    std::string out{static_cast<char>(payload.size() >> 16U),
                    static_cast<char>(payload.size() >> 8U & 0xffU),
                    static_cast<char>(payload.size() & 0xffU),
                    type,
                    flags,
                    0,
                    0,
                    0,
                    stream};
    return out + std::string(payload);
}
const std::string kSettings = frame(4, 0, 0, "");
const std::string kOkHeader = "\x88";  // ":status 200", an entry of HPACK's static table

void talk(ProbeRun& run, Http2Server& server, std::size_t piece) {
    run.connect();
    std::size_t sent = 0;
    for (int turn = 0; turn < 20 && !run.verdict(); ++turn) {
        const auto fresh = run.sent().substr(sent);
        sent += fresh.size();
        run.say(server.exchange(fresh), piece);
    }
}

std::string judge(std::string_view kind, const Params& params, const Http2Answer& answer) {
    std::string first;
    for (const std::size_t piece : {std::string::npos, std::size_t{1}, std::size_t{7}}) {
        ProbeRun run(kind, params);
        Http2Server server(answer);
        talk(run, server, piece);
        if (first.empty()) first = run.result();
        EXPECT_EQ(run.result(), first) << "in pieces of " << piece;
    }
    return first;
}

// The result over bytes that are what they are, whatever the probe says.
std::string judge_bytes(std::string_view bytes, std::string_view kind = "http") {
    std::string first;
    for (const std::size_t piece : {std::string::npos, std::size_t{1}, std::size_t{7}}) {
        ProbeRun run(kind, kind == "http" ? version_2() : Params{});
        run.connect().say(bytes, piece);
        if (first.empty()) first = run.result();
        EXPECT_EQ(run.result(), first) << "in pieces of " << piece;
    }
    return first;
}

TEST(Http2, AsksForThePath) {
    ProbeRun run("http", version_2({{"path", "/health?x=1"s},
                                    {"host", "www.example.org"s},
                                    {"headers", std::vector{"X-Check: lvsd"s}},
                                    {"send", "ping"s}}));
    Http2Server server({});
    talk(run, server, std::string::npos);
    EXPECT_EQ(server.request(),
              ":method: POST\n:scheme: http\n:authority: www.example.org\n:path: /health?x=1\n"
              "user-agent: lvsd\nx-check: lvsd\ncontent-length: 4\nping");
    EXPECT_EQ(run.result(), "ok: got 200");
}

TEST(Http2, TheStatusDecides) {
    EXPECT_EQ(judge("http", version_2(), {}), "ok: got 200");
    EXPECT_EQ(judge("http", version_2(), {.header = {{":status", "503"}}}),
              "failed: expected 200-299, got 503");
    EXPECT_EQ(judge("http", version_2({{"method", "HEAD"s}}), {.header = {{":status", "301"}}}),
              "failed: expected 200-299, got 301");
}

TEST(Http2, FindsTheTextInTheBody) {
    const auto params = version_2({{"body", "all well"s}});
    EXPECT_EQ(judge("http", params, {.body = "<p>all well</p>"}), "ok: got 200 with the expected text");
    EXPECT_EQ(judge("http", params, {.body = "<p>all wel</p>"}),
              "failed: expected 'all well' in the body, got '<p>all wel</p>'");
    EXPECT_EQ(judge("http", params, {.body = "", .trailer = {{"x", "y"}}}),
              "failed: expected 'all well' in the body, got ''");
}

TEST(Http2, ABodyLargerThanTheWindowIsReadToTheBound) {
    const auto params = version_2({{"body", "not there"s}});
    const auto result = judge("http", params, {.body = std::string(200'000, 'x')});
    EXPECT_TRUE(result.starts_with("failed: expected 'not there' in the body, got 'xxx")) << result;
}

TEST(Http2, NamesAServerThatSpeaksSomethingElse) {
    EXPECT_EQ(judge_bytes("HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n"),
              "failed: not a valid HTTP/2 answer: it does not begin with SETTINGS");
    EXPECT_TRUE(
        judge_bytes("220 smtp.example.org ESMTP ready\r\n").starts_with("failed: not a valid HTTP/2"));
}

TEST(Http2, TakesBareFrames) {
    EXPECT_EQ(judge_bytes(kSettings + frame(1, 5, 1, kOkHeader)), "ok: got 200");
    EXPECT_EQ(judge_bytes(kSettings + frame(1, 4, 1, kOkHeader)), "ok: got 200");
    EXPECT_EQ(judge_bytes(kSettings), "undecided");
}

TEST(Http2, AResetOrAGoodbyeIsNamed) {
    EXPECT_EQ(judge_bytes(kSettings + frame(3, 0, 1, "\0\0\0\7"s)),
              "failed: not a valid HTTP/2 answer: stream reset, REFUSED_STREAM");
    EXPECT_EQ(judge_bytes(kSettings + frame(7, 0, 0, "\0\0\0\0\0\0\0\x0b"s)),
              "failed: not a valid HTTP/2 answer: the server gave up, ENHANCE_YOUR_CALM");
}

TEST(Http2, EndlessHeadersEnd) {
    // Literal fields without indexing, 100 bytes of value each, in CONTINUATION frames that never end.
    const std::string field = "\0\1x\x64"s + std::string(100, 'y');
    std::string many;
    for (int i = 0; i < 40; ++i)
        many += field;
    auto bytes = kSettings + frame(1, 0, 1, kOkHeader + many);
    for (int i = 0; i < 5; ++i)
        bytes += frame(9, 0, 1, many);
    EXPECT_EQ(judge_bytes(bytes), "failed: not a valid HTTP/2 answer: a header larger than 16 KiB");
    bytes = kSettings + frame(1, 0, 1, kOkHeader);
    for (int i = 0; i < 1000; ++i)
        bytes += frame(9, 0, 1, field);
    for (const std::size_t piece : {std::string::npos, std::size_t{7}}) {  // one bound or the other
        const auto result = ProbeRun("http", version_2()).connect().say(bytes, piece).result();
        EXPECT_TRUE(result.starts_with("failed: not a valid HTTP/2 answer: ")) << result;
    }
}

TEST(Http2, InterimAnswersArePassedOverButNotForEver) {
    const auto interim = frame(1, 4, 1, "\x08\x03"s + "103");
    EXPECT_EQ(judge_bytes(kSettings + interim + frame(1, 5, 1, kOkHeader)), "ok: got 200");
    std::string many;
    for (int i = 0; i < 9; ++i)
        many += interim;
    EXPECT_EQ(judge_bytes(kSettings + many),
              "failed: not a valid HTTP/2 answer: more than 8 interim answers");
}

// What a stranger can make us say is never more than what it said.
TEST(Http2, PingsAndSettingsAreNoAmplifier) {
    for (const auto& flood : {frame(6, 0, 0, "12345678"), kSettings}) {
        ProbeRun run("http", version_2());
        run.connect().say(kSettings);
        const auto before = run.sent().size();
        std::size_t said = 0;
        while (!run.verdict()) {
            run.say(flood);
            said += flood.size();
        }
        EXPECT_LE(run.sent().size() - before, said + 100);
        EXPECT_LE(said, std::size_t{600} * 1024);
        EXPECT_TRUE(run.result().starts_with("failed: ")) << run.result();
    }
}

TEST(Http2, SaysHowFarItCame) {
    EXPECT_EQ(ProbeRun("http", version_2()).connect().deadline().result(), "failed: no answer in 500 ms");
    EXPECT_EQ(ProbeRun("http", version_2()).connect().say(kSettings).deadline().result(),
              "failed: no answer in 500 ms after 9 bytes");
    EXPECT_EQ(ProbeRun("http", version_2()).connect().say(kSettings).close().result(),
              "failed: connection closed after 9 bytes, answer incomplete");
    EXPECT_EQ(ProbeRun("http", version_2()).connect().say(kSettings).error(ECONNRESET).result(),
              "failed: connection reset after 9 bytes");
}

// ---- grpc ----

TEST(Grpc, AsksForTheService) {
    ProbeRun run("grpc", {{"service", "example.Greeter"s}});
    Http2Server server(health_answer(1));
    talk(run, server, std::string::npos);
    EXPECT_EQ(server.request(),
              ":method: POST\n:scheme: http\n:authority: 192.0.2.10\n"
              ":path: /grpc.health.v1.Health/Check\nuser-agent: lvsd\ncontent-type: application/grpc\n"
              "te: trailers\ncontent-length: 22\n"s +
                  "\0\0\0\0\x11\x0a\x0f"s + "example.Greeter");
    EXPECT_EQ(run.result(), "ok: got SERVING");
}

TEST(Grpc, OnlyServingIsHealthy) {
    EXPECT_EQ(judge("grpc", {}, health_answer(1)), "ok: got SERVING");
    EXPECT_EQ(judge("grpc", {}, health_answer(0)), "failed: expected SERVING, got UNKNOWN");
    EXPECT_EQ(judge("grpc", {}, health_answer(2)), "failed: expected SERVING, got NOT_SERVING");
    EXPECT_EQ(judge("grpc", {}, health_answer(9)), "failed: expected SERVING, got 9");
}

TEST(Grpc, TheStatusOfTheCallIsNamed) {
    const auto only = [](const char* status, const char* message = "") {
        return Http2Answer{
            .header = {{":status", "200"}, {"grpc-status", status}, {"grpc-message", message}}};
    };
    EXPECT_EQ(judge("grpc", {{"service", "x"s}}, only("5")),
              "failed: service 'x' is unknown to the server (NOT_FOUND)");
    EXPECT_EQ(judge("grpc", {}, only("12")),
              "failed: the server does not offer the health protocol (UNIMPLEMENTED)");
    EXPECT_EQ(judge("grpc", {}, only("14", "try later")), "failed: the call failed: UNAVAILABLE 'try later'");
    EXPECT_EQ(judge("grpc", {}, {.body = "hello"}), "failed: not a gRPC answer: no grpc-status");
    EXPECT_EQ(judge("grpc", {}, {.header = {{":status", "404"}}}),
              "failed: expected HTTP status 200, got 404");
    EXPECT_EQ(judge("grpc", {}, health_answer(1, "99")), "failed: the call failed: grpc-status '99'");
}

TEST(Grpc, ReadsMessagesAsTheyAre) {
    const auto parse = [](const std::string& message) {
        const std::string body = "\0\0\0\0"s + static_cast<char>(message.size()) + message;
        const auto found =
            grpc::parse_health({reinterpret_cast<const std::uint8_t*>(body.data()), body.size()});
        return found ? std::to_string(*found) : found.error().context;
    };
    EXPECT_EQ(parse(""), "0");
    EXPECT_EQ(parse("\x08\x01"), "1");
    EXPECT_EQ(parse("\x08\x81\x00"s), "1");
    EXPECT_EQ(parse("\x12\x02hi\x08\x01\x1d....\x21........\x28\x07"), "1");  // fields of a later version
    EXPECT_EQ(parse("\x08"), "a broken message");
    EXPECT_EQ(parse("\x12\x7fhi"), "a broken message");
    EXPECT_EQ(parse("\x0b"), "a broken message");
    EXPECT_EQ(parse(std::string(11, '\xff')), "a broken message");
    EXPECT_EQ(grpc::parse_health({}).error().context, "no message");
    const std::string compressed = "\1\0\0\0\0"s;
    EXPECT_EQ(
        grpc::parse_health({reinterpret_cast<const std::uint8_t*>(compressed.data()), 5}).error().context,
        "a compressed message");
    const std::string two = "\0\0\0\0\0\0\0\0\0\0"s;
    EXPECT_EQ(grpc::parse_health({reinterpret_cast<const std::uint8_t*>(two.data()), 10}).error().context,
              "more or less than one message");
    EXPECT_EQ(grpc::encode_health_request(std::string(200, 'a')).substr(3, 5), "\x00\xcb\x0a\xc8\x01"s);
}

TEST(Grpc, KeysOfTlsWantTls) {
    const auto made = make_plan("grpc", {{"server_name", "www.example.org"s}});
    ASSERT_FALSE(made);
    EXPECT_EQ(made.error().context, "server_name counts only with tls = true");
    EXPECT_TRUE(make_plan("grpc", {{"server_name", "www.example.org"s}, {"tls", true}}));
}

}  // namespace
}  // namespace lvs::checkers
