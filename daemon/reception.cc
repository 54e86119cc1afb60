// SPDX-License-Identifier: LGPL-2.1-or-later
#include "daemon/reception.h"

#include "daemon/bus_guard.h"
#include "dbus/names.h"
#include "dbus/values.h"
#include "lib/model/error.h"

#include <algorithm>
#include <utility>

#include <fcntl.h>
#include <sys/resource.h>
#include <unistd.h>

namespace dkms {
namespace {

constexpr std::size_t waiting_of_user = 32;         // a call may bring 16 descriptors along, which wait with it
constexpr std::size_t waiting_of_privileged = 4096; // whoever installs packages is not to fail by a limit
// Until the bus has said who a sender is, which takes it a moment; he may be privileged.
constexpr std::size_t waiting_of_stranger = 256;
constexpr std::size_t waiting_of_stranger_in_need = 2;
constexpr std::size_t waiting_of_strangers = 1024;
constexpr std::size_t longest_name = 255; // of the bus, for interfaces, members and names

// What the bus sends for us, about. More is counted where it is known.
constexpr std::size_t small_answer = 512;
constexpr std::size_t introspection_answer = std::size_t{32} * 1024;

Error too_many(const std::string& whose)
{
    return Error(ErrorCode::limits_exceeded, {{"reason", "too many calls of " + whose + " wait already"}});
}

/// The libraries answer these themselves, and repeat what they were given in their errors.
bool has_plausible_names(const bus::IncomingCall& call)
{
    if (call.path().size() > longest_name) return false;
    if (call.interface() != bus::properties_interface) return true;
    if (call.member() == "GetAll") return call.texts(1, longest_name).has_value();
    if (call.member() == "Get") return call.texts(2, longest_name).has_value();
    return call.member() != "Set"; // no property can be set
}

/// Descriptors come with calls, whether these take them or not.
bool descriptors_run_short()
{
    rlimit limit{};
    const int next = ::fcntl(STDERR_FILENO, F_DUPFD_CLOEXEC, 0);
    if (next < 0) return true;
    ::close(next);
    return ::getrlimit(RLIMIT_NOFILE, &limit) == 0 && static_cast<rlim_t>(next) > limit.rlim_cur / 4 * 3;
}

} // namespace

Reception::Reception(Loop& loop, sdbus::IConnection& connection, const Authority& authority,
                     std::function<void()> called)
    : loop_(loop), authority_(authority), called_(std::move(called)), callers_(connection),
      unread_(loop, connection, [this] { serve_soon(); }),
      filter_(connection, [this](const bus::IncomingCall& call) { return is_dealt_with(call); })
{
}

/// The client that hears of it may ask for it at once, so it is remembered first.
Reception::Fail Reception::fail_of(const bus::HeldCall& call)
{
    return [errors = errors_, call](const Error& error) {
        const sdbus::Error sent = bus::to_bus(error);
        errors->remember(call.sender(), sent, bus::facts_of(error));
        call.fail(sent);
    };
}

std::optional<uid_t> Reception::user_of(const std::string& sender) const
{
    const bus::Sender* known = callers_.known(sender);
    return known != nullptr ? std::optional(known->uid) : std::nullopt;
}

/// Before any object sees a call.
bool Reception::is_dealt_with(const bus::IncomingCall& call)
{
    if (!call.wants_reply()) return true; // nothing would make its sender wait, and all others would
    const std::string sender(call.sender());
    const auto user = user_of(sender);
    if (!unread_.may_answer(sender, user)) {
        callers_.learn(sender); // so that it counts against the user
        return true;
    }
    unread_.sent(sender, user, call.member() == "Introspect" ? introspection_answer : small_answer);
    if (!has_plausible_names(call)) throw Error(ErrorCode::invalid_args, {{"reason", "a name is missing or too long"}});
    return diverts_ && diverts_(call);
}

void Reception::take(const std::string& sender, bus::Action needs, Deed deed, Fail fail)
{
    called_();
    if (const bus::Sender* known = callers_.known(sender))
        return take_known(*known, {needs, std::move(deed), std::move(fail)});
    const std::size_t most = descriptors_run_short() ? waiting_of_stranger_in_need : waiting_of_stranger;
    const auto waiting = strangers_.find(sender);
    if ((waiting != strangers_.end() && waiting->second.size() >= most) || stranger_calls_ >= waiting_of_strangers)
        throw too_many("one sender");
    auto& calls = strangers_[sender];
    calls.push_back({needs, std::move(deed), std::move(fail)});
    ++stranger_calls_;
    if (calls.size() == 1)
        callers_.identify(sender, [this, sender](const bus::Sender* found) { identified(sender, found); });
}

void Reception::identified(const std::string& name, const bus::Sender* sender)
{
    auto calls = strangers_.extract(name);
    if (calls.empty()) return;
    stranger_calls_ -= calls.mapped().size();
    for (Stranger& call : calls.mapped()) {
        const Fail fail = call.fail;
        try {
            if (sender == nullptr)
                throw Error(ErrorCode::access_denied,
                            {{"who", "A caller that the bus does not know"}, {"what", "do this"}});
            take_known(*sender, std::move(call));
        } catch (const Error& error) {
            fail(error);
        }
    }
}

void Reception::take_known(const bus::Sender& sender, Stranger call)
{
    const std::size_t most = authority_.is_privileged(sender.uid) ? waiting_of_privileged : waiting_of_user;
    if (turns_.count(sender.uid) >= most) throw too_many("user " + std::to_string(sender.uid));
    if (descriptors_run_short()) make_room(sender.uid);
    auto run = [this, sender, needs = call.needs, deed = std::move(call.deed), fail = call.fail] {
        guarded(fail, [&] {
            authority_.check(sender, needs, deed.owner);
            deed.run(sender);
        });
    };
    auto turn_off = [fail = call.fail](const std::string& reason) {
        fail(Error(ErrorCode::limits_exceeded, {{"reason", reason}}));
    };
    turns_.add(sender.uid, {sender.name, std::move(run), std::move(turn_off)});
    serve_soon();
}

/// Whoever holds most of them gives some back; privileged users are spared, and so is who has come now if he is one.
void Reception::make_room(uid_t user)
{
    auto call = turns_.take_from_busiest([this](uid_t one) { return authority_.is_privileged(one); });
    if (call) return call->turn_off("dkmsd runs short of descriptors");
    if (!authority_.is_privileged(user)) throw too_many("all users");
}

void Reception::serve_soon()
{
    if (!turns_.empty()) on_turn_ = loop_.next_turn([this] { serve(); }, bus::priority_of_bus);
}

void Reception::serve()
{
    const auto call =
        turns_.next([this](const std::string& sender, uid_t user) { return unread_.may_send(sender, user); });
    on_turn_ = Source();
    if (!call) return; // UnreadReplies tells when one of those who wait may be answered
    call->run();
    serve_soon();
}

} // namespace dkms
