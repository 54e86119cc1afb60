// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include "client/bus_probe.h"

#include <functional>
#include <string>

namespace dkms {

/// The two ways to a dkmsd.
enum class Way { bus, stdio };

/// What the choice is made from.
struct ChoiceFacts {
    bool needs_stdio = false; ///< an option was given that the service does not take from clients
    /// The value of a variable of the environment; empty when it is not set.
    std::function<std::string(const char* name)> environment;
    /// Asks the bus; called only when nothing else has decided.
    std::function<ProbedService()> probe;
    /// Whether what is to be loaded is something that the service would not take from root; called only when the
    /// service could be used. None: nothing is to be loaded.
    std::function<bool()> is_foreign = {};
    /// Whether this process was started by a step of a bus-less dkmsd that works on these trees; called only when the
    /// service could be used.
    std::function<bool(const PlaceOptions& trees)> is_inside = {};
};

/// The rule of docs/architecture.md, "Bus or stdio". Throws Error ServiceUnavailable when a service runs and its trees
/// are not known: without it, others than those might be changed.
Way choose_way(const ChoiceFacts& facts);

} // namespace dkms
