// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include "daemon/authority.h"
#include "dbus/sdbus_compat.h"

#include <functional>
#include <optional>

namespace dkms {

/// What a handler has made of a call: what to do once the caller may. Made before anybody is asked, and not changed by
/// anything that happens meanwhile.
struct Deed {
    Authority::Granted run;
    std::optional<uid_t> owner; ///< whose job it concerns
};

/// Reads a call. May throw Error.
using Handler = std::function<Deed(sdbus::MethodCall)>;
/// Writes a property's value. May throw Error.
using Getter = std::function<void(sdbus::PropertyGetReply&)>;

/// Collects what an object does, with the one guard around everything: the call is read, authorized for the action that
/// its row in dbus/members.h names, and done; a dkms::Error becomes the D-Bus error of its name, everything else
/// org.dkms1.Error.Internal. Nothing that a handler throws ends the service.
class GuardedInterface {
public:
    /// `authority` must outlive the handlers. `called` hears of every call.
    GuardedInterface(const char* interface, const Authority& authority, std::function<void()> called);

    void method(const char* name, Handler handler);
    void property(const char* name, Getter getter);
    /// Offers what was collected on `object`. Throws Error Internal when it is not what the table lists.
    void export_on(sdbus::IObject& object);

private:
    const char* interface_;
    const Authority& authority_;
    std::function<void()> called_;
    bus::Handlers handlers_;
};

} // namespace dkms
