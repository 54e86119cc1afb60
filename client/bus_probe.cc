// SPDX-License-Identifier: LGPL-2.1-or-later
#include "client/bus_probe.h"

#include "client/bus_connection.h"
#include "dbus/identity.h"
#include "dbus/names.h"

#include <algorithm>

namespace dkms {
namespace {

using Clock = std::chrono::steady_clock;

class Probe {
public:
    explicit Probe(std::chrono::milliseconds limit) : deadline_(Clock::now() + limit) {}

    /// Owned, or started by a call.
    bool is_there()
    {
        auto owned = connection_.call_bus(
            "NameHasOwner", [](sdbus::MethodCall& call) { call << std::string(bus::service_name); }, left());
        bool answer = false;
        owned >> answer;
        return answer || is_activatable();
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
    BusConnection connection_;
};

} // namespace

BusService probe_bus_service(std::chrono::milliseconds limit)
{
    auto so_far = BusService::absent;
    try {
        Probe probe(limit);
        if (!probe.is_there()) return BusService::absent;
        so_far = BusService::silent;
        return bus::sees_the_same(probe.identity()) ? BusService::usable : BusService::elsewhere;
    } catch (const BusGone&) {
        return so_far;
    } catch (const std::exception&) {
        return so_far; // it answered, but not as org.dkms1 does
    }
}

} // namespace dkms
