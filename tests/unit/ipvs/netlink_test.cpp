// SPDX-License-Identifier: GPL-2.0-or-later
//
// Kernel against a kernel in memory. What a real one says is tested in tests/vm.
#include "ipvs/netlink.hpp"

#include <gtest/gtest.h>

#include "tests/unit/ipvs/fake_kernel.hpp"
#include "tests/unit/ipvs/random_table.hpp"

namespace lvs::ipvs {
namespace {

using namespace std::chrono_literals;

const ServiceKey kWeb = AddressKey{Protocol::tcp, *parse_endpoint("192.0.2.10:80")};
const ServiceKey kMail = AddressKey{Protocol::tcp, *parse_endpoint("192.0.2.20:25")};
const DestKey kOne{*parse_endpoint("10.0.0.1:80")};

class KernelTest : public ::testing::Test {
protected:
    Kernel make(Duration timeout = 5s, std::size_t window = 64) {
        return Kernel(loop_, {timeout, window, false, [this] { return fake_.connect(); }});
    }
    template <class T>
    T wait(std::optional<T>& result) {
        const auto deadline = std::chrono::steady_clock::now() + 20s;
        while (!result && std::chrono::steady_clock::now() < deadline) {
            loop_.restart();
            loop_.run_one_for(1s);
        }
        EXPECT_TRUE(result.has_value()) << "no answer";
        return result ? std::move(*result) : T{};
    }
    Result<Table> read(Kernel& kernel, Scope scope = std::nullopt) {
        std::optional<Result<Table>> out;
        kernel.read(std::move(scope),
                    [&out](Result<Table> table, std::optional<Generation>) { out = std::move(table); });
        EXPECT_FALSE(out.has_value()) << "called back from inside the call";
        return wait(out);
    }
    ApplyReport apply(Kernel& kernel, std::vector<Command> commands) {
        std::optional<ApplyReport> out;
        kernel.apply({std::move(commands), {}, {}}, [&out](ApplyReport report) { out = std::move(report); });
        return wait(out);
    }
    static Command on_service(Verb verb, const ServiceKey& key, std::string scheduler = "wlc") {
        Command out{verb, key, {}, {}, {}};
        out.service_settings.scheduler = std::move(scheduler);
        return out;
    }
    static Command on_dest(Verb verb, const ServiceKey& key, int weight = 1) {
        Command out{verb, key, {}, kOne, {}};
        out.dest_settings.weight = weight;
        return out;
    }

    asio::io_context loop_;
    test::FakeKernel fake_{loop_};
};

TEST_F(KernelTest, ReadsTheWholeTable) {
    fake_.table = test::RandomTables(1).table(400);
    auto kernel = make();
    const auto table = read(kernel);
    ASSERT_TRUE(table.has_value()) << to_string(table.error());
    EXPECT_TRUE(same_settings(*table, fake_.table));
}

TEST_F(KernelTest, ReadsNamedServicesOnly) {
    fake_.table[kWeb].dests[kOne].settings.weight = 3;
    fake_.table[kMail];
    const ServiceKey absent = FwmarkKey{Family::ipv4, 1};
    auto kernel = make();
    const auto table = read(kernel, std::set{kWeb, absent});
    ASSERT_TRUE(table.has_value());
    EXPECT_TRUE(same_settings(*table, {{kWeb, fake_.table[kWeb]}}));
}

TEST_F(KernelTest, WritesInBoundedBatches) {
    const auto desired = test::RandomTables(2).table(600);
    auto kernel = make(5s, 16);
    const auto plan = diff(desired, {}, {});
    ASSERT_GT(plan.size(), 500U);
    const auto report = apply(kernel, plan);
    EXPECT_EQ(report.done, plan.size());
    EXPECT_TRUE(report.errors.empty());
    EXPECT_TRUE(same_settings(fake_.table, desired));
    EXPECT_EQ(fake_.largest_batch, 16U);  // many per write, never more than the window
    const auto again = read(kernel);
    ASSERT_TRUE(again.has_value()) << to_string(again.error());
    EXPECT_TRUE(same_settings(*again, desired));
}

TEST_F(KernelTest, WhatExistsIsSetAndWhatIsGoneIsDeleted) {
    fake_.table[kWeb].dests[kOne].settings.weight = 3;
    auto kernel = make();
    const auto report =
        apply(kernel, {on_service(Verb::add_service, kWeb, "rr"), on_dest(Verb::add_dest, kWeb, 7),
                       on_service(Verb::delete_service, kMail), on_dest(Verb::delete_dest, kMail)});
    EXPECT_EQ(report.done, 4U);
    EXPECT_TRUE(report.errors.empty());
    EXPECT_EQ(fake_.table.at(kWeb).settings.scheduler, "rr");
    EXPECT_EQ(fake_.table.at(kWeb).dests.at(kOne).settings.weight, 7);
}

TEST_F(KernelTest, OneRefusalDoesNotStopTheRest) {
    fake_.missing_scheduler = "nope";
    auto kernel = make();
    const auto report =
        apply(kernel, {on_service(Verb::add_service, kWeb, "nope"), on_dest(Verb::add_dest, kWeb),
                       on_service(Verb::add_service, kMail), on_dest(Verb::add_dest, kMail),
                       on_dest(Verb::set_dest, FwmarkKey{Family::ipv4, 1})});
    EXPECT_EQ(report.done, 2U);
    EXPECT_EQ(report.skipped, 1U);
    EXPECT_FALSE(report.fatal.has_value());
    ASSERT_EQ(report.errors.size(), 2U);
    EXPECT_EQ(to_string(report.errors[0].error),
              "ipvs: add service TCP 192.0.2.10:80 (nope): the kernel has no scheduler \"nope\" (modprobe "
              "ip_vs_nope): "
              "No such file or directory");
    EXPECT_EQ(to_string(report.errors[1].error),
              "ipvs: set server 10.0.0.1:80 of FWM 1 IPv4 (nat, weight 1): No such process");
    EXPECT_TRUE(fake_.table.contains(kMail));
}

TEST_F(KernelTest, WithoutPermissionItStopsAtOnce) {
    fake_.permission_error = EPERM;
    auto kernel = make(5s, 4);
    const auto report = apply(kernel, std::vector<Command>(100, on_service(Verb::add_service, kWeb)));
    ASSERT_TRUE(report.fatal.has_value());
    EXPECT_NE(report.fatal->context.find("CAP_NET_ADMIN"), std::string::npos);
    EXPECT_LE(report.errors.size(), 8U);
}

TEST_F(KernelTest, WithoutIpvsItSaysWhatToDo) {
    fake_.family = 0;
    auto kernel = make();
    const auto table = read(kernel);
    ASSERT_FALSE(table.has_value());
    EXPECT_NE(to_string(table.error()).find("the kernel has no IPVS: run `modprobe ip_vs`"),
              std::string::npos);
    EXPECT_TRUE(apply(kernel, {on_service(Verb::add_service, kWeb)}).fatal.has_value());
}

TEST_F(KernelTest, FindsTheModuleAgainAfterItWasReloaded) {
    auto kernel = make();
    ASSERT_TRUE(read(kernel).has_value());
    fake_.family = 0;
    EXPECT_FALSE(read(kernel).has_value());
    fake_.family = 41;
    fake_.table[kWeb];
    EXPECT_TRUE(same_settings(read(kernel).value(), fake_.table));
    fake_.family = 42;  // gone and back between two reads
    EXPECT_TRUE(same_settings(read(kernel, std::set{kWeb}).value(), fake_.table));
    fake_.family = 43;
    EXPECT_FALSE(apply(kernel, {on_service(Verb::set_service, kWeb)}).errors.empty());
    EXPECT_EQ(apply(kernel, {on_service(Verb::set_service, kWeb)}).done, 1U);
}

TEST_F(KernelTest, AServiceThatVanishesDuringTheReadIsNotInIt) {
    fake_.table[kWeb].dests[kOne];
    fake_.table[kMail].dests[kOne];
    fake_.before_request = [this](std::uint8_t command) {
        if (command == IPVS_CMD_GET_DEST) fake_.table.erase(kMail);
    };
    auto kernel = make();
    const auto table = read(kernel);
    ASSERT_TRUE(table.has_value());
    EXPECT_TRUE(table->contains(kWeb));
    EXPECT_FALSE(table->contains(kMail));
}

TEST_F(KernelTest, AnEmptyServiceStaysInTheRead) {
    fake_.table[kMail];
    auto kernel = make();
    EXPECT_TRUE(same_settings(read(kernel).value(), fake_.table));
}

TEST_F(KernelTest, ADumpThatIsNotConsistentIsReadAgain) {
    fake_.table = test::RandomTables(3).table(20);
    fake_.interrupt_dumps = 2;
    auto kernel = make();
    EXPECT_TRUE(same_settings(read(kernel).value_or(Table{}), fake_.table));
    fake_.interrupt_dumps = 3;
    EXPECT_FALSE(read(kernel).has_value()) << "the number of attempts has a bound";
}

TEST_F(KernelTest, ALostAnswerIsToldAndNotAHang) {
    auto kernel = make(50ms);
    ASSERT_TRUE(read(kernel).has_value());
    fake_.swallow = 1;
    const auto table = read(kernel);
    ASSERT_FALSE(table.has_value());
    EXPECT_EQ(table.error().code, std::errc::timed_out);
    EXPECT_EQ(fake_.connections, 1U);
    EXPECT_TRUE(read(kernel).has_value());
    EXPECT_EQ(fake_.connections, 2U) << "a late answer must not meet a new request";
    fake_.swallow = 1;
    const auto report =
        apply(kernel, {on_service(Verb::add_service, kWeb), on_service(Verb::add_service, kMail)});
    EXPECT_TRUE(report.errors.empty()) << "perhaps the kernel did it: reading will tell";
    EXPECT_GE(report.lost, 1U);
    EXPECT_EQ(report.done + report.lost, 2U);
}

TEST_F(KernelTest, CannotOpenIsAnError) {
    Kernel kernel(loop_, {5s, 64, false, [] { return fail(std::errc::too_many_files_open, "open"); }});
    const auto table = read(kernel);
    ASSERT_FALSE(table.has_value());
    EXPECT_EQ(table.error().code, std::errc::too_many_files_open);
}

TEST_F(KernelTest, OperationsRunInTheOrderAsked) {
    auto kernel = make();
    std::vector<int> order;
    std::optional<Result<Table>> last;
    kernel.read([&order](const Result<Table>& table) { order.push_back(table->empty() ? 1 : -1); });
    kernel.apply({{on_service(Verb::add_service, kWeb)}, {}, {}},
                 [&order](const ApplyReport&) { order.push_back(2); });
    kernel.read([&order, &last](Result<Table> table) {
        order.push_back(3);
        last = std::move(table);
    });
    EXPECT_EQ(wait(last)->size(), 1U);
    EXPECT_EQ(order, (std::vector{1, 2, 3}));
}

TEST_F(KernelTest, AfterCloseNothingIsCalled) {
    auto kernel = make();
    int called = 0;
    kernel.read([&called](const Result<Table>&) { ++called; });
    loop_.poll_one();
    kernel.close();
    kernel.read([&called](const Result<Table>&) { ++called; });
    loop_.restart();
    loop_.run_for(20ms);
    EXPECT_EQ(called, 0);
}

TEST_F(KernelTest, TellsItsVersionAndTimeouts) {
    auto kernel = make();
    std::optional<Result<codec::Info>> info;
    kernel.info([&info](Result<codec::Info> value) { info = std::move(value); });
    EXPECT_EQ(wait(info)->version, 0x010201U);
    std::optional<Result<codec::Timeouts>> timeouts;
    kernel.timeouts([&timeouts](Result<codec::Timeouts> value) { timeouts = std::move(value); });
    EXPECT_EQ(wait(timeouts)->udp_seconds, 300U);
}

TEST(Modprobe, EndsForAnUnknownModuleToo) {
    // The machine need not have the program; either way the conversation goes on to the clear error.
    asio::io_context loop;
    test::FakeKernel fake(loop);
    fake.family = 0;
    Kernel kernel(loop, {5s, 64, true, [&fake] { return fake.connect(); }});
    bool refused = false;
    kernel.read([&refused](const Result<Table>& table) { refused = !table.has_value(); });
    const auto deadline = std::chrono::steady_clock::now() + 20s;
    while (!refused && std::chrono::steady_clock::now() < deadline)
        loop.run_one_for(1s);
    EXPECT_TRUE(refused);
    EXPECT_EQ(fake.requests, 2U) << "asked once before and once after modprobe";
}

}  // namespace
}  // namespace lvs::ipvs
