// SPDX-License-Identifier: LGPL-2.1-or-later
#include "client/bus_connection.h"

#include "dbus/names.h"
#include "dbus/values.h"

#include <nlohmann/json.hpp>

#include <algorithm>
#include <array>
#include <cstdint>

namespace dkms {
namespace {

/// Errors by which the bus or the library says that nobody is there to answer. All others are the service's own.
bool means_gone(const std::string& name)
{
    static constexpr std::array<std::string_view, 7> names{
        "org.freedesktop.DBus.Error.NoReply",        "org.freedesktop.DBus.Error.ServiceUnknown",
        "org.freedesktop.DBus.Error.NameHasNoOwner", "org.freedesktop.DBus.Error.Disconnected",
        "org.freedesktop.DBus.Error.NoServer",       "org.freedesktop.DBus.Error.Timeout",
        "org.freedesktop.DBus.Error.TimedOut"};
    static constexpr std::array<std::string_view, 3> prefixes{"System.Error.", "org.freedesktop.DBus.Error.Spawn.",
                                                              "org.freedesktop.systemd1."};
    for (const auto one : names)
        if (name == one) return true;
    for (const auto one : prefixes)
        if (name.compare(0, one.size(), one) == 0) return true;
    return false;
}

/// Errors of connecting by which there is no bus for this process.
bool means_no_bus(const std::string& name)
{
    static constexpr std::array<std::string_view, 6> names{"org.freedesktop.DBus.Error.FileNotFound",
                                                           "org.freedesktop.DBus.Error.AccessDenied",
                                                           "org.freedesktop.DBus.Error.BadAddress",
                                                           "org.freedesktop.DBus.Error.InvalidArgs",
                                                           "System.Error.ECONNREFUSED",
                                                           "System.Error.ENOTDIR"};
    return std::find(names.begin(), names.end(), name) != names.end();
}

/// Runs `function`, with errors of the library made into ours. `facts_of` finds what else there is to know of one.
template <typename Function, typename FactsOf>
auto translated(Function&& function, FactsOf&& facts_of)
{
    try {
        return function();
    } catch (const sdbus::Error& error) {
        if (means_gone(std::string(error.getName()))) throw BusGone{std::string(error.getMessage()), false};
        throw bus::from_bus(error, facts_of(error));
    }
}

/// The same where no service is involved: whatever goes wrong, the bus cannot be used.
template <typename Function>
auto on_bus(Function&& function)
{
    try {
        return function();
    } catch (const sdbus::Error& error) {
        throw BusGone{std::string(error.getMessage()), false};
    }
}

std::unique_ptr<sdbus::IConnection> connect()
{
    try {
        return sdbus::createSystemBusConnection();
    } catch (const sdbus::Error& error) {
        throw BusGone{std::string(error.getMessage()), means_no_bus(std::string(error.getName()))};
    }
}

} // namespace

BusConnection::BusConnection() : connection_(connect()) {}

sdbus::MethodReply BusConnection::call(const std::string& path, const char* interface, const char* method,
                                       const Fill& fill, std::chrono::microseconds limit)
{
    const auto proxy = sdbus::createProxy(*connection_, bus::ServiceName{bus::service_name}, sdbus::ObjectPath{path});
    return call(*proxy, interface, method, fill, limit);
}

sdbus::MethodReply BusConnection::call_bus(const char* method, const Fill& fill, std::chrono::microseconds limit)
{
    const auto proxy =
        sdbus::createProxy(*connection_, bus::ServiceName{bus::bus_name}, sdbus::ObjectPath{bus::bus_path});
    return call(*proxy, bus::bus_interface, method, fill, limit);
}

sdbus::MethodReply BusConnection::call(sdbus::IProxy& proxy, const char* interface, const char* method,
                                       const Fill& fill, std::chrono::microseconds limit)
{
    return translated(
        [&] {
            auto message = proxy.createMethodCall(bus::InterfaceName{interface}, bus::MethodName{method});
            if (fill) fill(message);
            return proxy.callMethod(message,
                                    limit == for_ever ? UINT64_MAX : static_cast<std::uint64_t>(limit.count()));
        },
        [&](const sdbus::Error& error) { return facts_of(error, limit); });
}

/// Null where that is not known: the bus, or an older service, has said it.
nlohmann::json BusConnection::facts_of(const sdbus::Error& error, std::chrono::microseconds limit)
{
    const std::string name(error.getName());
    const std::string text(error.getMessage());
    if (text.find('\n') == std::string::npos && !name.starts_with("org.dkms1.")) return nullptr;
    try {
        const auto proxy =
            sdbus::createProxy(*connection_, bus::ServiceName{bus::service_name}, sdbus::ObjectPath{bus::manager_path});
        auto call = proxy->createMethodCall(bus::InterfaceName{bus::manager_interface}, bus::MethodName{"GetError"});
        call << name << text;
        auto reply =
            proxy->callMethod(call, limit == for_ever ? UINT64_MAX : static_cast<std::uint64_t>(limit.count()));
        return bus::read_dictionary(reply);
    } catch (const sdbus::Error&) {
        return nullptr;
    } catch (const Error&) {
        return nullptr;
    }
}

void BusConnection::subscribe(const std::string& rule, std::function<void(sdbus::Message&)> received)
{
    subscriptions_.push_back(on_bus([&] { return bus::add_match(*connection_, rule, std::move(received)); }));
}

bool BusConnection::wait(int other, std::chrono::milliseconds limit)
{
    return on_bus([&] {
        const bool readable = bus::wait_for_message(*connection_, other, static_cast<int>(limit.count()));
        bus::handle_pending(*connection_);
        return readable;
    });
}

void BusConnection::handle()
{
    on_bus([&] { bus::handle_pending(*connection_); });
}

} // namespace dkms
