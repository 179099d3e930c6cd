// SPDX-License-Identifier: GPL-2.0-or-later
#include <gtest/gtest.h>

#include <algorithm>
#include <chrono>

#include "../state/sample.hpp"
#include "lvsd/ctl/ctl.hpp"

namespace lvs::ctl {
namespace {

TEST(CtlStatus, ReadsAtAGlance) {
    auto snapshot = state::sample();
    snapshot.services.pop_back();
    const auto expected =
        "lvsd 0.1.0 on director1, up 1m40s, configuration 2 from /etc/lvsd/lvsd.toml\n"
        "IPVS: stock 1.2.1, 1 services, 2 servers; checks: running\n"
        "last reload refused: 3:1: unknown key \"prioritty\"\n"
        "IPVS: add server 10.0.0.1:80: No such file or directory\n"
        "\n"
        "OVERRIDE  OF                WHAT                    REASON\n"
        "router    web IPv4          held\n"
        "router    web IPv6          held\n"
        "server    http/10.0.0.1:80  weight 10, 58m20s left  half its memory is gone\n"
        "server    http/10.0.0.2:80  weight 10, 58m20s left  half its memory is gone\n"
        "server    http/10.0.0.9:80  weight 10, 58m20s left  half its memory is gone\n"
        "\n"
        "ROUTER  FAMILY  STATE   SINCE   PRIORITY  INTERFACE  VRID  MASTER     ADDRESSES        REASON\n"
        "web     IPv4    master  1m37s  140 (150)  eth0         51  192.0.2.1  192.0.2.10/24    no advert "
        "in 3.6s\n"
        "web     IPv6    master  1m37s  140 (150)  eth0         51  fe80::1    2001:db8::10/64  no advert "
        "in 3.6s\n";
    const auto text = render_status(snapshot, {false, state::at(100)});
    EXPECT_EQ(text.substr(0, text.find("\nSERVICE")), expected);
    EXPECT_NE(text.find("http      tcp 192.0.2.10:80  degraded"), std::string::npos) << text;
    EXPECT_NE(text.find("0 (10)"), std::string::npos) << "a weight that is not in force shows both\n" << text;
    EXPECT_NE(text.find("connection refused"), std::string::npos);
    EXPECT_NE(text.find("  sorry   10.0.0.9:80        standby"), std::string::npos) << text;
}

TEST(CtlStatus, ColumnsAreAligned) {
    const auto text = render_status(state::sample(), {false, state::at(100)});
    const auto services = text.substr(text.find("SERVICE"));
    const auto column = services.find("STATE");
    std::size_t lines = 0;
    for (std::size_t begin = 0; begin < services.size(); begin = services.find('\n', begin) + 1, ++lines)
        EXPECT_EQ(services[begin + column - 1], ' ') << services;
    EXPECT_EQ(lines, 9U);
}

TEST(CtlStatus, ACertificateAboutToExpireIsMentioned) {
    auto snapshot = state::sample();
    for (auto& service : snapshot.services)
        for (auto& server : service.servers)
            for (auto& check : server.checks)
                check.certificate_days.reset();
    auto& checks = snapshot.services[0].servers[0].checks;
    const auto text = [&snapshot] { return render_status(snapshot, {false, state::at(100)}); };
    checks[0].certificate_days = 30;
    EXPECT_EQ(text().find("certificate"), std::string::npos);
    checks.push_back(checks[0]);
    checks[1].certificate_days = 29;
    EXPECT_NE(text().find("; certificate expires in 29 d"), std::string::npos) << text();
    checks[0].certificate_days = -3;
    EXPECT_NE(text().find("; certificate expired 3 d ago"), std::string::npos) << text();
}

TEST(CtlStatus, ColoursOnlyWhenAsked) {
    const auto plain = render_status(state::sample(), {false, state::at(100)});
    auto colored = render_status(state::sample(), {true, state::at(100)});
    EXPECT_EQ(plain.find('\x1b'), std::string::npos);
    EXPECT_NE(colored.find("\x1b[32mup\x1b[0m"), std::string::npos);
    for (auto at = colored.find('\x1b'); at != std::string::npos; at = colored.find('\x1b'))
        colored.erase(at, colored.find('m', at) - at + 1);
    EXPECT_EQ(colored, plain) << "colour changes nothing else";
}

TEST(CtlStatus, NothingSteersTheTerminal) {
    auto snapshot = state::sample();
    const std::string hostile =
        "\x1b]0;owned\x07\r\n\x7f\xc2\x9b"
        "31m \xff";
    snapshot.services[0].servers[0].reason = hostile;
    snapshot.services[0].name = hostile;
    snapshot.daemon.hostname = hostile;
    snapshot.daemon.config.last_error = hostile;
    const auto text = render_status(snapshot, {false, state::at(100)});
    for (const char c : text)
        ASSERT_TRUE(c == '\n' || static_cast<unsigned char>(c) >= 0x20) << text;
    EXPECT_EQ(text.find("\xc2\x9b"), std::string::npos);
    EXPECT_EQ(text.find('\x7f'), std::string::npos);
    EXPECT_EQ(std::ranges::count(text, '\n'), std::ranges::count(render_status(state::sample(), {}), '\n'));
}

TEST(CtlStatus, OneServiceThatIsRefusedDoesNotMakeIpvsAbsent) {
    state::Snapshot snapshot;
    auto& ipvs = snapshot.daemon.ipvs;
    ipvs.module = "stock";
    ipvs.version = "1.2.1";
    ipvs.services = 4;
    ipvs.refused = 1;
    const auto text = render_status(snapshot, {});
    EXPECT_NE(text.find("IPVS: stock 1.2.1, 4 services, 0 servers, 1 refused by the kernel and tried again;"),
              std::string::npos)
        << text;
}

TEST(CtlStatus, EmptyStateIsShort) {
    EXPECT_EQ(render_status(state::Snapshot{}, {}),
              "lvsd  on , up 0s, configuration 0 from \nIPVS: not available; checks: off\n");
}

TEST(CtlStatus, TenThousandServersInTime) {
    const auto snapshot = state::large_sample(2000, 5);
    const auto begin = std::chrono::steady_clock::now();
    const auto text = render_status(snapshot, {true, state::at(100)});
    const auto ms =
        std::chrono::duration_cast<std::chrono::milliseconds>(std::chrono::steady_clock::now() - begin);
    EXPECT_EQ(std::ranges::count(text, '\n'), 4 + 4 + 4 + 10000 + 2 + 12000);
    std::printf("table of 10,000 servers: %ld ms\n", static_cast<long>(ms.count()));
}

TEST(CtlStatus, SpansInTwoUnits) {
    using namespace std::chrono_literals;
    EXPECT_EQ(short_span(0s), "0s");
    EXPECT_EQ(short_span(-5s), "0s");  // clocks of two machines
    EXPECT_EQ(short_span(999ms), "0s");
    EXPECT_EQ(short_span(59s), "59s");
    EXPECT_EQ(short_span(60s), "1m");
    EXPECT_EQ(short_span(3661s), "1h1m");
    EXPECT_EQ(short_span(24h * 3 + 4h + 59min), "3d4h");
}

TEST(CtlTable, WidthCountsCharacters) {
    Table table({{"A"}, {"B", true}, {"C"}});
    table.add({{"\xC3\xBC\xC3\xBC"}, {"1"}, {"x"}});
    table.add({{"abc"}, {"100"}, {""}});
    EXPECT_EQ(table.render(false), "A      B  C\n\xC3\xBC\xC3\xBC     1  x\nabc  100\n");
}

}  // namespace
}  // namespace lvs::ctl
