// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include "dbus/sdbus_compat.h"
#include "lib/model/error.h"
#include "lib/model/ids.h"

#include <nlohmann/json_fwd.hpp>

#include <chrono>
#include <functional>
#include <memory>
#include <string>
#include <vector>

namespace dkms {

/// The service or the bus cannot be reached, or has gone away before it answered.
struct BusGone {
    std::string reason;
    bool nothing_listens = false; ///< there is no bus, or none that lets this process in
};

/// A connection to the bus for a client that does one thing after the other.
class BusConnection {
public:
    /// To the system bus, or to DBUS_SYSTEM_BUS_ADDRESS where that is set. Throws BusGone.
    BusConnection();

    using Fill = std::function<void(sdbus::MethodCall&)>;
    static constexpr std::chrono::microseconds for_ever = std::chrono::microseconds::max();

    /// Calls a method of the service, starting it where it does not run, and waits for the answer. Throws the Error
    /// that it answered; BusGone.
    sdbus::MethodReply call(const std::string& path, const char* interface, const char* method, const Fill& fill = {},
                            std::chrono::microseconds limit = for_ever);
    /// Calls a method of the bus itself. Throws Error, BusGone.
    sdbus::MethodReply call_bus(const char* method, const Fill& fill = {}, std::chrono::microseconds limit = for_ever);

    /// Calls `received`, from wait() or handle(), for every message that matches. Throws BusGone.
    void subscribe(const std::string& rule, std::function<void(sdbus::Message&)> received);
    /// Waits for messages and handles them, at most `limit` (negative: for ever). Returns whether `other` (-1: none) is
    /// readable. Throws BusGone.
    bool wait(int other, std::chrono::milliseconds limit);
    /// Handles what has arrived. Throws BusGone.
    void handle();

private:
    sdbus::MethodReply call(sdbus::IProxy& proxy, const char* interface, const char* method, const Fill& fill,
                            std::chrono::microseconds limit);
    nlohmann::json facts_of(const sdbus::Error& error, std::chrono::microseconds limit);

    std::unique_ptr<sdbus::IConnection> connection_;
    std::vector<sdbus::Slot> subscriptions_;
};

} // namespace dkms
