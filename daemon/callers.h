// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include "dbus/sdbus_compat.h"

#include <cstddef>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

namespace dkms {

/// Who the senders on one connection are, as the bus vouches for it; /proc is never asked. Unique names are never given
/// out twice by a bus, so an answer stays true; the most recent ones are kept.
class Callers {
public:
    explicit Callers(sdbus::IConnection& connection);
    Callers(const Callers&) = delete;
    Callers& operator=(const Callers&) = delete;

    /// Null for a sender that has gone, or whose user the bus does not know.
    using Identified = std::function<void(const bus::Sender*)>;
    /// Calls `heard` at once when it is known, else when the bus has answered. Throws sdbus::Error when the connection
    /// is closed.
    void identify(const std::string& name, Identified heard);
    /// The same, for what will be asked later.
    void learn(const std::string& name)
    {
        if (known(name) == nullptr && asked_.find(name) == asked_.end()) identify(name, [](const bus::Sender*) {});
    }
    const bus::Sender* known(const std::string& name) const;

private:
    void ask(const std::string& name, const char* method, std::function<void(bool known, std::uint32_t)> answered);
    void found(const std::string& name, const bus::Sender* sender);

    std::unique_ptr<sdbus::IProxy> bus_;
    std::map<std::string, bus::Sender> known_;
    std::deque<std::string> kept_; ///< names in known_, the oldest first
    std::map<std::string, std::vector<Identified>> asked_;
};

} // namespace dkms
