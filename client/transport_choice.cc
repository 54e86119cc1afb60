// SPDX-License-Identifier: LGPL-2.1-or-later
#include "client/transport_choice.h"

#include "client/transport.h"
#include "lib/files/roots_own.h"
#include "lib/model/error.h"
#include "lib/process/held_lock.h"

#include <algorithm>
#include <array>
#include <cstdlib>

#include <unistd.h>

namespace dkms {
namespace {

constexpr std::chrono::seconds longest_answer(10);

/// Set by fakeroot(1) and fakechroot(1): what this process sees is not what the service would change.
constexpr std::array pretences{"FAKEROOTKEY", "FAKECHROOT"};

/// Settings of framework.conf that the old program also took from its caller's environment, which the service never
/// sees.
constexpr std::array settings{"parallel_jobs",   "modprobe_on_install", "post_transaction", "build_environment",
                              "sign_file",       "mok_signing_key",     "mok_certificate",  "try_sign_modules",
                              "NO_WEAK_MODULES", "ADDON_MODULES_DIR",   "MODULES_SIGN_KEY", "MODULES_SIGN_CERT"};

/// The service would wait for the lock that is held until this process has ended. Another bus-less dkmsd shares it.
bool is_inside_a_bus_less_step(const PlaceOptions& trees)
{
    if (!trees.dkms_tree) return false;
    const auto lock = lock_of_tree(*trees.dkms_tree);
    return holder_of(lock).mode == "stdio" && is_held_above(lock, ::getpid());
}

} // namespace

Way choose_way(const ChoiceFacts& facts)
{
    const auto is_set = [&](const char* name) { return !facts.environment(name).empty(); };
    if (facts.needs_stdio) return Way::stdio;
    if (std::any_of(pretences.begin(), pretences.end(), is_set)) return Way::stdio;
    if (std::any_of(settings.begin(), settings.end(), is_set)) return Way::stdio;
    const ProbedService probed = facts.probe();
    if (probed.service == BusService::unclear) throw Error(ErrorCode::service_unavailable, {{"reason", probed.reason}});
    if (probed.service != BusService::usable) return Way::stdio;
    if (facts.is_foreign && facts.is_foreign()) return Way::stdio;
    return facts.is_inside && facts.is_inside(probed.trees) ? Way::stdio : Way::bus;
}

std::unique_ptr<Transport> choose_transport(const PlaceOptions& places, bool needs_stdio, int to_load)
{
    PlaceOptions used = places;
    const ChoiceFacts facts{
        needs_stdio,
        [](const char* name) {
            const char* value = std::getenv(name);
            return std::string(value != nullptr ? value : "");
        },
        [] { return probe_bus_service(longest_answer); },
        // Others than root have no rights of their own to load it with, and are told by the service.
        [&] { return to_load >= 0 && ::geteuid() == 0 && !foreign_part(to_load, "it").empty(); },
        [&](const PlaceOptions& trees) {
            const bool is_inside = is_inside_a_bus_less_step(trees);
            if (is_inside) used = trees;
            return is_inside;
        }};
    return choose_way(facts) == Way::bus ? make_bus_transport() : make_stdio_transport(used);
}

void require_service(const Transport& transport)
{
    if (transport.jobs_outlive_client()) return;
    throw Error(ErrorCode::not_supported,
                {{"reason", "jobs and their logs are kept by dkmsd.service, which does not run"},
                 {"remedy", "Check it: systemctl status dkmsd. The log of a module's last build: dkmsctl log MODULE"}});
}

} // namespace dkms
