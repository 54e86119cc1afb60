// SPDX-License-Identifier: LGPL-2.1-or-later
#include "daemon/authority.h"

#include "lib/model/error.h"

namespace dkms {

void Authority::authorize(const sdbus::MethodCall& call, bus::Action action, std::optional<uid_t> owner,
                          const Granted& granted) const
{
    if (action == bus::Action::look) return granted({});
    const bus::Sender sender = bus::sender_of(call);
    if (!may(action, sender.uid, owner))
        throw Error(ErrorCode::access_denied,
                    {{"who", "User " + std::to_string(sender.uid)},
                     {"what", action == bus::Action::cancel ? "cancel a job of another user" : "change modules"}});
    granted(sender);
}

bool Authority::may(bus::Action action, uid_t user, std::optional<uid_t> owner) const
{
    const bool privileged = user == 0 || user == own_;
    switch (action) {
    case bus::Action::look:
        return true;
    case bus::Action::change:
        return privileged;
    case bus::Action::cancel:
        return privileged || owner == user;
    }
    return false;
}

} // namespace dkms
