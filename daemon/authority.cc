// SPDX-License-Identifier: LGPL-2.1-or-later
#include "daemon/authority.h"

#include "lib/model/error.h"

namespace dkms {

void Authority::check(const bus::Sender& sender, bus::Action action, std::optional<uid_t> owner) const
{
    if (!may(action, sender.uid, owner))
        throw Error(ErrorCode::access_denied,
                    {{"who", "User " + std::to_string(sender.uid)},
                     {"what", action == bus::Action::cancel ? "cancel a job of another user" : "change modules"}});
}

bool Authority::may(bus::Action action, uid_t user, std::optional<uid_t> owner) const
{
    switch (action) {
    case bus::Action::look:
        return true;
    case bus::Action::change:
        return is_privileged(user);
    case bus::Action::cancel:
        return is_privileged(user) || owner == user;
    }
    return false;
}

} // namespace dkms
