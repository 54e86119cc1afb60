// SPDX-License-Identifier: LGPL-2.1-or-later
#include "daemon/bus_guard.h"

#include "dbus/members.h"
#include "lib/model/error.h"

namespace dkms {
namespace {

/// Runs `function`; lets nothing but sdbus::Error out: the library answers for properties.
template <typename Function>
void translated(Function&& function)
{
    try {
        function();
    } catch (...) {
        throw bus::to_bus(bus::current_error());
    }
}

} // namespace

void GuardedInterface::method(const char* name, Handler handler)
{
    const bus::Action needs = bus::method_row(interface_, name).needs;
    handlers_.methods[name] = [needs, handler = std::move(handler), &reception = reception_](sdbus::MethodCall call) {
        const Reception::Fail fail = reception.fail_of(bus::HeldCall(call));
        guarded(fail, [&] {
            Deed deed = handler(call);
            reception.take(std::string(call.getSender()), needs, std::move(deed), fail);
        });
    };
}

void GuardedInterface::property(const char* name, Getter getter)
{
    handlers_.getters[name] = [getter = std::move(getter)](sdbus::PropertyGetReply& reply) {
        translated([&] { getter(reply); });
    };
}

void GuardedInterface::export_on(sdbus::IObject& object)
{
    bus::export_interface(object, interface_, std::move(handlers_));
}

} // namespace dkms
