// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <cstddef>
#include <deque>
#include <functional>
#include <map>
#include <optional>
#include <string>

#include <sys/types.h>

namespace dkms {

/// Calls that wait until it is their turn: users one after the other, the calls of one user in the order in which they
/// came. So who calls often waits for himself and not others for him. A pure value: no bus, no clock.
class CallTurns {
public:
    struct Call {
        std::string sender;                                      ///< unique name on the bus
        std::function<void()> run;                               ///< does what was asked for
        std::function<void(const std::string& reason)> turn_off; ///< answers LimitsExceeded instead
    };
    /// Whether a sender may be answered now. Calls of one that may not are passed over.
    using MayAnswer = std::function<bool(const std::string& sender, uid_t user)>;

    void add(uid_t user, Call call);
    std::optional<Call> next(const MayAnswer& may_answer);
    /// Takes out the newest call of the user who has most of them, of those whom `spares` does not spare.
    std::optional<Call> take_from_busiest(const std::function<bool(uid_t)>& spares);
    bool empty() const { return waiting_.empty(); }
    std::size_t count(uid_t user) const;

private:
    std::map<uid_t, std::deque<Call>> waiting_; ///< no empty ones
    std::deque<uid_t> order_;                   ///< its users; who was served goes to the end
};

} // namespace dkms
