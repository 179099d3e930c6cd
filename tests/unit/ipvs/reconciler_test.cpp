// SPDX-License-Identifier: GPL-2.0-or-later
//
// The driver, with a kernel in memory behind a real socket.
#include "ipvs/reconciler.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <fstream>

#include "tests/unit/ipvs/fake_kernel.hpp"
#include "tests/unit/ipvs/random_table.hpp"

namespace lvs::ipvs {
namespace {

using namespace std::chrono_literals;

class Folder {
public:
    Folder() { path_ = mkdtemp(name_); }
    ~Folder() { std::filesystem::remove_all(path_); }
    [[nodiscard]] std::string file(const char* name) const { return path_ + "/" + name; }

private:
    char name_[32] = "/tmp/lvsd-unit-ipvs-XXXXXX";
    std::string path_;
};

class ReconcilerTest : public ::testing::Test {
protected:
    void start(Duration interval = 1h) {
        reconciler_.emplace(loop_, kernel_, store_, ReconcileOptions{interval, 10ms, 50ms},
                            [this](const ReconcileEvent& event) { events_.push_back(event); });
    }
    template <class Condition>
    bool wait(Condition condition) {
        const auto deadline = std::chrono::steady_clock::now() + 20s;
        while (!condition() && std::chrono::steady_clock::now() < deadline) {
            loop_.restart();
            loop_.run_one_for(1s);
        }
        return condition();
    }
    template <class T>
    [[nodiscard]] std::size_t count() const {
        std::size_t out = 0;
        for (const auto& event : events_)
            out += std::holds_alternative<T>(event) ? 1 : 0;
        return out;
    }
    bool settle() {
        return wait([this] { return reconciler_->is_settled(); });
    }

    Folder folder_;
    asio::io_context loop_;
    test::FakeKernel fake_{loop_};
    Kernel kernel_{
        loop_, {5s, 64, false, [this] { return fake_.connect(); }, [this] { return fake_.connect_watch(); }}};
    FileStore store_{folder_.file("owned"), "boot"};
    std::optional<Reconciler> reconciler_;
    std::vector<ReconcileEvent> events_;
};

TEST_F(ReconcilerTest, MakesTheKernelAsDesiredAndRepairsIt) {
    const auto desired = test::RandomTables(5).table(40);
    start(20ms);
    reconciler_->set_desired(desired);
    ASSERT_TRUE(settle());
    EXPECT_TRUE(same_settings(fake_.table, desired));
    EXPECT_EQ(count<Applied>(), 1U);
    fake_.table.clear();
    ASSERT_TRUE(wait([this] { return count<Applied>() == 2; }));
    EXPECT_EQ(count<Drifted>(), 1U);
    EXPECT_GE(count<WasRead>(), 3U) << "before, to see what was written, and again";
    EXPECT_TRUE(std::get<WasRead>(events_.front()).whole);
    EXPECT_GT(std::get<WasRead>(events_.front()).took, 0s);
    EXPECT_TRUE(same_settings(fake_.table, desired));
    EXPECT_TRUE(same_settings(reconciler_->table(), desired));
}

TEST_F(ReconcilerTest, TheNextRunReclaimsWhatAKilledOneLeft) {
    const auto foreign = test::RandomTables::key(900);
    fake_.table[foreign];
    start();
    reconciler_->set_desired(test::RandomTables(5).table(40));
    ASSERT_TRUE(settle());
    reconciler_.reset();  // no stop: the kernel keeps everything
    start();
    Table desired;
    desired[test::RandomTables::key(901)];
    reconciler_->set_desired(desired);
    ASSERT_TRUE(settle());
    desired[foreign];
    EXPECT_TRUE(same_settings(fake_.table, desired));
}

TEST_F(ReconcilerTest, StopRemovesOursAndForgetsThem) {
    const auto foreign = test::RandomTables::key(900);
    fake_.table[foreign];
    start();
    reconciler_->set_desired(test::RandomTables(5).table(40));
    ASSERT_TRUE(settle());
    bool stopped = false;
    reconciler_->stop(AtStop::remove, [&stopped] { stopped = true; });
    ASSERT_TRUE(wait([&stopped] { return stopped; }));
    EXPECT_EQ(fake_.table.size(), 1U);
    EXPECT_EQ(store_.load(), Owned{});
}

TEST_F(ReconcilerTest, GoesOnWithoutNotesAndSaysSo) {
    std::ofstream(folder_.file("owned")) << "nonsense";
    start();
    EXPECT_EQ(count<NotStored>(), 1U);
    std::filesystem::remove_all(folder_.file("owned"));
    std::filesystem::create_directories(folder_.file("owned") + "/in the way");
    reconciler_->set_desired(test::RandomTables(5).table(4));
    ASSERT_TRUE(settle());
    EXPECT_GE(count<NotStored>(), 2U);
    EXPECT_TRUE(same_settings(fake_.table, test::RandomTables(5).table(4)));
}

TEST_F(ReconcilerTest, WaitsForTheModuleAndRecovers) {
    fake_.family = 0;
    start();
    reconciler_->set_desired(test::RandomTables(5).table(4));
    ASSERT_TRUE(wait([this] { return count<Troubled>() >= 2; }));
    fake_.family = 40;
    ASSERT_TRUE(settle());
    EXPECT_EQ(count<Recovered>(), 1U);
    EXPECT_TRUE(same_settings(fake_.table, test::RandomTables(5).table(4)));
}

class OurModule : public ReconcilerTest {
protected:
    OurModule() { fake_.extension = 41; }
    void begin(const Table& desired, Duration interval = 1h) {
        start(interval);
        reconciler_->set_desired(desired);
        ASSERT_TRUE(settle());
        ASSERT_TRUE(same_settings(fake_.table, desired));
    }
};

TEST_F(OurModule, WritesATableInBatchesAndDoesNotReadItBack) {
    const auto desired = test::RandomTables(5).table(400);
    std::size_t reads = 0;
    fake_.before_request = [&reads](std::uint8_t command) { reads += command == IPVS_CMD_GET_DEST ? 1 : 0; };
    begin(desired);
    EXPECT_EQ(fake_.steps, desired.size());
    EXPECT_EQ(reads, 0U) << "the table was empty, and what was written is known";
    EXPECT_EQ(reconciler_->generation(), fake_.generation);
    EXPECT_TRUE(same_settings(reconciler_->table(), desired));
}

TEST_F(OurModule, OneChangeIsOneBatchAndNothingElse) {
    auto desired = test::RandomTables(5).table(40);
    begin(desired);
    const auto batches = fake_.batches, requests = fake_.requests;
    auto& changed = *desired.begin();
    changed.second.settings.scheduler = "sh";
    reconciler_->change_desired({{changed.first, changed.second}});
    ASSERT_TRUE(wait([this] { return count<Applied>() == 2; }));
    EXPECT_EQ(fake_.batches, batches + 1);
    EXPECT_EQ(fake_.requests, requests + 2) << "the batch, and whether somebody else was there meanwhile";
    EXPECT_TRUE(same_settings(fake_.table, desired));
}

TEST_F(OurModule, WhatSomebodyChangesIsRepairedAsSoonAsItIsTold) {
    const auto desired = test::RandomTables(5).table(40);
    begin(desired);
    const auto foreign = test::RandomTables::key(900);
    fake_.vandalise(foreign, Service{});
    fake_.vandalise(desired.begin()->first, std::nullopt);
    ASSERT_TRUE(wait([this] { return count<Applied>() == 2; })) << "the interval is an hour";
    EXPECT_EQ(count<Drifted>(), 1U);
    auto expected = desired;
    expected[foreign];
    EXPECT_TRUE(same_settings(fake_.table, expected));
}

TEST_F(OurModule, ALookAtAnUnchangedTableIsOneQuestion) {
    begin(test::RandomTables(5).table(40), 10ms);
    std::size_t reads = 0, questions = 0;
    fake_.before_request = [&](std::uint8_t command) {
        ++(command == 100 + LVSD_IPVS_CMD_GET_GENERATION ? questions : reads);
    };
    ASSERT_TRUE(wait([&questions] { return questions >= 5; }));
    EXPECT_EQ(reads, 0U);
    EXPECT_GE(count<WasAsked>(), 4U);
    reconciler_->want_counters();
    EXPECT_TRUE(wait([&reads] { return reads > 0; }));
}

TEST_F(OurModule, ALostEventIsFoundByTheNumber) {
    const auto desired = test::RandomTables(5).table(40);
    begin(desired, 20ms);
    fake_.lose_events = true;
    fake_.vandalise(desired.begin()->first, std::nullopt);
    ASSERT_TRUE(wait([this] { return count<Drifted>() == 1 && count<Applied>() == 2; }));
    EXPECT_TRUE(same_settings(fake_.table, desired));
}

TEST_F(OurModule, SomebodyFasterIsSeenBeforeAnythingIsWritten) {
    auto desired = test::RandomTables(5).table(40);
    begin(desired);
    const auto first = *desired.begin();
    fake_.lose_events = true;
    fake_.vandalise(std::next(desired.begin())->first, std::nullopt);
    desired.erase(first.first);
    reconciler_->change_desired({{first.first, std::nullopt}});
    ASSERT_TRUE(wait([this] { return count<Applied>() == 2; }));
    EXPECT_TRUE(same_settings(fake_.table, desired));
}

TEST_F(OurModule, ARefusedServiceKeepsNobodyBack) {
    const auto desired = test::RandomTables(5).table(40);
    auto rest = desired;
    const auto bad = std::next(desired.begin(), 3)->first;
    rest.erase(bad);
    fake_.refuse_step = [&](const ServiceKey& key) { return key == bad ? ENOMEM : 0; };
    fake_.refuse_command = fake_.refuse_step;
    start(1h);
    reconciler_->set_desired(desired);
    ASSERT_TRUE(wait([this] { return count<Troubled>() >= 2; }));
    EXPECT_TRUE(same_settings(fake_.table, rest));
    EXPECT_EQ(reconciler_->refused(), std::set{bad});
    const auto& told = std::get<Troubled>(*std::ranges::find_if(
        events_, [](const auto& event) { return std::holds_alternative<Troubled>(event); }));
    ASSERT_EQ(told.errors.size(), 1U);
    EXPECT_EQ(told.errors[0].command.service, bad);
    fake_.refuse_step = fake_.refuse_command = {};
    ASSERT_TRUE(settle());
    EXPECT_TRUE(same_settings(fake_.table, desired));
    EXPECT_EQ(count<Recovered>(), 1U);
}

TEST_F(OurModule, ModulesMayBeExchangedEitherWay) {
    const auto desired = test::RandomTables(5).table(40);
    begin(desired, 20ms);
    fake_.table.clear();
    fake_.family = 50;  // the kernel's own has come instead
    fake_.extension = 0;
    ASSERT_TRUE(wait([&] { return same_settings(fake_.table, desired) && reconciler_->is_settled(); }));
    EXPECT_EQ(reconciler_->generation(), std::nullopt);
    fake_.table.clear();
    fake_.family = 60;
    fake_.extension = 61;
    fake_.generation = 1;
    ASSERT_TRUE(
        wait([&] { return same_settings(fake_.table, desired) && reconciler_->generation().has_value(); }));
    EXPECT_TRUE(settle());
}

TEST_F(ReconcilerTest, MayBeDestroyedWhileAReadIsUnderWay) {
    start();
    reconciler_->set_desired(test::RandomTables(5).table(4));
    reconciler_.reset();
    loop_.run_for(20ms);
    EXPECT_TRUE(events_.empty());
}

TEST(FileStore, KeepsNotesOfThisBootOnly) {
    const Folder folder;
    const Owned owned{test::RandomTables::key(1), test::RandomTables::key(3)};
    EXPECT_EQ(FileStore(folder.file("owned"), "b1").load(), Owned{});
    ASSERT_TRUE(FileStore(folder.file("owned"), "b1").store(owned).has_value());
    EXPECT_EQ(FileStore(folder.file("owned"), "b1").load(), owned);
    EXPECT_EQ(FileStore(folder.file("owned"), "b2").load(), Owned{});
    EXPECT_FALSE(FileStore(folder.file("no/such/folder"), "b1").store(owned).has_value());
    EXPECT_EQ(read_boot_id()->size(), 36U);
}

}  // namespace
}  // namespace lvs::ipvs
