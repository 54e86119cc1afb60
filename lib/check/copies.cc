// SPDX-License-Identifier: LGPL-2.1-or-later
#include "lib/check/copies.h"

#include "lib/config/framework.h"
#include "lib/files/file_kind.h"
#include "lib/install/module_link.h"
#include "lib/install/placed.h"
#include "lib/install/transaction.h"
#include "lib/kernel/module_file.h"
#include "lib/kernel/module_name.h"
#include "lib/model/error.h"
#include "lib/process/refusal.h"
#include "lib/tree/digest.h"
#include "lib/tree/installed.h"
#include "lib/tree/layout.h"
#include "lib/tree/pending.h"
#include "lib/tree/record.h"
#include "lib/tree/scan.h"

#include <algorithm>
#include <cerrno>
#include <map>

#include <sys/stat.h>

namespace dkms {
namespace {

namespace fs = std::filesystem;
using State = ModuleCopies::State;

bool is_file(const fs::path& path) { return kind_of_file(path) == fs::file_type::regular; }

bool is_gone_or_worthless(State state) { return state == State::missing || state == State::worthless; }

/// By the digest that is on record; `sha256` is empty where there is none.
State state_of_file(const fs::path& path, const std::string& sha256)
{
    struct stat facts {};
    if (::lstat(path.c_str(), &facts) != 0) {
        if (means_absent(errno)) return State::missing;
        refuse_read(path, errno);
    }
    if (!S_ISREG(facts.st_mode)) return State::other;
    if (facts.st_size == 0) return State::worthless;
    if (sha256.empty()) return State::unknown;
    if (sha256_of({path}).front() == sha256) return State::right;
    return facts_if_module(path) ? State::other : State::worthless;
}

State state_of_installed(const fs::path& path, const PlacedModule& placed, const ModuleCopies& copies,
                         const std::string& sha256)
{
    if (placed.occupant == Occupant::none) return State::missing;
    if (placed.occupant == Occupant::damaged) return State::worthless;
    if (placed.occupant == Occupant::foreign) return State::other;
    const bool is_good = copies.built_state == State::right || copies.built_state == State::unknown;
    if (is_good && is_as_built(copies.built, path)) return State::right;
    const State state = state_of_file(path, sha256);
    return is_good && state == State::unknown ? State::other : state;
}

/// Adds what the kernel has of it.
void add_installed(const Places& places, const ModuleId& module, const KernelId& kernel,
                   const std::map<std::string, std::string>& digests, std::vector<ModuleCopies>& all)
{
    const Layout layout(places);
    for (const PlacedModule& placed : placed_modules(places, module, kernel)) {
        if (!placed.replaced_by.empty()) continue;
        auto copies = std::find_if(all.begin(), all.end(), [&](const ModuleCopies& one) {
            return module_name_of(one.built.filename()) == placed.name;
        });
        if (copies == all.end()) {
            all.push_back({layout.built_modules(module, kernel) / (placed.name + ".ko"), State::missing, {}});
            copies = all.end() - 1;
        }
        const fs::path top = places.install_tree / kernel.release;
        copies->installed = placed.path.empty() ? top / placed.directory / copies->built.filename() : top / placed.path;
        const auto known = digests.find(copies->built.filename());
        copies->installed_state = state_of_installed(copies->installed, placed, *copies,
                                                     known == digests.end() ? std::string() : known->second);
    }
}

/// The digest of each built file: that of its build's record; of a build that came without one, that of the file that
/// was installed; empty where nobody wrote one down.
std::map<std::string, std::string> digests_of(const Places& places, const ModuleId& module, const KernelId& kernel)
{
    const Layout layout(places);
    std::map<std::string, std::string> digests;
    if (const auto record = read_build_record(layout, module, kernel))
        for (const BuildRecord::Module& one : record->modules)
            if (fs::path(one.file).filename() == one.file) digests.emplace(one.file, one.sha256);
    const auto installed = read_install_record(layout, module.name, kernel);
    if (installed && installed->version == module.version)
        for (const InstallRecord::File& one : installed->files) {
            const bool known = std::any_of(digests.begin(), digests.end(),
                                           [&](const auto& each) { return module_name_of(each.first) == one.module; });
            if (!known) digests.emplace(fs::path(one.path).filename(), one.sha256);
        }
    for (const std::string& file : built_files(places, module, kernel)) digests.emplace(file, "");
    return digests;
}

Problem problem_with(ProblemKind kind, const fs::path& path, const ModuleId& module, const KernelId& kernel,
                     bool certain)
{
    return {kind, path.string(), module, kernel, certain};
}

} // namespace

std::vector<ModuleCopies> copies_of(const Places& places, const ModuleId& module, const KernelStatus& status)
{
    const auto directory = Layout(places).built_modules(module, status.kernel);
    const auto digests = digests_of(places, module, status.kernel);
    std::vector<ModuleCopies> all;
    for (const auto& [file, sha256] : digests)
        all.push_back({directory / file, state_of_file(directory / file, sha256), {}});
    if (status.state == KernelState::installed) add_installed(places, module, status.kernel, digests, all);
    return all;
}

std::vector<Problem> problems_of(const Places& places, const ModuleId& module, const KernelStatus& status)
{
    const bool has_kernel = leads_to_directory(places.install_tree / status.kernel.release);
    std::vector<Problem> problems;
    for (const ModuleCopies& one : copies_of(places, module, status)) {
        const bool is_built_right = one.built_state == State::right;
        if (is_gone_or_worthless(one.built_state) || one.built_state == State::other) {
            // Another module may be one that was signed by hand.
            const bool certain =
                is_gone_or_worthless(one.built_state) && one.installed_state == State::right && is_file(one.installed);
            problems.push_back(problem_with(ProblemKind::build_damaged, one.built, module, status.kernel, certain));
        }
        if (one.installed.empty() || !has_kernel) continue;
        if (one.installed_state == State::missing)
            problems.push_back(
                problem_with(ProblemKind::module_missing, one.installed, module, status.kernel, is_built_right));
        else if (one.installed_state != State::right && one.installed_state != State::unknown)
            problems.push_back(problem_with(ProblemKind::module_differs, one.installed, module, status.kernel,
                                            is_built_right && one.installed_state == State::worthless));
    }
    const auto told = [&](ProblemKind kind) {
        return std::any_of(problems.begin(), problems.end(), [&](const Problem& one) { return one.kind == kind; });
    };
    const auto built = Layout(places).built_modules(module, status.kernel);
    if (status.build_missing && !told(ProblemKind::build_damaged)) // by the configuration, in a tree of an old program
        problems.push_back(problem_with(ProblemKind::build_damaged, built, module, status.kernel, false));
    return problems;
}

bool restore(const Problem& problem, const Places& places)
{
    const auto module = scan_module(places, problem.module, ScanDepth::full);
    const bool is_build = problem.kind == ProblemKind::build_damaged;
    Transaction transaction(places, problem.module, problem.kernel, ErrorCode::install_failed);
    for (const KernelStatus& status : module ? module->kernels : std::vector<KernelStatus>()) {
        if (status.kernel != problem.kernel) continue;
        for (const ModuleCopies& one : copies_of(places, problem.module, status)) {
            if ((is_build ? one.built : one.installed) != problem.path) continue;
            if (is_build && one.installed_state == State::right)
                transaction.put_copy(one.installed, one.built);
            else if (!is_build && one.built_state == State::right && read_framework(places, {}).symlink_modules)
                transaction.put_link(module_link_text(places, one.built, one.installed), one.installed);
            else if (!is_build && one.built_state == State::right)
                transaction.put_copy(one.built, one.installed);
        }
    }
    if (transaction.empty()) return false;
    transaction.stage();
    transaction.apply();
    if (!is_build) add_pending(Layout(places), problem.kernel, {{StepKind::depmod, {}, problem.kernel, {}}});
    transaction.commit();
    return true;
}

} // namespace dkms
