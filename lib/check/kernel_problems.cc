// SPDX-License-Identifier: LGPL-2.1-or-later
#include "lib/check/problems.h"

#include "lib/check/copies.h"
#include "lib/files/file_kind.h"
#include "lib/files/walk.h"
#include "lib/install/depmod.h"
#include "lib/install/placed.h"
#include "lib/kernel/module_name.h"
#include "lib/tree/directory.h"
#include "lib/tree/layout.h"
#include "lib/tree/pending.h"
#include "lib/tree/scan.h"
#include "lib/tree/tree_names.h"

#include <algorithm>
#include <cerrno>
#include <csignal>
#include <cstdlib>
#include <optional>
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

/// Whether the process that has written it, or another one of its number, runs.
bool is_of_running_process(const std::string& name)
{
    const int process = std::atoi(name.c_str() + std::string_view(".dkmsd-").size());
    return process > 0 && (::kill(process, 0) == 0 || errno != ESRCH);
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
            // One that was complete before it was replaced may be the only copy of something, and what runs may be at
            // work for another DKMS tree.
            problems.push_back({ProblemKind::leftover,
                                path,
                                {},
                                {release, ""},
                                found.name.ends_with(".new") && !is_of_running_process(found.name)});
        else if (found.path.starts_with(our_directory) && !module_name_of(found.name).empty() &&
                 owned.count(found.path) == 0)
            problems.push_back({ProblemKind::unknown_module, path, {}, {release, ""}, false});
    });
}

/// The kernel, if a depmod that failed or was cut off is noted as work that is left.
std::optional<KernelId> waiting_for_index(const Places& places, const std::string& release)
{
    const Layout layout(places);
    const auto notes = Directory::open(layout.own());
    for (const auto& entry : notes ? notes->entries() : std::vector<Directory::Entry>()) {
        auto kernel = kernel_between(entry.name, "pending-", ".json");
        if (!kernel || kernel->release != release) continue;
        for (const Step& step : pending_steps(layout, *kernel))
            if (step.kind == StepKind::depmod) return kernel;
    }
    return std::nullopt;
}

/// Whether the index lists what is installed, and nothing that is not there.
void look_at_index(const Places& places, const std::vector<ModuleStatus>& modules, const std::string& release,
                   std::vector<Problem>& problems)
{
    const auto index = modules_dep(places, release);
    if (!is_present(index)) return; // headers only, or an image that is being made
    std::vector<std::string> files;
    KernelId kernel{release, ""};
    for (const ModuleStatus& module : modules)
        for (const KernelStatus& status : module.kernels) {
            if (status.kernel.release != release) continue;
            kernel = status.kernel;
            if (status.state != KernelState::installed) continue;
            for (const PlacedModule& placed : placed_modules(places, module.module, status.kernel))
                if (!placed.path.empty() && placed.replaced_by.empty()) files.push_back(placed.path);
        }
    const auto waiting = waiting_for_index(places, release);
    if (waiting) kernel = *waiting;
    if (waiting || missing_in_index(places, release, files) || gone_from_kernel(places, release))
        problems.push_back({ProblemKind::index_outdated, index.string(), {}, kernel, true});
}

} // namespace

std::vector<Problem> problems_in_kernels(const Places& places)
{
    std::vector<Problem> problems;
    if (!leads_to_directory(places.install_tree)) return problems;
    const auto modules = scan(places, {}, ScanDepth::full);
    const auto releases = directories_in(places.install_tree);
    for (const std::string& release : releases) look_at_files(places, modules, release, problems);
    for (const ModuleStatus& module : modules)
        for (const KernelStatus& status : module.kernels)
            for (Problem& problem : problems_of(places, module.module, status)) problems.push_back(std::move(problem));
    for (const std::string& release : releases) look_at_index(places, modules, release, problems);
    return problems;
}

} // namespace dkms
