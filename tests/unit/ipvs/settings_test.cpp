// SPDX-License-Identifier: GPL-2.0-or-later
//
// On a folder in place of /proc/sys/net/ipv4/vs.
#include "ipvs/settings.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>

#include "lvsd/runtime/runtime.hpp"

namespace lvs::ipvs {
namespace {

namespace fs = std::filesystem;
using testing::AllOf;
using testing::HasSubstr;
using testing::StartsWith;

constexpr const char* kNodest = "expire_nodest_conn";
constexpr const char* kQuiescent = "expire_quiescent_template";

class SettingsTest : public ::testing::Test {
protected:
    SettingsTest() {
        put(kNodest, "0\n");
        put(kQuiescent, "0\n");
    }
    ~SettingsTest() override { fs::remove_all(folder_); }

    [[nodiscard]] std::string path(const char* name) const { return folder_ + "/" + name; }
    void put(const char* name, const std::string& value) const {
        fs::remove(path(name));
        std::ofstream(path(name)) << value;
    }
    // A sysctl that nobody may write, root neither.
    void protect(const char* name) const {
        fs::remove(path(name));
        fs::create_symlink("/proc/sys/kernel/cap_last_cap", path(name));
    }
    [[nodiscard]] std::string get(const char* name) const { return read_file(path(name)).value_or("?"); }
    std::string keep(const WantedSettings& wanted = {}) {
        std::string out;
        for (const auto& kept : settings_.keep(wanted))
            out += describe(kept) + "\n";
        return out;
    }

    void restore() { settings_.restore(); }

private:
    char name_[32] = "/tmp/lvsd-unit-ipvs-XXXXXX";
    std::string folder_ = mkdtemp(name_);
    Settings settings_{folder_};
};

TEST_F(SettingsTest, WhatDiffersIsWrittenAndTold) {
    EXPECT_EQ(keep(),
              "net.ipv4.vs.expire_nodest_conn is 1, it was 0\n"
              "net.ipv4.vs.expire_quiescent_template is 1, it was 0\n");
    EXPECT_EQ(get(kNodest) + get(kQuiescent), "11");
    put(kNodest, "2\n");
    EXPECT_EQ(keep(), "net.ipv4.vs.expire_nodest_conn is 1, it was 2\n");
    EXPECT_EQ(keep({.expire_nodest_conn = true, .expire_quiescent_template = false}),
              "net.ipv4.vs.expire_quiescent_template is 0, it was 1\n");
    EXPECT_EQ(get(kNodest) + get(kQuiescent), "10");
}

TEST_F(SettingsTest, WhatIsEqualIsNotWritten) {
    put(kNodest, "1\n");
    EXPECT_EQ(keep({.expire_nodest_conn = true, .expire_quiescent_template = false}), "");
    EXPECT_EQ(get(kNodest) + get(kQuiescent), "1\n0\n") << "with the ends of lines that lvsd does not write";
}

TEST_F(SettingsTest, WhatIsMissingIsToldOnceAndDoesNotHinderTheOther) {
    fs::remove(path(kNodest));
    EXPECT_THAT(keep(), AllOf(StartsWith("net.ipv4.vs.expire_nodest_conn cannot be read: No such file or directory; "),
                              HasSubstr("\nnet.ipv4.vs.expire_quiescent_template is 1, it was 0\n")));
    EXPECT_FALSE(fs::exists(path(kNodest))) << "nothing is made that the kernel does not have";
    EXPECT_EQ(keep(), "");
    put(kNodest, "0\n");
    EXPECT_EQ(keep(), "net.ipv4.vs.expire_nodest_conn is 1, it was 0\n");
    fs::remove(path(kNodest));
    EXPECT_THAT(keep(), HasSubstr("cannot be read")) << "it worked in between";
}

TEST_F(SettingsTest, WhatCannotBeWrittenIsToldOnceForEachReason) {
    put(kQuiescent, "1\n");
    protect(kNodest);
    const auto value = get(kNodest).substr(0, get(kNodest).find('\n'));
    EXPECT_THAT(keep(), AllOf(StartsWith("net.ipv4.vs.expire_nodest_conn cannot be set: "),
                              HasSubstr("; it is " + value + ": let lvsd write /proc/sys/net, or set it to 1 with "
                                        "sysctl, or write `expire_nodest_conn = false` in [global]\n")));
    EXPECT_EQ(keep(), "");
    fs::remove(path(kNodest));
    EXPECT_THAT(keep(), HasSubstr("cannot be read: No such file")) << "another reason";
    protect(kNodest);
    EXPECT_THAT(keep(), HasSubstr("cannot be set"));
    put(kNodest, "1\n");
    EXPECT_EQ(keep(), "") << "somebody else did it";
    protect(kNodest);
    EXPECT_THAT(keep(), HasSubstr("cannot be set"));
}

TEST(SettingKept, HasItsReason) {
    EXPECT_EQ(describe({.name = "expire_quiescent_template",
                        .was = "1",
                        .is = "0",
                        .error = std::make_error_code(std::errc::read_only_file_system)}),
              "net.ipv4.vs.expire_quiescent_template cannot be set: Read-only file system; it is 1: let lvsd write "
              "/proc/sys/net, or set it to 0 with sysctl, or write `expire_quiescent_template = true` in [global]");
}

TEST_F(SettingsTest, AStopPutsBackWhatTheFirstLookFound) {
    put(kQuiescent, "1\n");
    (void)keep();
    put(kQuiescent, "0\n");  // somebody
    (void)keep();
    restore();
    EXPECT_EQ(get(kNodest), "0");
    EXPECT_EQ(get(kQuiescent), "1");
}

TEST_F(SettingsTest, WhatWasNeverSeenIsNotPutBack) {
    restore();
    EXPECT_EQ(get(kNodest), "0\n");
}

}  // namespace
}  // namespace lvs::ipvs
