// SPDX-License-Identifier: LGPL-2.1-or-later
#include "daemon/call_turns.h"

#include <algorithm>
#include <utility>

namespace dkms {

void CallTurns::add(uid_t user, Call call)
{
    auto& calls = waiting_[user];
    if (calls.empty()) order_.push_back(user);
    calls.push_back(std::move(call));
}

std::optional<CallTurns::Call> CallTurns::next(const MayAnswer& may_answer)
{
    for (std::size_t looked_at = 0; looked_at < order_.size(); ++looked_at) {
        const uid_t user = order_.front();
        std::rotate(order_.begin(), order_.begin() + 1, order_.end());
        auto& calls = waiting_.at(user);
        const auto found =
            std::find_if(calls.begin(), calls.end(), [&](const Call& call) { return may_answer(call.sender, user); });
        if (found == calls.end()) continue;
        Call call = std::move(*found);
        calls.erase(found);
        if (calls.empty()) {
            waiting_.erase(user);
            order_.pop_back();
        }
        return call;
    }
    return std::nullopt;
}

std::optional<CallTurns::Call> CallTurns::take_from_busiest(const std::function<bool(uid_t)>& spares)
{
    auto busiest = waiting_.end();
    for (auto one = waiting_.begin(); one != waiting_.end(); ++one)
        if (!spares(one->first) && (busiest == waiting_.end() || one->second.size() > busiest->second.size()))
            busiest = one;
    if (busiest == waiting_.end()) return std::nullopt;
    Call call = std::move(busiest->second.back());
    busiest->second.pop_back();
    if (busiest->second.empty()) {
        std::erase(order_, busiest->first);
        waiting_.erase(busiest);
    }
    return call;
}

std::size_t CallTurns::count(uid_t user) const
{
    const auto found = waiting_.find(user);
    return found == waiting_.end() ? 0 : found->second.size();
}

} // namespace dkms
