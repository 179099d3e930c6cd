// SPDX-License-Identifier: GPL-2.0-or-later
#include <cerrno>

#include "probe_helper.hpp"

namespace lvs::checkers {
namespace {

using namespace std::chrono_literals;

TEST(Tcp, AnAcceptedConnectionIsEnough) {
    EXPECT_EQ(ProbeRun("tcp", {}).connect().result(), "ok: connected");
}

TEST(Tcp, SaysWhyThereIsNoConnection) {
    EXPECT_EQ(ProbeRun("tcp", {}).error(ECONNREFUSED).result(), "failed: connect refused");
    EXPECT_EQ(ProbeRun("tcp", {}).error(EHOSTUNREACH).result(),
              "failed: no route to the server (host unreachable)");
    EXPECT_EQ(ProbeRun("tcp", {}).deadline().result(), "failed: no connection in 500 ms");
}

TEST(Tcp, OurOwnFaultsAreNoVerdictOnTheServer) {
    EXPECT_EQ(ProbeRun("tcp", {}).error(EMFILE).result(), "unchecked: not checked: no file descriptor left");
    EXPECT_EQ(ProbeRun("tcp", {}).error(EADDRNOTAVAIL).result(),
              "unchecked: not checked: no local address or port to connect from");
    EXPECT_EQ(ProbeRun("tcp", {}).error(ENOBUFS).result(), "unchecked: not checked: no memory left in the kernel");
}

const Params kPing{{"send", std::string("PING\r\n")}, {"expect", std::string("+PONG")}};

TEST(Tcp, SendsAndExpectsWhateverThePieces) {
    for (const std::size_t piece : {1U, 2U, 5U, 100U}) {
        ProbeRun run("tcp", kPing);
        run.connect();
        EXPECT_EQ(run.sent(), "PING\r\n");
        EXPECT_EQ(run.say("hello\r\n++PO+PON", piece).result(), "undecided");
        EXPECT_EQ(run.say("?\r\n", piece).result(), "undecided");
        EXPECT_EQ(run.say("+PONG\r\n", piece).result(), "ok: got the expected text");
    }
}

TEST(Tcp, NamesTheWrongAnswer) {
    EXPECT_EQ(ProbeRun("tcp", kPing).connect().say("-ERR no\x07\r\nmore").close().result(),
              "failed: expected '+PONG', got '-ERR no.' before the end");
    EXPECT_EQ(ProbeRun("tcp", kPing).connect().say("-ERR").deadline().result(),
              "failed: expected '+PONG', got '-ERR' in 500 ms");
    EXPECT_EQ(ProbeRun("tcp", kPing).connect().deadline().result(), "failed: no answer in 500 ms");
    EXPECT_EQ(ProbeRun("tcp", kPing).connect().close().result(), "failed: connection closed before any answer");
    EXPECT_EQ(ProbeRun("tcp", kPing).connect().error(ECONNRESET).result(),
              "failed: connection reset before any answer");
}

TEST(Tcp, LooksAtTheFirst16KiBOnly) {
    const std::string noise(16384 - 5, 'x');
    EXPECT_EQ(ProbeRun("tcp", kPing).connect().say(noise).say("+PONG").result(), "ok: got the expected text");
    EXPECT_EQ(ProbeRun("tcp", kPing).connect().say(noise + "x").say("+PONG").result(),
              "failed: expected '+PONG', got 'xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx'... in the first 16 KiB");
}

TEST(Tcp, WithSendAloneAnyAnswerWillDo) {
    ProbeRun run("tcp", {{"send", std::string("x")}});
    EXPECT_EQ(run.connect().result(), "undecided");
    EXPECT_EQ(run.say("?").result(), "ok: connected, answered");
}

TEST(Tcp, RefusesOversizedKeys) {
    EXPECT_FALSE(make_plan("tcp", {{"send", std::string(4097, 'x')}}));
    EXPECT_FALSE(make_plan("tcp", {{"expect", std::string(1025, 'x')}}));
    EXPECT_TRUE(make_plan("tcp", {{"send", std::string(4096, 'x')}, {"expect", std::string(1024, 'x')}}));
}

TEST(Kinds, AreListedWithTheirKeys) {
    std::vector<std::string_view> names;
    for (const auto& kind : kinds()) {
        names.push_back(kind.kind);
        EXPECT_FALSE(kind.doc.empty()) << kind.kind;
        for (const auto& key : kind.keys)
            EXPECT_FALSE(key.doc.empty() || key.example.empty()) << kind.kind << "." << key.key;
    }
    EXPECT_TRUE(std::find(names.begin(), names.end(), "tcp") != names.end());
    EXPECT_TRUE(std::find(names.begin(), names.end(), "http") != names.end());
    EXPECT_FALSE(make_plan("gopher", {}));
}

TEST(Validate, RefusesWhatCannotRun) {
    CheckSpec spec{.kind = "tcp", .target = kTarget};
    EXPECT_TRUE(validate(spec));
    const auto refused = [&spec](auto change) {
        auto changed = spec;
        change(changed);
        return !validate(changed).has_value();
    };
    EXPECT_TRUE(refused([](CheckSpec& s) { s.kind = "gopher"; }));
    EXPECT_TRUE(refused([](CheckSpec& s) { s.interval = 0s; }));
    EXPECT_TRUE(refused([](CheckSpec& s) { s.timeout = 0s; }));
    EXPECT_TRUE(refused([](CheckSpec& s) { s.timeout = 25h; }));
    EXPECT_TRUE(refused([](CheckSpec& s) { s.jitter = -1s; }));
    EXPECT_TRUE(refused([](CheckSpec& s) { s.rise = 0; }));
    EXPECT_TRUE(refused([](CheckSpec& s) { s.fall = 1001; }));
    EXPECT_TRUE(refused([](CheckSpec& s) { s.source = IpAddress::parse("2001:db8::1"); }));
    EXPECT_TRUE(refused([](CheckSpec& s) { s.interface = "a-name-with-16-ch"; }));
    EXPECT_TRUE(refused([](CheckSpec& s) { s.params["x"] = std::string(32769, 'x'); }));
}

}  // namespace
}  // namespace lvs::checkers
