// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include "dbus/members.h"
#include "dbus/sdbus_compat.h"

#include <functional>
#include <optional>

#include <sys/types.h>

namespace dkms {

/// Decides who may do what. Everyone may look. Privileged are root and the user whom the service runs as: they may
/// change, and cancel anybody's job; everyone may cancel a job of their own.
class Authority {
public:
    /// `own`: the user whom the service runs as.
    explicit Authority(uid_t own) : own_(own) {}

    /// Hears who asked (nothing filled in for Action::look, which asks nobody).
    using Granted = std::function<void(const bus::Sender&)>;
    /// Calls `granted` if the sender of `call` may do it, at once or later. `owner` is the user whose job it concerns,
    /// if it concerns one. Throws Error AccessDenied.
    void authorize(const sdbus::MethodCall& call, bus::Action action, std::optional<uid_t> owner,
                   const Granted& granted) const;

private:
    bool may(bus::Action action, uid_t user, std::optional<uid_t> owner) const;

    uid_t own_;
};

} // namespace dkms
