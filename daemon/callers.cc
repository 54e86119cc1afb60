// SPDX-License-Identifier: LGPL-2.1-or-later
#include "daemon/callers.h"

#include "dbus/names.h"

#include <utility>

namespace dkms {
namespace {

constexpr std::size_t most_kept = 1024;

} // namespace

Callers::Callers(sdbus::IConnection& connection)
    : bus_(sdbus::createProxy(connection, bus::ServiceName{bus::bus_name}, sdbus::ObjectPath{bus::bus_path}))
{
}

const bus::Sender* Callers::known(const std::string& name) const
{
    const auto found = known_.find(name);
    return found == known_.end() ? nullptr : &found->second;
}

void Callers::identify(const std::string& name, Identified heard)
{
    if (const bus::Sender* sender = known(name)) return heard(sender);
    auto& waiting = asked_[name];
    waiting.push_back(std::move(heard));
    if (waiting.size() > 1) return;
    ask(name, "GetConnectionUnixUser", [this, name](bool has_user, std::uint32_t user) {
        if (!has_user) return found(name, nullptr);
        ask(name, "GetConnectionUnixProcessID", [this, name, user](bool has_process, std::uint32_t process) {
            const bus::Sender sender{name, user, has_process ? static_cast<pid_t>(process) : 0};
            found(name, &sender);
        });
    });
}

void Callers::ask(const std::string& name, const char* method, std::function<void(bool, std::uint32_t)> answered)
{
    auto call = bus_->createMethodCall(bus::InterfaceName{bus::bus_interface}, bus::MethodName{method});
    call << name;
    bus::call_later(*bus_, call, [answered = std::move(answered)](sdbus::MethodReply* reply, const std::string&) {
        std::uint32_t value = 0;
        if (reply != nullptr) *reply >> value;
        answered(reply != nullptr, value);
    });
}

void Callers::found(const std::string& name, const bus::Sender* sender)
{
    if (sender != nullptr && known_.emplace(name, *sender).second) kept_.push_back(name);
    if (kept_.size() > most_kept) {
        known_.erase(kept_.front());
        kept_.pop_front();
    }
    const auto waiting = asked_.extract(name);
    if (waiting.empty()) return;
    for (const Identified& heard : waiting.mapped()) heard(sender);
}

} // namespace dkms
