// SPDX-License-Identifier: GPL-2.0-or-later
#include <cerrno>

#include "checkers/http1.hpp"
#include "probe_helper.hpp"

namespace lvs::checkers {
namespace {

const Params kWithBody{{"body", std::string("all well")}};

std::string answer(std::string_view head, std::string_view body = {}) {
    return "HTTP/1.1 " + std::string(head) + "\r\nContent-Length: " + std::to_string(body.size()) +
           "\r\n\r\n" + std::string(body);
}

// The result must not depend on how the bytes arrive.
std::string judge(const Params& params, std::string_view bytes, bool closed = false) {
    std::string first;
    for (const std::size_t piece : {std::string_view::npos, std::size_t{1}, std::size_t{7}}) {
        ProbeRun run("http", params);
        run.connect().say(bytes, piece);
        if (closed) run.close();
        if (first.empty()) first = run.result();
        EXPECT_EQ(run.result(), first) << "in pieces of " << piece;
    }
    return first;
}

TEST(Http, AsksForThePath) {
    ProbeRun run("http", {{"path", std::string("/health?x=1")},
                          {"host", std::string("www.example.org")},
                          {"headers", std::vector<std::string>{"X-Check: lvsd"}}});
    EXPECT_EQ(run.connect().sent(),
              "GET /health?x=1 HTTP/1.1\r\nHost: www.example.org\r\nUser-Agent: lvsd\r\nAccept: */*\r\n"
              "X-Check: lvsd\r\nConnection: close\r\n\r\n");
}

TEST(Http, NamesTheAddressWhenNoHostIsGiven) {
    const auto host_of = [](std::string_view target) {
        ProbeRun run("http", {}, *parse_endpoint(target));
        const auto sent = run.connect().sent();
        const auto begin = sent.find("Host: ") + 6;
        return sent.substr(begin, sent.find('\r', begin) - begin);
    };
    EXPECT_EQ(host_of("192.0.2.10:80"), "192.0.2.10");
    EXPECT_EQ(host_of("192.0.2.10:8080"), "192.0.2.10:8080");
    EXPECT_EQ(host_of("[2001:db8::1]:8080"), "[2001:db8::1]:8080");
}

TEST(Http, TheStatusDecidesAsSoonAsTheHeaderIsComplete) {
    EXPECT_EQ(judge({}, answer("200 OK", "hello")), "ok: got 200");
    EXPECT_EQ(judge({}, answer("204 No Content")), "ok: got 204");
    EXPECT_EQ(judge({}, answer("503 Service Unavailable")), "failed: expected 200-299, got 503");
    EXPECT_EQ(judge({}, answer("301 Moved")), "failed: expected 200-299, got 301");
    EXPECT_EQ(judge({}, "HTTP/1.0 200 OK\r\n\r\n"), "ok: got 200");
    EXPECT_EQ(judge({}, "HTTP/1.1 200 OK\r\nX: y\r\n"), "undecided");
}

TEST(Http, AcceptsTheStatusesAskedFor) {
    const Params params{{"status", std::vector<StatusRange>{{200, 200}, {300, 399}}}};
    EXPECT_EQ(judge(params, answer("302 Found")), "ok: got 302");
    EXPECT_EQ(judge(params, answer("201 Created")), "failed: expected 200, 300-399, got 201");
}

TEST(Http, FindsTheTextInTheBody) {
    EXPECT_EQ(judge(kWithBody, answer("200 OK", "<p>all well</p>")), "ok: got 200 with the expected text");
    EXPECT_EQ(judge(kWithBody, answer("200 OK", "<p>all wel</p>\nmore")),
              "failed: expected 'all well' in the body, got '<p>all wel</p>'");
    EXPECT_EQ(judge(kWithBody, answer("200 OK")), "failed: expected 'all well' in the body, got ''");
    EXPECT_EQ(judge(kWithBody, answer("500 Oops", "all well")), "failed: expected 200-299, got 500");
    EXPECT_EQ(judge(kWithBody, "HTTP/1.1 200 OK\r\nContent-Length: 20\r\n\r\nall wel"), "undecided");
    EXPECT_EQ(judge(kWithBody, "HTTP/1.1 200 OK\r\nContent-Length: 20\r\n\r\nall wel", true),
              "failed: connection closed after 46 bytes, answer incomplete");
}

TEST(Http, ReadsABodyThatEndsWithTheConnection) {
    EXPECT_EQ(judge(kWithBody, "HTTP/1.1 200 OK\r\n\r\nnot so well", true),
              "failed: expected 'all well' in the body, got 'not so well'");
    EXPECT_EQ(judge(kWithBody, "HTTP/1.1 200 OK\r\n\r\nit is all well", true),
              "ok: got 200 with the expected text");
}

TEST(Http, ReadsAChunkedBody) {
    const std::string head = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n";
    EXPECT_EQ(judge(kWithBody, head + "4;a=b\r\nall \r\n4\r\nwell\r\n0\r\n\r\n"),
              "ok: got 200 with the expected text");
    EXPECT_EQ(judge(kWithBody, head + "4\r\nall \r\n0\r\nTrailer: x\r\n\r\n"),
              "failed: expected 'all well' in the body, got 'all '");
    EXPECT_TRUE(
        judge(kWithBody, head + "zz\r\nall well\r\n").starts_with("failed: not a valid HTTP answer: "));
}

TEST(Http, ABrokenBodyDoesNotMatterWhenTheHeaderDecides) {
    EXPECT_EQ(judge({}, "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\no\r%\n1;x=y\r\nk\r\n"),
              "ok: got 200");
}

TEST(Http, PassesOverInterimAnswers) {
    EXPECT_EQ(judge({}, "HTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\n" + answer("200 OK")), "ok: got 200");
    std::string many;
    for (int i = 0; i < 9; ++i)
        many += "HTTP/1.1 100 Continue\r\n\r\n";
    EXPECT_EQ(judge({}, many), "failed: not a valid HTTP answer: more than 8 interim answers");
}

TEST(Http, AHeadRequestHasNoBody) {
    EXPECT_EQ(judge({{"method", std::string("HEAD")}}, "HTTP/1.1 200 OK\r\nContent-Length: 999\r\n\r\n"),
              "ok: got 200");
}

TEST(Http, RefusesWhatIsNotHttp) {
    for (const auto* const text :
         {"SSH-2.0-OpenSSH\r\n", "220 smtp.example.org ESMTP\r\n", "HTTP/9.9 200 OK\r\n\r\n",
          "HTTP/1.1 2x0 OK\r\n\r\n", "HTTP/1.1 200 OK\r\nbad header\r\n\r\n"})
        EXPECT_TRUE(judge({}, text).starts_with("failed: not a valid HTTP answer: ")) << judge({}, text);
}

TEST(Http, EndlessHeadersEnd) {
    std::string header = "HTTP/1.1 200 OK\r\n";
    while (header.size() <= 16384)
        header += "X-More: and more\r\n";
    EXPECT_EQ(judge({}, header), "failed: not a valid HTTP answer: a header larger than 16 KiB");
    EXPECT_EQ(judge({}, "HTTP/1.1 200 OK\r\nX: " + std::string(20000, 'y')),
              "failed: not a valid HTTP answer: a header larger than 16 KiB");
}

TEST(Http, AHugeBodyIsNotReadToItsEnd) {
    const auto body = std::string(Http1Exchange::kMaxBody - 8, 'x') + "all well";
    EXPECT_EQ(judge(kWithBody, "HTTP/1.1 200 OK\r\n\r\n" + body), "ok: got 200 with the expected text");
    EXPECT_TRUE(judge(kWithBody, "HTTP/1.1 200 OK\r\n\r\nx" + body)
                    .starts_with("failed: expected 'all well' in the body, got 'xxx"));
    EXPECT_EQ(judge({}, "HTTP/1.1 200 OK\r\nContent-Length: 99999999999\r\n\r\n"), "ok: got 200");
}

TEST(Http, SmallChunksCannotGoOnForEver) {
    std::string bytes = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n";
    const auto chunk = "1;" + std::string(1000, 'e') + "\r\nx\r\n";
    while (bytes.size() < std::size_t{600} * 1024)
        bytes += chunk;
    ProbeRun run("http", kWithBody);
    EXPECT_TRUE(run.connect().say(bytes, 4096).result().starts_with("failed: expected 'all well'"))
        << run.result();
}

TEST(Http, SaysHowFarItCame) {
    EXPECT_EQ(ProbeRun("http", {}).deadline().result(), "failed: no connection in 500 ms");
    EXPECT_EQ(ProbeRun("http", {}).connect().deadline().result(), "failed: no answer in 500 ms");
    EXPECT_EQ(ProbeRun("http", {}).connect().say("HTTP/1.1 200 OK\r\n").deadline().result(),
              "failed: no answer in 500 ms after 17 bytes");
    EXPECT_EQ(ProbeRun("http", {}).connect().say("HTTP/1.1 200 OK\r\n").error(ECONNRESET).result(),
              "failed: connection reset after 17 bytes");
    EXPECT_EQ(ProbeRun("http", {}).connect().close().result(), "failed: connection closed before any answer");
    EXPECT_EQ(judge({}, "HTTP/1.1 200 OK\r\nX", true),
              "failed: connection closed after 18 bytes, answer incomplete");
}

TEST(Http, KeysCannotSmuggleASecondRequest) {
    const auto refused = [](const char* key, ParamValue value) {
        return !make_plan("http", {{key, std::move(value)}}).has_value();
    };
    EXPECT_TRUE(refused("path", std::string("/x HTTP/1.1\r\nX: y")));
    EXPECT_TRUE(refused("path", std::string("no-slash")));
    EXPECT_TRUE(refused("host", std::string("a\nb")));
    EXPECT_TRUE(refused("headers", std::vector<std::string>{"X: y\r\nZ: z"}));
    EXPECT_TRUE(refused("headers", std::vector<std::string>{"no colon"}));
    EXPECT_TRUE(refused("method", std::string("DELETE")));
    EXPECT_TRUE(refused("path", std::string("/" + std::string(9000, 'x'))));
    EXPECT_TRUE(refused("body", std::string(4097, 'x')));
    EXPECT_TRUE(refused("status", std::vector<StatusRange>{}));
    EXPECT_FALSE(make_plan("http", {{"method", std::string("HEAD")}, {"body", std::string("x")}}));
}

}  // namespace
}  // namespace lvs::checkers
