// SPDX-License-Identifier: LGPL-2.1-or-later
#include "client/bus_probe.h"

#include "client/bus_connection.h"
#include "dbus/identity.h"
#include "dbus/names.h"

#include <algorithm>
#include <optional>
#include <utility>

namespace dkms {
namespace {

using Clock = std::chrono::steady_clock;

constexpr auto for_a_last_question = std::chrono::seconds(1); // to the bus, which answers at once or not at all

/// Why there is no answer.
struct Failure {
    std::string reason;
    bool nothing_listens = false; ///< on the address of the bus
};

/// Runs `function`; how it failed, if it did.
template <typename Function>
std::optional<Failure> failure_of(Function&& function)
{
    try {
        function();
        return std::nullopt;
    } catch (const BusGone& gone) {
        return Failure{gone.reason, gone.nothing_listens};
    } catch (const std::exception& error) {
        return Failure{error.what()};
    }
}

class Probe {
public:
    explicit Probe(std::chrono::milliseconds limit) : deadline_(Clock::now() + limit) {}

    /// Owned, or started by a call.
    bool is_there()
    {
        was_running_ = runs(left());
        return was_running_ || is_activatable();
    }

    /// It ran when it was last looked for, does not now, and there is time to have it started again.
    bool has_just_ended()
    {
        if (!std::exchange(was_running_, false) || Clock::now() >= deadline_) return false;
        const auto failed = failure_of([&] { was_running_ = runs(left()); });
        return !failed && !was_running_;
    }

    /// False only if the bus says so.
    bool may_run()
    {
        try {
            return runs(for_a_last_question);
        } catch (const BusGone&) {
            return true;
        } catch (const Error&) {
            return true;
        }
    }

    std::string identity()
    {
        auto reply = connection_.call(
            bus::manager_path, bus::properties_interface, "Get",
            [](sdbus::MethodCall& call) { call << std::string(bus::manager_interface) << std::string("Identity"); },
            left());
        sdbus::Variant value;
        reply >> value;
        return value.get<std::string>();
    }

private:
    bool runs(std::chrono::microseconds limit)
    {
        auto owned = connection_.call_bus(
            "NameHasOwner", [](sdbus::MethodCall& call) { call << std::string(bus::service_name); }, limit);
        bool answer = false;
        owned >> answer;
        return answer;
    }

    bool is_activatable()
    {
        auto reply = connection_.call_bus("ListActivatableNames", {}, left());
        std::vector<std::string> names;
        reply >> names;
        return std::find(names.begin(), names.end(), bus::service_name) != names.end();
    }

    std::chrono::microseconds left() const
    {
        const auto left = std::chrono::duration_cast<std::chrono::microseconds>(deadline_ - Clock::now());
        return std::max(left, std::chrono::microseconds(1)); // 0 would mean the library's own limit
    }

    Clock::time_point deadline_;
    bool was_running_ = false;
    BusConnection connection_;
};

ProbedService seen_in(const std::string& identity)
{
    switch (bus::sight_of(identity)) {
    case bus::Sight::same:
        return {BusService::usable, {}, bus::trees_in(identity)};
    case bus::Sight::other_system:
        return {BusService::elsewhere, {}};
    case bus::Sight::hidden:
        return {
            BusService::unclear,
            "the service works on trees that this command does not see, because one of the two has mounts of its own"};
    case bus::Sight::unknown:
        break;
    }
    return {BusService::unclear, "the service does not say which trees it works on"};
}

} // namespace

ProbedService probe_bus_service(std::chrono::milliseconds limit)
{
    std::optional<Probe> probe;
    bool is_there = false;
    const auto no_bus = failure_of([&] {
        probe.emplace(limit);
        is_there = probe->is_there();
    });
    if (no_bus && no_bus->nothing_listens) return {BusService::absent, {}};
    if (no_bus) return {BusService::unclear, "the bus does not say whether the service runs (" + no_bus->reason + ")"};
    if (!is_there) return {BusService::absent, {}};
    ProbedService seen;
    const auto ask = [&] { return failure_of([&] { seen = seen_in(probe->identity()); }); };
    auto no_answer = ask();
    if (no_answer && probe->has_just_ended()) no_answer = ask(); // it is being restarted
    if (!no_answer) return seen;
    if (!probe->may_run()) return {BusService::down, {}};
    return {BusService::unclear,
            "the service runs, but did not say which trees it works on (" + no_answer->reason + ")"};
}

} // namespace dkms
