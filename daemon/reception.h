// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include "daemon/authority.h"
#include "daemon/call_turns.h"
#include "daemon/callers.h"
#include "daemon/loop.h"
#include "daemon/told_errors.h"
#include "daemon/unread_replies.h"
#include "lib/model/error.h"

#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace dkms {

/// What there is to do about a call. Made of the call alone, and not changed by anything that happens meanwhile.
struct Deed {
    std::function<void(const bus::Sender&)> run; ///< may throw Error, sdbus::Error
    std::optional<uid_t> owner;                  ///< whose job it concerns
};

/// Where the calls of one connection come in. Each user may have a few of them wait; those of different users take
/// turns, one call a turn of the loop, behind everything else that the loop has to do. What nobody would hear the
/// answer of is not done: calls that only look and want no reply, and those of callers that do not read their replies.
class Reception {
public:
    /// `called` hears of every call that is taken.
    Reception(Loop& loop, sdbus::IConnection& connection, const Authority& authority, std::function<void()> called);
    Reception(const Reception&) = delete;
    Reception& operator=(const Reception&) = delete;

    /// How the caller hears that it does not work.
    using Fail = std::function<void(const Error&)>;
    /// Answers a held call with an error, and remembers it for GetError.
    Fail fail_of(const bus::HeldCall& call);
    const ToldErrors& errors() const { return *errors_; }
    /// Has it done when it is the sender's turn, if he may. Throws Error LimitsExceeded when he has too many calls
    /// waiting; sdbus::Error when the connection is closed.
    void take(const std::string& sender, bus::Action needs, Deed deed, Fail fail);

    /// `diverts` is asked about every call that wants a reply, before any object sees it; true: it has taken it.
    void set_diversion(std::function<bool(const bus::IncomingCall&)> diverts) { diverts_ = std::move(diverts); }

    /// Beside the small answers of deeds, which are counted here.
    void sent(const bus::Sender& to, std::size_t bytes) { unread_.sent(to.name, to.uid, bytes); }

    bool is_privileged(const bus::Sender& sender) const { return authority_.is_privileged(sender.uid); }
    bool empty() const { return turns_.empty() && stranger_calls_ == 0; }

private:
    struct Stranger {
        bus::Action needs;
        Deed deed;
        Fail fail;
    };
    bool is_dealt_with(const bus::IncomingCall& call);
    std::optional<uid_t> user_of(const std::string& sender) const;
    void take_known(const bus::Sender& sender, Stranger call);
    void identified(const std::string& name, const bus::Sender* sender);
    void make_room(uid_t user);
    void serve_soon();
    void serve();

    Loop& loop_;
    const Authority& authority_;
    std::function<void()> called_;
    Callers callers_;
    UnreadReplies unread_;
    std::shared_ptr<ToldErrors> errors_ = std::make_shared<ToldErrors>(); ///< outlived by calls that are held
    CallTurns turns_;
    std::map<std::string, std::vector<Stranger>> strangers_; ///< of senders whose user the bus has not told yet
    std::size_t stranger_calls_ = 0;
    std::function<bool(const bus::IncomingCall&)> diverts_;
    Source on_turn_;
    bus::CallFilter filter_;
};

} // namespace dkms
