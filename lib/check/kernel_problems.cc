// SPDX-License-Identifier: LGPL-2.1-or-later
#include "lib/check/problems.h"
#include "lib/files/file_kind.h"
#include "lib/files/walk.h"
#include "lib/install/depmod.h"
#include "lib/install/placed.h"
#include "lib/kernel/module_name.h"
#include "lib/tree/directory.h"
#include "lib/tree/scan.h"

#include <algorithm>
#include <map>
#include <set>
#include <string_view>

namespace dkms {
namespace {

namespace fs = std::filesystem;

constexpr std::string_view our_directory = "updates/dkms/";

/// A temporary of an install (lib/install/transaction) whose intent is gone: ".dkmsd-ID-N.new" beside its target.
bool is_temporary(std::string_view name)
{
    return name.starts_with(".dkmsd-") && (name.ends_with(".new") || name.ends_with(".old"));
}

/// Paths below <install tree>/K that modules of the tree have.
std::set<std::string> owned_paths(const Places& places, const std::vector<ModuleStatus>& modules,
                                  const std::string& release)
{
    std::set<std::string> paths;
    for (const ModuleStatus& module : modules)
        for (const KernelStatus& status : module.kernels)
            if (status.kernel.release == release && status.state == KernelState::installed)
                for (const PlacedModule& placed : placed_modules(places, module.module, status.kernel))
                    paths.insert(placed.path);
    return paths;
}

/// What lies below one kernel's directory and should not.
void look_at_files(const Places& places, const std::vector<ModuleStatus>& modules, const std::string& release,
                   std::vector<Problem>& problems)
{
    const auto top = places.install_tree / release;
    const auto owned = owned_paths(places, modules, release);
    walk(top, [&](const Found& found) {
        if (!S_ISREG(found.facts.st_mode)) return;
        const std::string path = (top / found.path).string();
        if (is_temporary(found.name))
            // One that was complete before it was replaced may be the only copy of something.
            problems.push_back({ProblemKind::leftover, path, {}, {release, ""}, found.name.ends_with(".new")});
        else if (found.path.starts_with(our_directory) && !module_name_of(found.name).empty() &&
                 owned.count(found.path) == 0)
            problems.push_back({ProblemKind::unknown_module, path, {}, {release, ""}, false});
    });
}

/// Whether what is installed is there, is what was built, and is indexed.
void look_at_installed(const Places& places, const ModuleStatus& module, const KernelStatus& status,
                       std::map<std::string, bool>& indexes, std::vector<Problem>& problems)
{
    const std::string& release = status.kernel.release;
    const auto top = places.install_tree / release;
    if (status.missing) problems.push_back({ProblemKind::module_missing, top.string(), module.module, status.kernel});
    if (status.differs) problems.push_back({ProblemKind::module_differs, top.string(), module.module, status.kernel});
    const auto index = modules_dep(places, release);
    if (!is_present(index)) return; // headers only, or an image that is being made
    std::vector<std::string> files;
    for (const PlacedModule& placed : placed_modules(places, module.module, status.kernel))
        if (!placed.path.empty()) files.push_back(placed.path);
    if (!missing_in_index(places, release, files)) return;
    if (std::exchange(indexes[release], true)) return; // depmod is run once
    problems.push_back({ProblemKind::index_outdated, index.string(), module.module, status.kernel, true});
}

} // namespace

std::vector<Problem> problems_in_kernels(const Places& places)
{
    std::vector<Problem> problems;
    if (!leads_to_directory(places.install_tree)) return problems;
    const auto modules = scan(places, {}, ScanDepth::full);
    for (const std::string& release : directories_in(places.install_tree))
        look_at_files(places, modules, release, problems);
    std::map<std::string, bool> indexes;
    for (const ModuleStatus& module : modules)
        for (const KernelStatus& status : module.kernels)
            if (status.state == KernelState::installed &&
                leads_to_directory(places.install_tree / status.kernel.release))
                look_at_installed(places, module, status, indexes, problems);
    return problems;
}

} // namespace dkms
