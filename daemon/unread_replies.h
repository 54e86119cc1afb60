// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include "daemon/loop.h"
#include "dbus/sdbus_compat.h"

#include <cstddef>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>

#include <sys/types.h>

namespace dkms {

/// How much of what callers were sent waits in the bus because they do not read it.
///
/// dbus-daemon keeps that for them, counts it against the sender, and reads no more from a sender of whose messages it
/// keeps too much: without this, one caller that never reads would make the service unreachable for all others. After
/// every few replies to a caller the bus is asked how much it keeps for it; who does not read is not answered until he
/// has. A bus that does not tell (dbus-broker, which counts against the receiver and closes his connection) is trusted
/// to see to it itself.
class UnreadReplies {
public:
    /// `changed`: callers may be sent more than before.
    UnreadReplies(Loop& loop, sdbus::IConnection& connection, std::function<void()> changed);
    UnreadReplies(const UnreadReplies&) = delete;
    UnreadReplies& operator=(const UnreadReplies&) = delete;

    /// `user`: when it is known. Throws sdbus::Error when the connection is closed.
    void sent(const std::string& name, std::optional<uid_t> user, std::size_t bytes);
    /// Whether it may be sent anything large. False: it is asked for again soon, and `changed` is called.
    bool may_send(const std::string& name, uid_t user);
    /// Whether it may be sent anything at all.
    bool may_answer(const std::string& name, std::optional<uid_t> user);

private:
    struct Caller {
        std::optional<uid_t> user;
        std::size_t unread = 0;      ///< as far as is known: not more than that
        std::size_t since_asked = 0; ///< of it, what was sent while the bus is asked
        bool is_asked = false;
        unsigned asked_in_vain = 0;
    };
    void forget_those_with_little();
    void set_unread(Caller& caller, std::size_t bytes);
    void ask(const std::string& name);
    void answered(const std::string& name, std::optional<std::size_t> kept);
    void ask_about(uid_t user);
    void ask_later(const std::string& name);
    std::size_t unread_of(uid_t user) const;

    Loop& loop_;
    std::function<void()> changed_;
    std::unique_ptr<sdbus::IProxy> bus_;
    bool bus_tells_ = true;
    std::map<std::string, Caller> callers_;
    std::map<uid_t, std::size_t> users_;
    std::map<std::string, Source> later_;
};

} // namespace dkms
