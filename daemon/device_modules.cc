// SPDX-License-Identifier: LGPL-2.1-or-later
#include "daemon/device_modules.h"

#include "lib/plan/needs.h"
#include "lib/plan/target.h"
#include "lib/tree/layout.h"
#include "lib/tree/record.h"
#include "lib/tree/scan.h"

#include <algorithm>
#include <map>

namespace dkms {
namespace {

using Versions = std::vector<ModuleStatus>;

bool could_be_installed(NeedKind kind)
{
    return kind != NeedKind::excluded && kind != NeedKind::deferred && kind != NeedKind::broken;
}

std::vector<std::string> aliases_of(const BuildRecord& record)
{
    std::vector<std::string> aliases;
    for (const BuildRecord::Module& module : record.modules)
        aliases.insert(aliases.end(), module.aliases.begin(), module.aliases.end());
    return aliases;
}

/// Those of the newest build of all.
std::vector<std::string> known_aliases(const Layout& layout, const Versions& versions)
{
    std::vector<std::string> aliases;
    std::filesystem::file_time_type newest = std::filesystem::file_time_type::min();
    for (const ModuleStatus& version : versions)
        for (const KernelStatus& build : version.kernels) {
            std::error_code missing;
            const auto made =
                std::filesystem::last_write_time(layout.build_record(version.module, build.kernel), missing);
            if (missing || made <= newest) continue;
            const auto record = read_build_record(layout, version.module, build.kernel);
            if (!record) continue;
            aliases = aliases_of(*record);
            newest = made;
        }
    return aliases;
}

} // namespace

std::vector<DeviceModule> modules_for_devices(const Places& places, const KernelId& kernel)
{
    const Layout layout(places);
    std::vector<ModuleStatus> all = scan(places, {}, ScanDepth::full);
    const KernelNeeds needs = needs_of(places, all, kernel, quick_source(places));
    if (!needs.switched_off.empty()) return {};
    std::map<std::string, Versions> tree;
    for (ModuleStatus& one : all) tree[one.module.name].push_back(std::move(one));

    std::vector<DeviceModule> found;
    for (const ModuleNeed& need : needs.modules) {
        const Versions& versions = tree[need.module.name];
        const bool there = std::any_of(versions.begin(), versions.end(), [&](const ModuleStatus& version) {
            const KernelStatus* const status = status_for(version, kernel);
            return is_installed(status) && !status->missing && !status->differs;
        });
        if (there || !could_be_installed(need.kind)) continue;
        if (auto aliases = known_aliases(layout, versions); !aliases.empty())
            found.push_back({need.module.name, std::move(aliases)});
    }
    return found;
}

} // namespace dkms
