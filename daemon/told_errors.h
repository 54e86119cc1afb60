// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include "dbus/sdbus_compat.h"

#include <nlohmann/json.hpp>

#include <deque>
#include <optional>
#include <string>

namespace dkms {

/// The errors that callers were told last, with what has no room in a D-Bus error. Each caller finds its own. Bounded:
/// those that were told first are forgotten first, and what is told then is the text alone.
class ToldErrors {
public:
    void remember(std::string caller, const sdbus::Error& error, nlohmann::json facts);
    /// The facts of the last error of this name and text that `caller` was told.
    std::optional<nlohmann::json> find(const std::string& caller, const std::string& name,
                                       const std::string& text) const;

private:
    struct Told {
        std::string caller;
        std::string name;
        std::string text;
        nlohmann::json facts;
    };
    std::deque<Told> told_;
};

} // namespace dkms
