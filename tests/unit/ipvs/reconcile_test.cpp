// SPDX-License-Identifier: GPL-2.0-or-later
//
// The machine alone, then against a kernel in memory that is vandalised, refuses, loses its module, while the
// process is killed at any step.
#include "ipvs/reconcile.hpp"

#include <gtest/gtest.h>

#include <random>

#include "tests/unit/ipvs/random_table.hpp"

namespace lvs::ipvs {
namespace {

using namespace std::chrono_literals;

const ServiceKey kWeb = AddressKey{Protocol::tcp, *parse_endpoint("192.0.2.10:80")};
const ServiceKey kMail = AddressKey{Protocol::tcp, *parse_endpoint("192.0.2.20:25")};

Table one(const ServiceKey& key, int weight = 1) {
    Table out;
    out[key].dests[{*parse_endpoint("10.0.0.1:80")}].settings.weight = weight;
    return out;
}

// What the effects were, in order, as words.
std::string words(const Effects& effects) {
    std::string out;
    for (const auto& effect : effects) {
        if (const auto* r = std::get_if<StartRead>(&effect)) out += r->scope ? "read-some " : "read-all ";
        if (std::holds_alternative<StoreOwned>(effect)) out += "store ";
        if (std::holds_alternative<StartApply>(effect)) out += "apply ";
        if (std::holds_alternative<Applied>(effect)) out += "applied ";
        if (std::holds_alternative<Drifted>(effect)) out += "drifted ";
        if (std::holds_alternative<Troubled>(effect)) out += "troubled ";
        if (std::holds_alternative<Recovered>(effect)) out += "recovered ";
        if (std::holds_alternative<Stopped>(effect)) out += "stopped ";
    }
    if (!out.empty()) out.pop_back();
    return out;
}

class ReconcileTest : public ::testing::Test {
protected:
    template <class Step>
    std::string after(Step step) {
        Effects effects;
        step(effects);
        last_ = effects;
        return words(effects);
    }
    std::string want(const Table& table) {
        return after([&](Effects& out) { machine_.set_desired(now_, table, out); });
    }
    std::string read(Result<Table> table) {
        return after([&](Effects& out) { machine_.on_read(now_, std::move(table), out); });
    }
    std::string applied(ApplyReport report = {}) {
        return after([&](Effects& out) { machine_.on_applied(now_, std::move(report), out); });
    }
    std::string at(Duration later) {
        now_ += later;
        return after([&](Effects& out) { machine_.advance(now_, out); });
    }
    std::string stop(AtStop what) {
        return after([&](Effects& out) { machine_.stop(now_, what, out); });
    }
    template <class T>
    const T& last() {
        for (const auto& effect : last_)
            if (const auto* found = std::get_if<T>(&effect)) return *found;
        throw std::logic_error("no such effect");
    }
    void settle(const Table& table) {
        want(table);
        read(Table{});
        applied();
        read(table);
        ASSERT_TRUE(machine_.is_settled());
    }

    Time now_{1000s};
    Effects last_;
    Reconcile machine_{{}, {}};
};

TEST_F(ReconcileTest, ReadsNotesWritesReadsBack) {
    EXPECT_EQ(machine_.deadline(), std::nullopt) << "nothing to do before there is a desired table";
    EXPECT_EQ(want(one(kWeb)), "read-all");
    EXPECT_EQ(read(Table{}), "store apply") << "noted as ours before it is written";
    EXPECT_EQ(last<StoreOwned>().owned, Owned{kWeb});
    EXPECT_EQ(applied(), "read-some");
    EXPECT_EQ(read(one(kWeb)), "applied");
    EXPECT_EQ(last<Applied>().commands, 2U);
    EXPECT_TRUE(machine_.is_settled());
    EXPECT_EQ(machine_.deadline(), now_ + 10s);
}

TEST_F(ReconcileTest, AChangeTouchesOnlyItsServices) {
    auto both = one(kWeb);
    both.merge(one(kMail));
    settle(both);
    both[kMail] = one(kMail, 5)[kMail];
    EXPECT_EQ(want(both), "read-some");
    EXPECT_EQ(last<StartRead>().scope, std::set{kMail});
    EXPECT_EQ(read(one(kMail)), "apply");
    EXPECT_EQ(last<StartApply>().job.commands.size(), 1U);
    EXPECT_EQ(applied(), "read-some");
    EXPECT_EQ(read(one(kMail, 5)), "applied");
    EXPECT_EQ(machine_.table().size(), 2U);
    EXPECT_EQ(want(both), "") << "the same again is nothing to do";
}

TEST_F(ReconcileTest, ABurstCostsOneMoreCycle) {
    settle(one(kWeb));
    EXPECT_EQ(want(one(kWeb, 2)), "read-some");
    for (int weight = 3; weight < 100; ++weight)
        EXPECT_EQ(want(one(kWeb, weight)), "");
    EXPECT_EQ(read(one(kWeb)), "apply");
    EXPECT_EQ(last<StartApply>().job.commands[0].dest_settings.weight, 99);
    EXPECT_EQ(want(one(kWeb, 100)), "");
    EXPECT_EQ(want(one(kWeb, 101)), "");
    EXPECT_EQ(applied(), "read-some");
    EXPECT_EQ(read(one(kWeb, 99)), "applied read-some");
    EXPECT_EQ(read(one(kWeb, 99)), "apply");
    EXPECT_EQ(last<StartApply>().job.commands[0].dest_settings.weight, 101);
}

TEST_F(ReconcileTest, ReportsAndRepairsWhatSomebodyElseChanged) {
    settle(one(kWeb));
    EXPECT_EQ(at(10s - 1ns), "");
    EXPECT_EQ(at(1ns), "read-all");
    EXPECT_EQ(read(Table{}), "drifted apply");
    EXPECT_EQ(last<Drifted>().repairs.size(), 2U);
    EXPECT_EQ(applied(), "read-some");
    EXPECT_EQ(read(one(kWeb)), "applied");
    EXPECT_EQ(at(10s), "read-all");
    EXPECT_EQ(read(one(kWeb)), "") << "a look that finds all well says nothing";
}

TEST_F(ReconcileTest, ReclaimsWhatAFormerRunLeft) {
    machine_ = Reconcile({}, {kMail});
    auto kernel = one(kMail);
    const ServiceKey foreign = FwmarkKey{Family::ipv4, 9};
    kernel[foreign];
    EXPECT_EQ(want(one(kWeb)), "read-all");
    EXPECT_EQ(read(kernel), "store apply");
    EXPECT_EQ(last<StoreOwned>().owned, (Owned{kWeb, kMail})) << "not forgotten before it is gone";
    const auto commands = last<StartApply>().job.commands;
    EXPECT_EQ(to_string(commands.back()), "delete service TCP 192.0.2.20:25");
    for (const auto& command : commands)
        EXPECT_EQ(execute(command, kernel), std::errc{});
    EXPECT_TRUE(kernel.contains(foreign));
    EXPECT_EQ(applied(), "read-some");
    auto read_back = kernel;
    read_back.erase(foreign);  // the scope is what was touched
    EXPECT_EQ(read(read_back), "applied store");
    EXPECT_EQ(last<StoreOwned>().owned, Owned{kWeb});
}

TEST_F(ReconcileTest, TroubleIsToldAndTriedAgainLaterAndLater) {
    const auto failure = [] { return fail(std::errc::protocol_not_supported, "ipvs: none"); };
    EXPECT_EQ(want(one(kWeb)), "read-all");
    EXPECT_EQ(read(failure()), "troubled");
    EXPECT_EQ(last<Troubled>().error->context, "ipvs: none");
    for (const auto wait : {1s, 2s, 4s, 8s, 16s, 30s, 30s}) {
        EXPECT_EQ(last<Troubled>().retry_after, wait);
        EXPECT_EQ(at(wait - 1ns), "");
        EXPECT_EQ(at(1ns), "read-all");
        EXPECT_EQ(read(failure()), "troubled");
    }
    at(30s);
    EXPECT_EQ(read(Table{}), "store apply");
    EXPECT_EQ(applied(), "read-some");
    EXPECT_EQ(read(one(kWeb)), "applied recovered");
    EXPECT_EQ(machine_.deadline(), now_ + 10s);
}

TEST_F(ReconcileTest, AModuleThatComesIsNotWaitedFor) {
    want(one(kWeb));
    read(fail(std::errc::protocol_not_supported, "ipvs: none"));
    EXPECT_EQ(after([&](Effects& out) { machine_.on_changes(now_, {true, {}}, out); }), "read-all");
    EXPECT_EQ(read(Table{}), "store apply");
}

TEST_F(ReconcileTest, ARefusedServiceIsTriedLaterAndDriftOfOthersIsRepairedMeanwhile) {
    auto both = one(kWeb);
    both.merge(one(kMail));
    want(both);
    read(Table{});
    ApplyReport report;
    report.errors.push_back(
        {{Verb::add_service, kMail, {}, {}, {}}, {std::make_error_code(std::errc::invalid_argument), "x"}});
    applied(report);
    EXPECT_EQ(read(one(kWeb)), "troubled");
    EXPECT_EQ(machine_.refused(), std::set{kMail});
    EXPECT_FALSE(machine_.is_settled());
    EXPECT_EQ(after([&](Effects& out) { machine_.look_now(now_, out); }), "read-all");
    EXPECT_EQ(read(Table{}), "drifted apply");
    EXPECT_EQ(last<StartApply>().job.commands.size(), 2U) << "not what is refused: its time has not come";
    applied();
    EXPECT_EQ(read(one(kWeb)), "applied");
    EXPECT_EQ(at(1s), "read-all");
    EXPECT_EQ(read(one(kWeb)), "apply") << "now it has";
    applied();
    EXPECT_EQ(read(both), "applied recovered");
    EXPECT_TRUE(machine_.is_settled());
}

TEST_F(ReconcileTest, ARefusedCommandIsTroubleAndTheRestStands) {
    want(one(kWeb));
    read(Table{});
    ApplyReport report;
    report.errors.push_back(
        {last<StartApply>().job.commands[0], {std::make_error_code(std::errc::invalid_argument), "x"}});
    EXPECT_EQ(applied(report), "read-some");
    EXPECT_EQ(read(Table{}), "troubled");
    EXPECT_EQ(last<Troubled>().errors.size(), 1U);
    EXPECT_EQ(at(1s), "read-all") << "after trouble the whole table is read";
}

TEST_F(ReconcileTest, WhatTheKernelDoesNotShowIsTrouble) {
    want(one(kWeb));
    read(Table{});
    applied();
    EXPECT_EQ(read(one(kWeb, 7)), "troubled");
    EXPECT_NE(last<Troubled>().error->context.find("set server 10.0.0.1:80"), std::string::npos);
}

TEST_F(ReconcileTest, AFatalErrorSkipsTheReadBack) {
    want(one(kWeb));
    read(Table{});
    ApplyReport report;
    report.fatal = Error{std::make_error_code(std::errc::operation_not_permitted), "ipvs: no"};
    EXPECT_EQ(applied(report), "troubled");
}

TEST_F(ReconcileTest, NotesThatCouldNotBeWrittenAreWrittenLater) {
    settle(one(kWeb));
    machine_.on_store_failed();
    at(10s);
    EXPECT_EQ(read(one(kWeb)), "store");
    at(10s);
    EXPECT_EQ(read(one(kWeb)), "");
}

TEST_F(ReconcileTest, StopRemovesWhatIsOursOrKeepsIt) {
    settle(one(kWeb));
    EXPECT_EQ(stop(AtStop::remove), "read-some");
    EXPECT_EQ(read(one(kWeb)), "apply");
    EXPECT_EQ(applied(), "read-some");
    EXPECT_EQ(read(Table{}), "applied store stopped");
    EXPECT_EQ(last<StoreOwned>().owned, Owned{});
    EXPECT_EQ(machine_.deadline(), std::nullopt);
    EXPECT_EQ(want(one(kWeb)), "") << "nothing happens after the stop";

    machine_ = Reconcile({}, {});
    settle(one(kWeb));
    EXPECT_EQ(stop(AtStop::keep), "stopped");
    EXPECT_EQ(machine_.owned(), Owned{kWeb}) << "the next run knows that it is ours";
}

TEST_F(ReconcileTest, StopWaitsForTheRunningCycleAndGivesUpAfterOneTry) {
    want(one(kWeb));
    EXPECT_EQ(stop(AtStop::remove), "");
    EXPECT_EQ(read(one(kWeb)), "read-some") << "not ours yet, so nothing to write, only to remove";
    EXPECT_EQ(read(fail(std::errc::io_error, "x")), "troubled stopped");
}

TEST(OwnedNotes, ReadBackAndKnowTheirBoot) {
    const Owned owned{kWeb, FwmarkKey{Family::ipv6, 7}};
    EXPECT_EQ(encode_owned(owned, "b1"), "lvsd owned 1 b1\nTCP 192.0.2.10:80\nFWM 7 IPv6\n");
    EXPECT_EQ(parse_owned(encode_owned(owned, "b1"), "b1"), owned);
    EXPECT_EQ(parse_owned(encode_owned(owned, "b1"), "b2"), Owned{});
    EXPECT_EQ(parse_owned(encode_owned({}, "b1"), "b1"), Owned{});
    for (const auto* text :
         {"", "x", "lvsd owned 1 b1", "lvsd owned 2 b1\n", "lvsd owned 1 b1\nTCP 192.0.2.10:80",
          "lvsd owned 1 b1\nnonsense\n", "lvsd owned 1 b1\n\n"})
        EXPECT_FALSE(parse_owned(text, "b1").has_value()) << text;
}

// ---- histories ------------------------------------------------------------------------------------------

// A process that keeps a kernel's table, both in memory. Everything that can go wrong does so by chance.
class World {
public:
    explicit World(std::uint32_t seed) : random_(seed) {
        kernel_ = random_.table(kUniverse);
        for (const auto& [key, service] : kernel_)
            foreign_.insert(key);
        boot();
    }

    void troubled_step() {
        now_ += std::chrono::milliseconds(random_.below(3000));
        switch (random_.below(8)) {
            case 0:
                want(random_.mutated(desired_, kUniverse));
                break;
            case 1:
                vandalise();
                break;
            case 2:
                boot();
                break;
            case 3:
                module_present_ = random_.below(4) != 0;
                break;
            default:
                step();
        }
    }

    // No more trouble: what is desired must be there before long, what is foreign must be untouched.
    void calm_down() {
        module_present_ = true;
        faults_ = false;
        take([this](Effects& out) { machine_->look_now(now_, out); });
        for (int i = 0; i < 400 && !(pending_.empty() && machine_->is_settled()); ++i) {
            if (pending_.empty()) now_ = std::max(now_, machine_->deadline().value_or(now_));
            step();
        }
    }
    void check() {
        ASSERT_TRUE(machine_->is_settled());
        auto expected = desired_;
        for (const auto& key : foreign_)
            if (!desired_.contains(key)) expected[key] = kernel_.at(key);
        ASSERT_TRUE(same_settings(kernel_, expected));
        ASSERT_EQ(notes_, machine_->owned());
    }

private:
    static constexpr std::uint32_t kUniverse = 10;

    void want(Table table) {
        desired_ = std::move(table);
        take([this](Effects& out) { machine_->set_desired(now_, desired_, out); });
    }
    void boot() {
        pending_.clear();
        machine_.emplace(ReconcileOptions{}, notes_);
        want(desired_);
    }
    void vandalise() {
        const auto key = test::RandomTables::key(random_.below(kUniverse));
        if (foreign_.contains(key)) return;
        const auto change = random_.mutated(kernel_, kUniverse);
        const auto found = change.find(key);
        if (found != change.end() && kernel_.contains(key) && !desired_.contains(key)) return;
        if (found == change.end())
            kernel_.erase(key);
        else if (kernel_.contains(key))  // a new service under a key of ours that is gone would be foreign
            kernel_[key] = found->second;
    }
    template <class Input>
    void take(Input input) {
        Effects effects;
        input(effects);
        for (auto& effect : effects)
            pending_.push_back(std::move(effect));
    }

    void step() {
        if (pending_.empty()) {
            take([this](Effects& out) { machine_->advance(now_, out); });
            return;
        }
        auto effect = std::move(pending_.front());
        pending_.erase(pending_.begin());
        if (const auto* s = std::get_if<StoreOwned>(&effect)) note(s->owned);
        if (const auto* r = std::get_if<StartRead>(&effect)) read(r->scope);
        if (auto* a = std::get_if<StartApply>(&effect)) apply(a->job.commands);
    }
    void note(const Owned& owned) {
        notes_ = owned;
        for (const auto& key : owned)
            foreign_.erase(key);  // ours from now on, whoever wrote it first
    }
    void read(const Scope& scope) {
        Result<Table> table = fail(std::errc::protocol_not_supported, "no module");
        if (module_present_) {
            table = Table{};
            for (const auto& [key, service] : kernel_)
                if (!scope || scope->contains(key)) (*table)[key] = service;
        }
        take([&](Effects& out) { machine_->on_read(now_, std::move(table), out); });
    }
    void apply(const std::vector<Command>& commands) {
        ApplyReport report;
        for (const auto& command : commands) {
            ASSERT_FALSE(foreign_.contains(command.service)) << to_string(command);
            ASSERT_TRUE(notes_.contains(command.service)) << "written before it was noted";
            if (faults_ && random_.below(40) == 0) return boot();  // killed in the middle
            const bool refused = faults_ && random_.below(20) == 0;
            const auto code = refused ? std::errc::not_enough_memory : execute_as_kernel(command);
            if (code != std::errc{}) report.errors.push_back({command, {std::make_error_code(code), "test"}});
        }
        take([&](Effects& out) { machine_->on_applied(now_, std::move(report), out); });
    }
    // As Kernel::apply(): what exists is set, what is gone is deleted.
    std::errc execute_as_kernel(Command command) {
        const auto code = execute(command, kernel_);
        const bool deletes = command.verb == Verb::delete_service || command.verb == Verb::delete_dest;
        if (deletes && code != std::errc{}) return {};
        if (code != std::errc::file_exists) return code;
        command.verb = command.verb == Verb::add_service ? Verb::set_service : Verb::set_dest;
        return execute(command, kernel_);
    }

    test::RandomTables random_;
    Time now_{1000s};
    Table kernel_, desired_;
    Owned notes_;    // what is on disk
    Owned foreign_;  // what the machine must not touch
    std::optional<Reconcile> machine_;
    std::vector<Effect> pending_;
    bool module_present_ = true;
    bool faults_ = true;
};

TEST(ReconcileHistory, ConvergesWhateverHappenedAndTouchesNothingForeign) {
    const std::uint32_t fresh = std::random_device{}() & 0x7fffffffU;
    for (std::uint32_t i = 0; i < 600 && !::testing::Test::HasFatalFailure(); ++i) {
        const auto seed = i < 300 ? i : fresh + i;
        SCOPED_TRACE("seed " + std::to_string(seed));
        World world(seed);
        for (int n = 0; n < 150; ++n)
            world.troubled_step();
        world.calm_down();
        world.check();
    }
}

}  // namespace
}  // namespace lvs::ipvs
