// SPDX-License-Identifier: LGPL-2.1-or-later
#include "daemon/unread_replies.h"

#include "dbus/names.h"
#include "dbus/values.h"

#include <nlohmann/json.hpp>

#include <algorithm>
#include <chrono>
#include <iterator>
#include <utility>
#include <vector>

namespace dkms {
namespace {

// dbus-daemon keeps 127 MiB of one sender at most.
constexpr std::size_t is_little = std::size_t{64} * 1024; // of one caller: not worth a question
constexpr std::size_t most_of_caller = std::size_t{2} * 1024 * 1024;
constexpr std::size_t most_of_user = std::size_t{4} * 1024 * 1024; // beyond that nothing large is sent
constexpr std::size_t too_much_of_user = std::size_t{8} * 1024 * 1024;
constexpr std::size_t most_callers = 4096;
constexpr std::size_t asked_together = 256;

constexpr auto first_pause = std::chrono::milliseconds(50); // doubled up to 64 times that
constexpr unsigned most_doublings = 6;

constexpr const char* statistics = "org.freedesktop.DBus.Debug.Stats";

bool means_gone(const std::string& error) { return error == "org.freedesktop.DBus.Error.NameHasNoOwner"; }
bool means_slow(const std::string& error)
{
    return error == "org.freedesktop.DBus.Error.NoReply" || error == "org.freedesktop.DBus.Error.Timeout";
}

/// Nothing if the answer is not of the known form.
std::optional<std::size_t> kept_by(sdbus::MethodReply& statistics_of_caller)
{
    try {
        const nlohmann::json values = bus::read_dictionary(statistics_of_caller);
        const auto found = values.find("OutgoingBytes");
        if (found == values.end() || !found->is_number_unsigned()) return std::nullopt;
        return found->get<std::size_t>();
    } catch (const Error&) {
        return std::nullopt;
    }
}

} // namespace

UnreadReplies::UnreadReplies(Loop& loop, sdbus::IConnection& connection, std::function<void()> changed)
    : loop_(loop), changed_(std::move(changed)),
      bus_(sdbus::createProxy(connection, bus::ServiceName{bus::bus_name}, sdbus::ObjectPath{bus::bus_path}))
{
}

std::size_t UnreadReplies::unread_of(uid_t user) const
{
    const auto found = users_.find(user);
    return found == users_.end() ? 0 : found->second;
}

void UnreadReplies::set_unread(Caller& caller, std::size_t bytes)
{
    if (caller.user)
        users_[*caller.user] += bytes - caller.unread; // modulo, as the sum never is below one of its parts
    caller.unread = bytes;
    if (caller.user && users_[*caller.user] == 0) users_.erase(*caller.user);
}

void UnreadReplies::sent(const std::string& name, std::optional<uid_t> user, std::size_t bytes)
{
    if (!bus_tells_) return;
    if (callers_.size() >= most_callers && callers_.find(name) == callers_.end()) forget_those_with_little();
    Caller& caller = callers_[name];
    if (user && !caller.user) {
        caller.user = user;
        users_[*user] += caller.unread;
    }
    set_unread(caller, caller.unread + bytes);
    if (caller.is_asked) caller.since_asked += bytes;
    if (caller.unread >= is_little && !caller.is_asked && later_.find(name) == later_.end()) ask(name);
}

void UnreadReplies::forget_those_with_little()
{
    for (auto one = callers_.begin(); one != callers_.end();) {
        const bool is_kept = one->second.unread >= is_little || one->second.is_asked;
        if (!is_kept) set_unread(one->second, 0);
        one = is_kept ? std::next(one) : callers_.erase(one);
    }
}

bool UnreadReplies::may_send(const std::string& name, uid_t user)
{
    const auto found = callers_.find(name);
    if (!bus_tells_ || found == callers_.end()) return true;
    const bool may =
        found->second.unread < is_little || (unread_of(user) < most_of_user && found->second.unread < most_of_caller);
    if (!may) ask_later(name);
    return may;
}

bool UnreadReplies::may_answer(const std::string& name, std::optional<uid_t> user)
{
    const auto found = callers_.find(name);
    if (!bus_tells_ || found == callers_.end()) return true;
    const bool may = found->second.unread < is_little ||
                     (found->second.unread < most_of_caller && (!user || unread_of(*user) < too_much_of_user));
    if (!may) ask_later(name);
    return may;
}

void UnreadReplies::ask(const std::string& name)
{
    Caller& caller = callers_.at(name);
    caller.is_asked = true;
    caller.since_asked = 0;
    auto call = bus_->createMethodCall(bus::InterfaceName{statistics}, bus::MethodName{"GetConnectionStats"});
    call << name;
    bus::call_later(*bus_, call, [this, name](sdbus::MethodReply* reply, const std::string& error) {
        if (const auto kept = reply != nullptr ? kept_by(*reply) : std::nullopt) return answered(name, kept);
        if (means_slow(error)) return answered(name, SIZE_MAX);
        if (means_gone(error)) return answered(name, std::nullopt);
        bus_tells_ = false;
        callers_.clear();
        users_.clear();
        later_.clear();
        changed_();
    });
}

/// `kept`: in the bus when it answered; SIZE_MAX: as much as before; nothing: the caller has gone.
void UnreadReplies::answered(const std::string& name, std::optional<std::size_t> kept)
{
    const auto found = callers_.find(name);
    if (found == callers_.end()) return;
    Caller& caller = found->second;
    caller.is_asked = false;
    const std::size_t before = caller.unread;
    if (kept != SIZE_MAX) set_unread(caller, kept ? std::min(before, *kept + caller.since_asked) : 0);
    caller.asked_in_vain = caller.unread < before ? 0 : caller.asked_in_vain + 1;
    const bool has_read = caller.unread < before;
    if (caller.unread == 0) callers_.erase(found);
    if (has_read) changed_();
}

void UnreadReplies::ask_later(const std::string& name)
{
    const auto [entry, is_new] = later_.try_emplace(name);
    if (!is_new) return;
    const unsigned doublings = std::min(callers_.at(name).asked_in_vain, most_doublings);
    entry->second = loop_.after(first_pause * (1U << doublings), [this, name] {
        later_.erase(name);
        const auto found = callers_.find(name);
        if (found == callers_.end()) return;
        try {
            if (!found->second.is_asked) ask(name);
            if (found->second.user && unread_of(*found->second.user) >= most_of_user) ask_about(*found->second.user);
        } catch (const sdbus::Error&) {
            return; // the connection is closed, which the pump notices
        }
    });
}

/// What a user has not read adds up over all connections of his, also small ones, and those that have gone.
void UnreadReplies::ask_about(uid_t user)
{
    std::vector<std::string> names;
    for (const auto& [name, caller] : callers_)
        if (caller.user == user && !caller.is_asked && names.size() < asked_together) names.push_back(name);
    for (const std::string& name : names) ask(name);
}

} // namespace dkms
