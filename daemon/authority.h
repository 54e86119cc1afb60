// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include "dbus/members.h"
#include "dbus/sdbus_compat.h"

#include <optional>

#include <sys/types.h>

namespace dkms {

/// Decides who may do what. Everyone may look. Privileged are root and the user whom the service runs as: they may
/// change, and cancel anybody's job; everyone may cancel a job of their own.
class Authority {
public:
    /// `own`: the user whom the service runs as.
    explicit Authority(uid_t own) : own_(own) {}

    /// `owner` is the user whose job it concerns, if it concerns one. Throws Error AccessDenied.
    void check(const bus::Sender& sender, bus::Action action, std::optional<uid_t> owner) const;
    bool is_privileged(uid_t user) const { return user == 0 || user == own_; }

private:
    bool may(bus::Action action, uid_t user, std::optional<uid_t> owner) const;

    uid_t own_;
};

} // namespace dkms
