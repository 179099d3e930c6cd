// SPDX-License-Identifier: GPL-2.0-or-later
//
// The kinds there really are, seen by the configuration: their tables hold together, their examples and
// defaults are valid, and what they refuse is a diagnostic.
#include <fmt/core.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>
#include <set>
#include <sstream>

#include "checkers/checkers.hpp"
#include "lvsd/config/config.hpp"

namespace lvs::config {
namespace {

// Every file named holds the same text.
Result<std::string> read_any(const std::string& path) {
    if (path == "/missing") return fail_errno(ENOENT, "");
    return "no such thing";
}

std::string errors_of(const std::string& text) {
    std::string out;
    for (const auto& diagnostic : parse(text, "f", checkers::kinds(), read_any).diagnostics)
        out += to_string(diagnostic) + "\n";
    return out;
}

std::string check_with(std::string_view keys) {
    return fmt::format("[virtual_service.s]\naddress = '192.0.2.1:80'\ncheck = {{ {} }}\n", keys);
}

TEST(Kinds, KeysAreNotThoseEveryCheckHas) {
    std::set<std::string_view> common;
    for (const auto& key : sections()[4].keys)
        common.insert(key.key);
    ASSERT_TRUE(common.contains("interval"));
    for (const auto& kind : checkers::kinds()) {
        auto names = common;
        for (const auto& key : kind.keys)
            EXPECT_TRUE(names.insert(key.key).second) << kind.kind << " " << key.key;
    }
}

// Keys of TLS count only with it.
bool switches_tls_on(const KeySpec& key) {
    return key.key == "tls" || key.key == "starttls";
}

TEST(Kinds, EveryExampleIsAccepted) {
    ASSERT_GE(checkers::kinds().size(), 2U);
    for (const auto& kind : checkers::kinds())
        for (const auto& key : kind.keys) {
            EXPECT_FALSE(key.doc.empty()) << kind.kind << " " << key.key;
            std::string keys = fmt::format("kind = '{}'", kind.kind);
            for (const auto& other : kind.keys)
                if (other.required || other.key == key.key || switches_tls_on(other))
                    keys += fmt::format(", {} = {}", other.key, other.example);
            if (key.type == ValueType::file)
                EXPECT_THAT(
                    errors_of(check_with(keys)),
                    testing::AnyOf(testing::HasSubstr("PEM"), testing::HasSubstr("without certificate")));
            else
                EXPECT_EQ(errors_of(check_with(keys)), "");
        }
}

TEST(Kinds, WhatTheyRefuseIsADiagnostic) {
    EXPECT_THAT(errors_of(check_with("kind = 'http', path = 'no-slash'")),
                testing::StartsWith("f:3:33: check in [virtual_service.s]: path"));
    EXPECT_THAT(errors_of(check_with("kind = 'http', headers = [\"a\\r\\nb: c\"]")),
                testing::HasSubstr("headers: expected"));
    EXPECT_NE(errors_of(check_with("kind = 'http', host = \"a\\nb\"")), "");
}

TEST(Kinds, AFaultIsReportedWhereTheKeyIs) {
    EXPECT_THAT(errors_of(check_with("kind = 'http', path = '/', body_regex = 'a(b'")),
                testing::StartsWith("f:3:51: check in [virtual_service.s]: body_regex is no regular "
                                    "expression: missing closing parenthesis at character 4"));
    EXPECT_THAT(
        errors_of(check_with("kind = 'https', ca = '/broken.pem'")),
        testing::StartsWith("f:3:32: check in [virtual_service.s]: ca must hold certificates in PEM"));
    EXPECT_EQ(errors_of(check_with("kind = 'https', ca = '/missing'")),
              "f:3:32: `ca` is \"/missing\", which cannot be read: No such file or directory\n");
    EXPECT_THAT(
        errors_of(check_with("kind = 'https', ca = 'relative.pem'")),
        testing::StartsWith("f:3:32: `ca` is \"relative.pem\", expected the absolute path of a file"));
    EXPECT_THAT(errors_of(check_with("kind = 'https', key = '/some'")),
                testing::StartsWith("f:3:33: check in [virtual_service.s]: key is of no use without"));
}

TEST(Kinds, TheExampleFileUsesThem) {
    std::ifstream in(LVSD_EXAMPLE);
    std::string text;
    for (std::string line; std::getline(in, line);)
        text += (line.size() > 1 && line[0] == '#' && line[1] != ' ' ? line.substr(1) : line) + "\n";
    EXPECT_EQ(errors_of(text), "");
    const auto config = parse(text, "f", checkers::kinds()).config;
    ASSERT_TRUE(config);
    EXPECT_EQ(parse(print_effective(*config, checkers::kinds()), "f", checkers::kinds()).config, config);
}

TEST(Kinds, CommonKeysReachTheCheck) {
    const auto loaded = parse(
        check_with("kind = 'tcp', interval = '4s', fast_interval = '500ms', jitter = '1s', start = 'down', "
                   "source = '10.0.0.2', interface = 'eth1.7', fwmark = 4294967295") +
            "servers = ['10.0.0.1']\n",
        "f", checkers::kinds(), read_any);
    ASSERT_TRUE(loaded.config);
    const auto& check = loaded.config->services.at(0).servers.at(0).checks.at(0);
    EXPECT_EQ(check.fast_interval, std::chrono::milliseconds(500));
    EXPECT_EQ(check.jitter, std::chrono::seconds(1));
    EXPECT_EQ(check.start, StartState::down);
    EXPECT_EQ(check.source, IpAddress::parse("10.0.0.2").value());
    EXPECT_EQ(check.interface, "eth1.7");
    EXPECT_EQ(check.fwmark->value(), 4294967295U);
}

TEST(Kinds, CommonKeysThatCannotWorkAreRefused) {
    EXPECT_THAT(errors_of(check_with("kind = 'tcp', interval = '1s', fast_interval = '2s'")),
                testing::HasSubstr("`fast_interval` is 2s, expected at most 1s, the `interval`"));
    EXPECT_THAT(errors_of(check_with("kind = 'tcp', interval = '2s', jitter = '501ms'")),
                testing::HasSubstr("`jitter` is 501ms, expected at most 500ms, a quarter of the `interval`"));
    EXPECT_THAT(errors_of(check_with("kind = 'tcp', source = '2001:db8::1'") +
                          "servers = ['10.0.0.1', '10.0.0.2']\n"),
                testing::MatchesRegex(
                    "[^\n]*`source` 2001:db8::1 cannot reach 10.0.0.1, expected an IPv4 address\n"));
    EXPECT_EQ(errors_of(check_with("kind = 'tcp', source = '2001:db8::1', address = '2001:db8::9'") +
                        "servers = ['10.0.0.1']\n"),
              "");
    for (const std::string_view key : {"source = '10.0.0.2'", "interface = 'eth1'", "fwmark = 7"})
        EXPECT_THAT(errors_of(check_with(fmt::format("kind = 'file', path = '/run/x', {}", key))),
                    testing::HasSubstr("means nothing to a check of kind \"file\", which sends no packets"));
}

}  // namespace
}  // namespace lvs::config
