// SPDX-License-Identifier: GPL-2.0-or-later
//
// The smaller kinds: udp, dns, smtp, agent. Streams are fed whole and byte by byte.
#include <cerrno>

#include "checkers/dns_message.hpp"
#include "probe_helper.hpp"

namespace lvs::checkers {
namespace {

std::string judge(std::string_view kind, const Params& params, std::string_view bytes, bool closed = false) {
    std::string first;
    for (const std::size_t piece : {std::string_view::npos, std::size_t{1}}) {
        ProbeRun run(kind, params);
        run.connect().say(bytes, piece);
        if (closed) run.close();
        if (first.empty()) first = run.result();
        EXPECT_EQ(run.result(), first) << "in pieces of " << piece;
    }
    return first;
}

// ---- udp ----

TEST(Udp, WithoutAnExpectationSilenceIsFineAndRefusalIsNot) {
    ProbeRun run("udp", {{"send", std::string("x")}});
    EXPECT_EQ(run.connect().sent(), "x");
    EXPECT_EQ(run.deadline().result(), "ok: not refused in 500 ms");
    EXPECT_EQ(ProbeRun("udp", {}).connect().error(ECONNREFUSED).result(),
              "failed: port closed (ICMP port unreachable)");
    EXPECT_EQ(ProbeRun("udp", {}).connect().error(EMFILE).result(),
              "unchecked: not checked: no file descriptor left");
    EXPECT_EQ(ProbeRun("udp", {}).connect().error(EHOSTUNREACH).result(),
              "failed: no route to the server (host unreachable)");
}

TEST(Udp, WaitsForTheExpectedAnswer) {
    const Params params{{"expect", std::string("pong")}};
    EXPECT_EQ(ProbeRun("udp", params).connect().say("bang").say("a pong").result(),
              "ok: got the expected answer");
    EXPECT_EQ(ProbeRun("udp", params).connect().say("bang").deadline().result(),
              "failed: expected 'pong', got 'bang'");
    EXPECT_EQ(ProbeRun("udp", params).connect().deadline().result(), "failed: no answer in 500 ms");
    EXPECT_EQ(ProbeRun("udp", {{"reply", true}}).connect().deadline().result(),
              "failed: no answer in 500 ms");
    EXPECT_EQ(ProbeRun("udp", {{"reply", true}}).connect().say("x").result(), "ok: answered");
}

// ---- dns ----

const std::string kId{"\x12\x34", 2};  // of the helper's seed
std::string bytes(std::initializer_list<unsigned> values) {
    std::string out;
    for (const auto value : values)
        out += static_cast<char>(value);
    return out;
}
const std::string kQuestion = "\3www\7example\3org" + bytes({0, 0, 1, 0, 1});

std::string dns_answer(unsigned rcode, unsigned count, const std::string& records,
                       const std::string& id = kId, const std::string& question = kQuestion,
                       unsigned flags = 0x81) {
    return id + bytes({flags, 0x80U | rcode, 0, 1, 0, count, 0, 0, 0, 0}) + question + records;
}
std::string a_record(unsigned last, unsigned type = 1) {
    return bytes({0xc0, 12, 0, type, 0, 1, 0, 0, 0, 60, 0, 4, 192, 0, 2, last});
}
const Params kWww{{"name", std::string("www.Example.org.")}, {"answer", std::string("192.0.2.80")}};

std::string dns_judge(const Params& params, const std::string& message) {
    return ProbeRun("dns", params).connect().say(message).result();
}

TEST(Dns, AsksTheQuestion) {
    ProbeRun run("dns", kWww);
    EXPECT_EQ(run.connect().sent(),
              kId + bytes({1, 0, 0, 1, 0, 0, 0, 0, 0, 0}) + "\3www\7Example\3org" + bytes({0, 0, 1, 0, 1}));
    ProbeRun root("dns", {{"name", std::string(".")}, {"type", std::string("SOA")}});
    EXPECT_EQ(root.connect().sent().substr(12), bytes({0, 0, 6, 0, 1}));
}

TEST(Dns, LooksForTheRecord) {
    EXPECT_EQ(dns_judge(kWww, dns_answer(0, 2, a_record(9) + a_record(80))), "ok: got '192.0.2.80'");
    EXPECT_EQ(dns_judge(kWww, dns_answer(0, 1, a_record(9))),
              "failed: expected '192.0.2.80', got '192.0.2.9'");
    EXPECT_EQ(dns_judge(kWww, dns_answer(0, 1, a_record(80, 99))),
              "failed: expected '192.0.2.80', got no such record");
    EXPECT_EQ(dns_judge(kWww, dns_answer(3, 0, "")), "failed: expected NOERROR, got NXDOMAIN");
    EXPECT_EQ(dns_judge({{"name", std::string("www.example.org")}}, dns_answer(0, 0, "")), "ok: got NOERROR");
    EXPECT_EQ(dns_judge({{"name", std::string("www.example.org")}, {"rcode", std::string("NXDOMAIN")}},
                        dns_answer(3, 0, "")),
              "ok: got NXDOMAIN");
}

TEST(Dns, PassesOverAnswersToOtherQuestions) {
    ProbeRun run("dns", kWww);
    run.connect();
    EXPECT_EQ(run.say(dns_answer(0, 1, a_record(80), "\x12\x35")).result(), "undecided");  // wrong id
    EXPECT_EQ(run.say(dns_answer(0, 1, a_record(80), kId, kQuestion, 0x01)).result(),
              "undecided");  // a query
    EXPECT_EQ(
        run.say(dns_answer(0, 1, a_record(80), kId, "\3ftp\7example\3org" + bytes({0, 0, 1, 0, 1}))).result(),
        "undecided");
    EXPECT_EQ(run.deadline().result(), "failed: no answer to the question in 500 ms, 3 to others");
}

TEST(Dns, RefusesBrokenMessages) {
    const auto whole = dns_answer(0, 1, a_record(80));
    for (std::size_t size = 0; size < whole.size(); ++size)
        EXPECT_NE(dns_judge(kWww, whole.substr(0, size)), "ok: got '192.0.2.80'");
    EXPECT_EQ(dns_judge(kWww, "short"), "failed: not a valid DNS answer");
    // A name that points at itself, or forwards.
    for (const unsigned target : {33U, 40U, 255U})
        EXPECT_EQ(dns_judge(kWww, dns_answer(0, 1, bytes({0xc0, target, 0, 1, 0, 1, 0, 0, 0, 0, 0, 0}))),
                  "failed: not a valid DNS answer");
}

TEST(Dns, ReadsTheRecordTypes) {
    const auto record = [](unsigned type, const std::string& data) {
        return bytes({0xc0, 12, 0, type, 0, 1, 0, 0, 0, 60, 0, static_cast<unsigned>(data.size())}) + data;
    };
    const auto question = [](unsigned type) { return "\3www\7example\3org" + bytes({0, 0, type, 0, 1}); };
    const auto expect = [&](const char* type_name, unsigned type, const std::string& data, const char* text) {
        const Params params{{"name", std::string("www.example.org")},
                            {"type", std::string(type_name)},
                            {"answer", std::string(text)}};
        EXPECT_EQ(dns_judge(params, dns_answer(0, 1, record(type, data), kId, question(type))),
                  "ok: got '" + std::string(text) + "'");
    };
    expect("MX", 15, bytes({0, 10, 4}) + "MAIL" + bytes({0xc0, 16}), "10 mail.example.org");
    expect("CNAME", 5, bytes({1}) + "x" + bytes({0xc0, 16}), "x.example.org");
    expect("TXT", 16, bytes({5}) + "Hello" + bytes({2}) + "!!", "Hello!!");
    expect("SRV", 33, bytes({0, 1, 0, 2, 0, 80, 1}) + "x" + bytes({0}), "1 2 80 x");
    expect("AAAA", 28, bytes({0x20, 1, 0xd, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1}), "2001:db8::1");
}

TEST(Dns, OverTcpALengthGoesBefore) {
    const Params params{{"name", std::string("www.example.org")},
                        {"protocol", std::string("tcp")},
                        {"answer", std::string("192.0.2.80")}};
    ProbeRun run("dns", params);
    const auto sent = run.connect().sent();
    EXPECT_EQ(sent.substr(0, 2), bytes({0, static_cast<unsigned>(sent.size() - 2)}));
    const auto framed = [](const std::string& message) {
        return bytes({0, static_cast<unsigned>(message.size())}) + message;
    };
    const auto other = framed(dns_answer(0, 1, a_record(80), "xx"));
    EXPECT_EQ(judge("dns", params, other + framed(dns_answer(0, 1, a_record(80)))), "ok: got '192.0.2.80'");
    EXPECT_EQ(judge("dns", params, other, true), "failed: connection closed after 51 bytes");
}

TEST(Dns, RefusesWhatIsNoName) {
    for (const auto* const name : {"", "a..b", ".a"})
        EXPECT_FALSE(make_plan("dns", {{"name", std::string(name)}})) << name;
    EXPECT_FALSE(make_plan("dns", {{"name", std::string(64, 'x')}}));
    EXPECT_FALSE(make_plan("dns", {{"name", std::string("x")}, {"type", std::string("ANY")}}));
}

// ---- smtp ----

TEST(Smtp, GreetsAndSaysEhlo) {
    ProbeRun run("smtp", {{"helo", std::string("director.example.org")}});
    EXPECT_EQ(run.connect().sent(), "");
    EXPECT_EQ(run.say("220-hello\r\n220 mail.example.org ESMTP\r\n").sent(), "EHLO director.example.org\r\n");
    EXPECT_EQ(run.say("250-mail.example.org\r\n250-STARTTLS\r\n250 OK\r\n").result(),
              "ok: greeted and answered EHLO");
    EXPECT_EQ(judge("smtp", {}, "220 x\r\n250 y\r\n"), "ok: greeted and answered EHLO");
}

TEST(Smtp, NamesTheWrongReply) {
    EXPECT_EQ(judge("smtp", {}, "554 go away\r\n"), "failed: expected 220 as greeting, got '554 go away'");
    EXPECT_EQ(judge("smtp", {}, "220 x\r\n502 what\r\n"), "failed: expected 250 to EHLO, got '502 what'");
    EXPECT_EQ(judge("smtp", {}, "HTTP/1.1 400 Bad\r\n"),
              "failed: expected an SMTP reply, got 'HTTP/1.1 400 Bad'");
    EXPECT_EQ(judge("smtp", {}, std::string(2000, '2')), "failed: an SMTP reply without an end");
    std::string endless;
    while (endless.size() < 17000)
        endless += "220-and more\r\n";
    EXPECT_EQ(judge("smtp", {}, endless), "failed: an SMTP reply without an end");
    EXPECT_EQ(judge("smtp", {}, "220 x\r\n", true), "failed: connection closed after 7 bytes");
    EXPECT_FALSE(make_plan("smtp", {{"helo", std::string("a\r\nb")}}));
}

// ---- agent ----

std::optional<std::uint16_t> agent_weight(std::string_view line) {
    ProbeRun run("agent", {});
    run.connect().say(line).say("\n");
    return run.verdict() ? run.verdict()->weight_percent : std::nullopt;
}

TEST(Agent, SaysHowTheServerIs) {
    EXPECT_EQ(judge("agent", {}, "up\n"), "ok: the agent says 'up'");
    EXPECT_EQ(judge("agent", {}, "75%\r\n"), "ok: the agent says '75%'");
    EXPECT_EQ(judge("agent", {}, "up 50% # half\n"), "ok: the agent says 'up 50% # half'");
    EXPECT_EQ(judge("agent", {}, "maint\n"), "ok: the agent says 'maint'");
    EXPECT_EQ(judge("agent", {}, "down,#why\n"), "failed: the agent says 'down,#why'");
    EXPECT_EQ(judge("agent", {}, "drain", true), "ok: the agent says 'drain'");
    EXPECT_EQ(judge("agent", {}, "maybe\n"),
              "failed: expected up, down, drain, maint or a percentage, got 'maybe'");
    EXPECT_EQ(judge("agent", {}, "\n"), "failed: expected up, down, drain, maint or a percentage, got ''");
    EXPECT_EQ(judge("agent", {}, std::string(2000, 'x')), "failed: expected one line, got more than 1 KiB");
    EXPECT_EQ(judge("agent", {}, "", true), "failed: connection closed before any answer");
}

TEST(Agent, AsksForAWeight) {
    EXPECT_EQ(agent_weight("75%"), 75);
    EXPECT_EQ(agent_weight("up,130%"), 130);
    EXPECT_EQ(agent_weight("drain"), 0);
    EXPECT_EQ(agent_weight("up"), std::nullopt);
    EXPECT_EQ(agent_weight("1001%"), std::nullopt);
    EXPECT_EQ(agent_weight("-5%"), std::nullopt);
}

}  // namespace
}  // namespace lvs::checkers
