// SPDX-License-Identifier: LGPL-2.1-or-later
#include "lib/install/removal.h"

#include "lib/config/distribution.h"

namespace dkms {
namespace {

/// Whether kernel packages own directories such as <K>/extra, empty as they are.
bool packages_own_directories(const Places& places)
{
    try {
        const Distribution one = distribution(places);
        return one == Distribution::fedora || one == Distribution::rhel || one == Distribution::suse;
    } catch (const Error& error) {
        if (error.code() != ErrorCode::conf_missing) throw;
        return false;
    }
}

} // namespace

Removal plan_removal(Transaction& transaction, const Places& places, const ModuleId& module, const KernelId& kernel,
                     bool active)
{
    const auto top = places.install_tree / kernel.release;
    const bool keep_first_level = packages_own_directories(places);
    Removal removal;
    removal.events.emplace_back(EventKind::uninstalling,
                                nlohmann::json{{"kernel", kernel.release}, {"active", active}});
    for (const PlacedModule& placed : placed_modules(places, module, kernel)) {
        const auto path = top / placed.path;
        if (placed.occupant != Occupant::own) {
            removal.events.emplace_back(
                EventKind::file_not_found,
                nlohmann::json{{"module", placed.name}, {"directory", (top / placed.directory).string()}});
            if (placed.replaced_by.empty()) removal.lost.push_back(placed);
            continue;
        }
        transaction.remove(path);
        removal.events.emplace_back(EventKind::deleted_file, nlohmann::json{{"path", path.string()}});
        removal.modules.push_back(path);
        for (auto directory = path.parent_path(); directory != top; directory = directory.parent_path())
            if (!keep_first_level || directory.parent_path() != top) transaction.prune(directory);
    }
    return removal;
}

void report_left_alone(const Work& work, const ModuleId& module, const Removal& removal)
{
    for (const PlacedModule& placed : removal.lost) {
        if (placed.occupant == Occupant::none) continue;
        const std::string path = work.places.install_tree / work.step.kernel.release / placed.path;
        work.reporter.warning("not-its-own", {{"path", path}, {"module", module.text()}},
                              path + " is not the file that " + module.text() + " installed; it is not deleted.");
    }
}

} // namespace dkms
