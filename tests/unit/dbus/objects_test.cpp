// SPDX-License-Identifier: GPL-2.0-or-later
#include <gtest/gtest.h>

#include "../state/sample.hpp"
#include "lvsd/dbus/objects.hpp"
#include "lvsd/dbus/properties.hpp"

namespace lvs::dbus {
namespace {

using state::Snapshot;

std::shared_ptr<const Snapshot> shared(Snapshot snapshot) {
    return std::make_shared<const Snapshot>(std::move(snapshot));
}

std::vector<std::string> paths(const Objects& objects) {
    std::vector<std::string> result;
    for (const auto index : objects.all())
        result.push_back(objects.path(index).substr(std::string_view(kRoot).size()));
    return result;
}

// "event path properties" of every change.
std::vector<std::string> story(const Objects& before, const Objects& after) {
    std::vector<std::string> result;
    for (const auto& change : difference(before, after)) {
        std::string line = change.event == Event::changed ? "~" : change.event == Event::added ? "+" : "-";
        line += change.path.substr(std::string_view(kRoot).size());
        for (std::size_t i = 0; i < properties(change.kind).size(); ++i)
            if ((change.properties >> i & 1U) != 0)
                line += std::string(" ") + properties(change.kind)[i].name;
        result.push_back(line);
    }
    return result;
}

TEST(DbusObjects, PathsAreTheDocumentedOnes) {
    auto snapshot = state::sample();
    snapshot.services.pop_back();
    snapshot.routers[0].name = "web-1";
    const Objects objects(shared(snapshot), nullptr);
    EXPECT_EQ(paths(objects), (std::vector<std::string>{
                                  "", "/router/web_2d1/ipv4", "/router/web_2d1/ipv6", "/service/http",
                                  "/service/http/server/_310_2e0_2e0_2e1_3a80",
                                  "/service/http/server/_310_2e0_2e0_2e1_3a80/check/1",
                                  "/service/http/server/_310_2e0_2e0_2e2_3a80",
                                  "/service/http/server/_310_2e0_2e0_2e2_3a80/check/1",
                                  "/service/http/sorry", "/service/http/sorry/check/1"}));
}

TEST(DbusObjects, FindsExactlyWhatExists) {
    const Objects objects(shared(state::sample()), nullptr);
    for (const auto index : objects.all())
        EXPECT_EQ(objects.find(objects.path(index)), &objects.view(index));
    EXPECT_EQ(objects.find("/org/linuxvirtualserver/Lvsd1/service"), nullptr);
    EXPECT_EQ(objects.find("/"), nullptr);
    EXPECT_EQ(objects.find("/zzz"), nullptr);
    EXPECT_EQ(objects.below("/org").size(), objects.all().size());
    EXPECT_EQ(objects.below("/org/linuxvirtualserver/Lvsd1/service/http").size(), 7U);
    EXPECT_EQ(objects.below("/org/linuxvirtualserver/Lvsd1/service/http/sorry").size(), 2U);
    EXPECT_EQ(objects.below("/org/linuxvirtualserver/Lvsd1/nothing").size(), 0U);
}

TEST(DbusObjects, DoublesAreShownOnce) {
    auto snapshot = state::sample();
    snapshot.services.push_back(snapshot.services[0]);
    const Objects objects(shared(snapshot), nullptr);
    EXPECT_EQ(objects.all().size(), Objects(shared(state::sample()), nullptr).all().size());
}

TEST(DbusObjects, SameShapeSharesThePaths) {
    const Objects first(shared(state::sample()), nullptr);
    auto snapshot = state::sample();
    snapshot.services[0].servers[0].weight = 3;
    const Objects second(shared(snapshot), &first);
    EXPECT_TRUE(first.same_layout(second));
    snapshot.services[0].servers[0].address.port = 81;
    const Objects third(shared(snapshot), &second);
    EXPECT_FALSE(third.same_layout(second));
    auto& checks = snapshot.services[0].servers[0].checks;
    checks.push_back(checks[0]);
    EXPECT_FALSE(Objects(shared(snapshot), &third).same_layout(third));
}

TEST(DbusObjects, OnlyWhatChangedIsTold) {
    const Objects before(shared(state::sample()), nullptr);
    auto snapshot = state::sample();
    snapshot.taken = state::at(99);
    EXPECT_EQ(story(before, Objects(shared(snapshot), &before)), std::vector<std::string>{});

    snapshot.services[0].servers[0].state = state::ServerState::down;
    snapshot.services[0].servers[0].effective_weight = 0;
    snapshot.services[0].servers[0].traffic.in_bytes += 1000;  // not announced
    auto& check = snapshot.services[0].servers[0].checks[0];
    check.runs += 1;  // not announced
    check.state = state::CheckState::down;
    check.reason = "timed out";
    snapshot.services[0].traffic.in_byte_rate += 1;
    snapshot.services[0].servers[1].overrides.clear();
    snapshot.routers[0].instances[1].state = state::RouterState::backup;
    snapshot.routers[0].instances[1].master.reset();
    snapshot.daemon.config.last_ok = true;
    EXPECT_EQ(
        story(before, Objects(shared(snapshot), &before)),
        (std::vector<std::string>{"~ ReloadOk", "~/router/web/ipv6 State Master", "~/service/http InByteRate",
                                  "~/service/http/server/_310_2e0_2e0_2e1_3a80 State EffectiveWeight",
                                  "~/service/http/server/_310_2e0_2e0_2e1_3a80/check/1 State Reason",
                                  "~/service/http/server/_310_2e0_2e0_2e2_3a80 Overrides"}));
}

TEST(DbusObjects, AddedAndRemovedObjectsAreTold) {
    const Objects before(shared(state::sample()), nullptr);
    auto snapshot = state::sample();
    snapshot.services[0].servers.erase(snapshot.services[0].servers.begin());
    snapshot.services[0].servers.push_back(state::sample_server("10.0.0.3:80"));
    snapshot.services[1].name = "other";
    const auto lines = story(before, Objects(shared(snapshot), &before));
    EXPECT_EQ(lines, (std::vector<std::string>{
                         "-/service/http/server/_310_2e0_2e0_2e1_3a80",
                         "-/service/http/server/_310_2e0_2e0_2e1_3a80/check/1",
                         "+/service/http/server/_310_2e0_2e0_2e3_3a80",
                         "+/service/http/server/_310_2e0_2e0_2e3_3a80/check/1",
                         "-/service/mark",
                         "-/service/mark/server/_310_2e0_2e0_2e1_3a80",
                         "-/service/mark/server/_310_2e0_2e0_2e1_3a80/check/1",
                         "-/service/mark/server/_310_2e0_2e0_2e2_3a80",
                         "-/service/mark/server/_310_2e0_2e0_2e2_3a80/check/1",
                         "-/service/mark/sorry",
                         "-/service/mark/sorry/check/1",
                         "+/service/other",
                         "+/service/other/server/_310_2e0_2e0_2e1_3a80",
                         "+/service/other/server/_310_2e0_2e0_2e1_3a80/check/1",
                         "+/service/other/server/_310_2e0_2e0_2e2_3a80",
                         "+/service/other/server/_310_2e0_2e0_2e2_3a80/check/1",
                         "+/service/other/sorry",
                         "+/service/other/sorry/check/1"}));
}

TEST(DbusProperties, NamesAreUniqueAndFitTheMask) {
    for (const auto kind : kKinds) {
        std::set<std::string> names;
        for (const auto& property : properties(kind))
            EXPECT_TRUE(names.insert(property.name).second) << property.name;
        EXPECT_LE(properties(kind).size(), 64U);
        EXPECT_FALSE(names.empty());
    }
}

}  // namespace
}  // namespace lvs::dbus
