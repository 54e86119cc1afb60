// SPDX-License-Identifier: LGPL-2.1-or-later
#include "daemon/bus_guard.h"

#include "dbus/members.h"
#include "dbus/values.h"
#include "lib/model/error.h"

namespace dkms {
namespace {

/// Runs `function`; lets nothing but sdbus::Error out.
template <typename Function>
void guard(Function&& function)
{
    try {
        function();
    } catch (const sdbus::Error&) {
        throw;
    } catch (const Error& error) {
        throw bus::to_bus(error);
    } catch (const std::exception& error) {
        throw bus::to_bus(Error(ErrorCode::internal, {{"reason", error.what()}}));
    } catch (...) {
        throw bus::to_bus(Error(ErrorCode::internal, {{"reason", "unknown exception"}}));
    }
}

} // namespace

GuardedInterface::GuardedInterface(const char* interface, const Authority& authority, std::function<void()> called)
    : interface_(interface), authority_(authority), called_(std::move(called))
{
}

void GuardedInterface::method(const char* name, Handler handler)
{
    const bus::Action needs = bus::method_row(interface_, name).needs;
    handlers_.methods[name] = [needs, handler = std::move(handler), called = called_,
                               &authority = authority_](sdbus::MethodCall call) {
        guard([&] {
            called();
            const Deed deed = handler(call);
            authority.authorize(call, needs, deed.owner, deed.run);
        });
    };
}

void GuardedInterface::property(const char* name, Getter getter)
{
    handlers_.getters[name] = [getter = std::move(getter)](sdbus::PropertyGetReply& reply) {
        guard([&] { getter(reply); });
    };
}

void GuardedInterface::export_on(sdbus::IObject& object)
{
    bus::export_interface(object, interface_, std::move(handlers_));
}

} // namespace dkms
