// SPDX-License-Identifier: GPL-2.0-or-later
#include "lvsd/dbus/interface_xml.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "lvsd/dbus/dbus.hpp"
#include "lvsd/dbus/properties.hpp"

namespace lvs::dbus {
namespace {

using testing::HasSubstr;
using testing::IsEmpty;

TEST(DbusIntrospection, EveryInterfaceHasItsProperties) {
    for (const auto kind : kKinds) {
        const auto xml = introspection(interface_name(kind));
        EXPECT_THAT(xml, HasSubstr(std::string("<interface name=\"") + interface_name(kind) + "\">"));
        for (const auto& property : properties(kind))
            EXPECT_THAT(xml, HasSubstr(std::string("<property name=\"") + property.name + "\" type=\"" +
                                       property.signature + "\" access=\"read\""));
    }
    EXPECT_THAT(introspection("org.linuxvirtualserver.Lvsd1.Nothing"), IsEmpty());
}

TEST(DbusIntrospection, ArgumentsAreTakenApart) {
    const auto xml = introspection("org.linuxvirtualserver.Lvsd1.Manager");
    EXPECT_THAT(xml, HasSubstr("  <method name=\"ReadEvents\">\n"
                               "   <arg name=\"after\" type=\"t\" direction=\"in\"/>\n"
                               "   <arg name=\"max\" type=\"u\" direction=\"in\"/>\n"
                               "   <arg name=\"started\" type=\"t\" direction=\"out\"/>\n"
                               "   <arg name=\"oldest\" type=\"t\" direction=\"out\"/>\n"
                               "   <arg name=\"newest\" type=\"t\" direction=\"out\"/>\n"
                               "   <arg name=\"events\" type=\"a(ttssssssssa{ss})\" direction=\"out\"/>\n"
                               "  </method>\n"));
    EXPECT_THAT(xml, HasSubstr("   <arg name=\"details\" type=\"a{ss}\"/>\n  </signal>\n"));
    EXPECT_THAT(xml, HasSubstr("  <method name=\"Subscribe\"/>\n"));
}

}  // namespace
}  // namespace lvs::dbus
