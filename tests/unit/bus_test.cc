// SPDX-License-Identifier: LGPL-2.1-or-later
#include "dbus/identity.h"
#include "dbus/members.h"
#include "dbus/values.h"
#include "tests/catch.h"

#include <nlohmann/json.hpp>

#include <set>
#include <stdexcept>
#include <string>

using namespace dkms;

namespace {

/// Every name in braces, with a value of its own.
Parameters parameters_for(const ErrorRow& row)
{
    Parameters parameters;
    for (std::string text = std::string(row.sentence) + std::string(row.hint); text.find('{') != std::string::npos;) {
        const auto open = text.find('{');
        const auto close = text.find('}');
        const std::string name = text.substr(open + 1, close - open - 1);
        parameters[name] = "the " + name + "/1.0, really";
        text.erase(0, close + 1);
    }
    return parameters;
}

} // namespace

TEST_CASE("an error comes out of the bus as it went in")
{
    for (const ErrorRow& row : error_table()) {
        Parameters parameters = parameters_for(row);
        parameters.insert({{"exit_code", "21"}, {"in no sentence", "\xc3\xa4\n\""}});
        const Error error(row.code, parameters);
        INFO(row.name);
        CHECK(bus::from_bus(bus::to_bus(error), bus::facts_of(error)) == error);
        const Error without = bus::from_bus(bus::to_bus(error)); // as an older service sends it
        CHECK(without.code() == row.code);
        CHECK(without.message() == error.message());
        CHECK(without.hint() == error.hint());
    }
}

TEST_CASE("whatever is thrown becomes an error of the bus")
{
    const auto heard = [](auto thrown) {
        try {
            throw thrown;
        } catch (...) {
            return bus::current_error().bus_name();
        }
    };
    CHECK(heard(Error(ErrorCode::limits_exceeded, {{"reason", "x"}})) == "org.freedesktop.DBus.Error.LimitsExceeded");
    CHECK(heard(sdbus::Error(bus::ErrorName{"org.example.Error.Other"}, "x")) == "org.dkms1.Error.Internal");
    CHECK(heard(std::runtime_error("x")) == "org.dkms1.Error.Internal");
    CHECK(heard(1) == "org.dkms1.Error.Internal");
}

TEST_CASE("an error that is not ours keeps what it says")
{
    const auto denied = bus::from_bus(sdbus::Error(bus::ErrorName{"org.freedesktop.DBus.Error.AccessDenied"},
                                                   "Rejected send message, 2 matched rules"));
    CHECK(denied.code() == ErrorCode::access_denied);
    CHECK(denied.message().find("Rejected send message") != std::string::npos);
    const auto foreign = bus::from_bus(sdbus::Error(bus::ErrorName{"org.example.Error.Other"}, "something else"));
    CHECK(foreign.code() == ErrorCode::internal);
    CHECK(foreign.message().find("something else") != std::string::npos);
}

TEST_CASE("every member has as many names as values, and only methods that look need nothing")
{
    CHECK_FALSE(bus::introspection().empty()); // throws where a name is missing
    std::set<std::string> looking;
    for (const bus::Member& member : bus::members())
        if (member.kind == bus::MemberKind::method && member.needs == bus::Action::look) looking.insert(member.name);
    CHECK(looking == std::set<std::string>{"ListModules", "GetHistory", "ListJobs", "GetError", "GetJob", "GetJobs",
                                           "Events", "OpenLog"});
    CHECK_THROWS_AS(bus::method_row("org.dkms1.Manager", "Frobnicate"), Error);
}

TEST_CASE("a verb's method is found in the table")
{
    for (std::size_t number = 0; number <= static_cast<std::size_t>(Verb::roll_back); ++number) {
        const auto verb = static_cast<Verb>(number);
        const bool with_handle = shape_of(verb).handle == Need::required;
        CHECK(bus::method_row("org.dkms1.Manager", bus::method_of(verb, with_handle)).needs == bus::Action::change);
    }
    CHECK(bus::method_of(Verb::kernel_prerm, false) == "KernelPrerm");
    CHECK(bus::method_of(Verb::load, true) == "Load");
    CHECK(bus::method_row("org.dkms1.Manager", bus::method_of(Verb::pack, true)).takes ==
          std::string_view("ssasha{sv}"));
}

TEST_CASE("directories are the same only as long as they are")
{
    Places places = Places::under("/nowhere");
    const std::string nowhere = bus::identity_of(places);
    const std::string trees = "0:0 /nowhere/var/lib/dkms\n0:0 /nowhere/usr/src\n0:0 /nowhere/lib/modules\n";
    CHECK(nowhere.substr(0, trees.size()) == trees);
    CHECK(bus::sight_of(nowhere) == bus::Sight::same);
    places.dkms_tree = "/proc";
    const std::string identity = bus::identity_of(places);
    CHECK(bus::sight_of(identity) == bus::Sight::same);
    CHECK(bus::install_tree_in(identity) == places.install_tree);
    const std::string other_tree = "0:0 /proc" + identity.substr(identity.find('\n'));
    CHECK(bus::sight_of(other_tree) == bus::Sight::hidden);
    CHECK(bus::sight_of(other_tree.substr(0, other_tree.rfind('\n')) + "\n7:7 /") == bus::Sight::other_system);
    CHECK(bus::sight_of(identity.substr(0, identity.rfind('\n')) + "\n7:7 /") == bus::Sight::same);
    CHECK(bus::sight_of(identity.substr(identity.find('\n') + 1)) == bus::Sight::unknown);
    CHECK(bus::sight_of("") == bus::Sight::unknown);
}
