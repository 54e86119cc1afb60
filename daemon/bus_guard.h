// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include "daemon/reception.h"
#include "dbus/sdbus_compat.h"
#include "dbus/values.h"

#include <exception>
#include <functional>

namespace dkms {

/// Reads a call. May throw Error.
using Handler = std::function<Deed(sdbus::MethodCall)>;
/// Writes a property's value. May throw Error.
using Getter = std::function<void(sdbus::Message&)>;

/// Runs `function`; what it throws is told by `fail`. Throws nothing.
template <typename Function>
void guarded(const Reception::Fail& fail, Function&& function) noexcept
{
    try {
        try {
            function();
        } catch (...) {
            fail(bus::current_error());
        }
    } catch (...) {
        return; // the connection is closed: there is no one to tell
    }
}

/// Collects what an object does, with the one guard around everything: the call is read, waits for its turn, is
/// authorized for the action that its row in dbus/members.h names, and done. Nothing that a handler throws ends the
/// service.
class GuardedInterface {
public:
    /// `reception` must outlive the handlers.
    GuardedInterface(const char* interface, Reception& reception) : interface_(interface), reception_(reception) {}

    void method(const char* name, Handler handler);
    void property(const char* name, Getter getter);
    /// Offers what was collected on `object`. Throws Error Internal when it is not what the table lists.
    void export_on(sdbus::IObject& object);

private:
    const char* interface_;
    Reception& reception_;
    bus::Handlers handlers_;
};

} // namespace dkms
