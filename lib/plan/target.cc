// SPDX-License-Identifier: LGPL-2.1-or-later
#include "lib/plan/target.h"

#include "lib/tree/layout.h"

#include <algorithm>

namespace dkms {
namespace {

[[noreturn]] void refuse(ErrorCode code, const ModuleId& module, const PlanFacts& facts)
{
    throw Error(code, {{"module", module.version.empty() ? module.name : module.text()},
                       {"tree", facts.places.dkms_tree.string()},
                       {"path", Layout(facts.places).source_in_source_tree(module).string()}});
}

ModuleStatus only_version(const std::string& name, const PlanFacts& facts)
{
    const auto versions = facts.versions(name);
    if (versions.empty()) refuse(ErrorCode::no_such_module, {name, {}}, facts);
    if (versions.size() == 1) return versions.front();
    std::string list;
    for (const ModuleStatus& one : versions) list += (list.empty() ? "" : ", ") + one.module.version;
    throw Error(ErrorCode::invalid_args, {{"reason", "which version of " + name + "? There are " + list +
                                                         "; name one, as in " + versions.back().module.text()}});
}

bool adds_by_itself(Verb verb)
{
    return verb == Verb::add || verb == Verb::build || verb == Verb::install || verb == Verb::switch_version;
}

bool needs_source(Verb verb) { return adds_by_itself(verb) || verb == Verb::rebuild || verb == Verb::roll_back; }

void check_present(const Request& request, const ModuleStatus& status, const PlanFacts& facts)
{
    // In a package transaction the step has something to note before it refuses.
    const bool already = request.verb == Verb::add && !status.broken;
    if (already && !request.options.transaction.empty()) return;
    if (already) refuse(ErrorCode::already_added, status.module, facts);
    const bool mended = request.verb == Verb::add && facts.source_exists(status.module);
    if (!status.broken || !needs_source(request.verb) || mended) return;
    throw Error(ErrorCode::broken_module,
                {{"module", status.module.text()}, {"path", Layout(facts.places).source_link(status.module).string()}});
}

/// What is not there of a kernel that nobody knows. Taking something out of a kernel that is gone is no mistake, nor is
/// a build for one whose headers are given.
enum class Lacks { nothing, directory, headers };
Lacks lacks(const Request& request, const Target& target, const KernelId& kernel)
{
    const bool has_sources = !request.options.kernel_source_dir.empty();
    const bool built = is_built(target, kernel);
    switch (request.verb) {
    case Verb::install:
    case Verb::switch_version:
    case Verb::roll_back:
        return has_sources || built ? Lacks::directory : Lacks::headers;
    case Verb::build:
        return has_sources || (built && !request.options.force) ? Lacks::nothing : Lacks::headers;
    case Verb::rebuild:
        return has_sources ? Lacks::nothing : Lacks::headers;
    default:
        return Lacks::nothing;
    }
}

void check_kernel(const Request& request, const Target& target, const KernelId& kernel, const PlanFacts& facts)
{
    const Lacks what = lacks(request, target, kernel);
    if (what != Lacks::nothing) require_kernel(kernel, what == Lacks::headers, facts);
}

std::vector<KernelId> built_kernels(const Target& target)
{
    std::vector<KernelId> kernels;
    if (!target.status) return kernels;
    for (const KernelStatus& one : target.status->kernels)
        if (one.state == KernelState::built || one.state == KernelState::installed) kernels.push_back(one.kernel);
    return kernels;
}

std::vector<KernelId> with_architecture(const std::vector<KernelId>& kernels, const std::string& arch)
{
    std::vector<KernelId> all;
    for (KernelId kernel : kernels) {
        if (kernel.arch.empty()) kernel.arch = arch;
        if (std::find(all.begin(), all.end(), kernel) == all.end()) all.push_back(kernel);
    }
    return all;
}

} // namespace

void require_kernel(const KernelId& kernel, bool builds, const PlanFacts& facts)
{
    if (facts.kernel_exists(kernel)) return;
    Parameters parameters{{"kernel", kernel.release}, {"path", (facts.places.install_tree / kernel.release).string()}};
    parameters["exit_code"] = builds ? "21" : "6"; // as for one without headers, or for one to install into
    throw Error(ErrorCode::no_such_kernel, std::move(parameters));
}

Target find_target(const Request& request, const PlanFacts& facts)
{
    Target target{request.module, std::nullopt};
    if (target.module.version.empty() && request.verb != Verb::add) {
        target.status = only_version(request.module.name, facts);
        target.module = target.status->module;
    } else {
        target.status = facts.module(target.module);
    }
    if (target.status)
        check_present(request, *target.status, facts);
    else if (!adds_by_itself(request.verb))
        refuse(ErrorCode::no_such_module, target.module, facts);
    else if (!facts.source_exists(target.module))
        refuse(ErrorCode::source_missing, target.module, facts);
    return target;
}

std::vector<KernelId> find_kernels(const Request& request, const Target& target, const PlanFacts& facts)
{
    if (request.verb == Verb::add) return {};
    if (request.options.all) return built_kernels(target);
    if (request.options.all_kernels) {
        auto kernels = with_architecture(facts.installed_kernels(true), facts.running.arch);
        if (kernels.empty())
            throw Error(ErrorCode::invalid_args, {{"reason", "no kernel in " + facts.places.install_tree.string() +
                                                                 " has its headers installed"}});
        return kernels;
    }
    const std::vector<KernelId> named = request.kernels.empty() ? std::vector{facts.running} : request.kernels;
    auto kernels = with_architecture(named, facts.running.arch);
    for (const KernelId& kernel : kernels) check_kernel(request, target, kernel, facts);
    return kernels;
}

const KernelStatus* status_for(const ModuleStatus& module, const KernelId& kernel)
{
    const auto found = std::find_if(module.kernels.begin(), module.kernels.end(),
                                    [&](const KernelStatus& one) { return one.kernel == kernel; });
    return found == module.kernels.end() ? nullptr : &*found;
}

bool is_built(const KernelStatus* status)
{
    return status != nullptr && (status->state == KernelState::built || status->state == KernelState::installed);
}

bool is_installed(const KernelStatus* status)
{
    return status != nullptr &&
           (status->state == KernelState::installed || status->state == KernelState::installed_weak);
}

bool is_built(const Target& target, const KernelId& kernel)
{
    return target.status && is_built(status_for(*target.status, kernel));
}

bool is_installed(const Target& target, const KernelId& kernel)
{
    const KernelStatus* const status = target.status ? status_for(*target.status, kernel) : nullptr;
    return status != nullptr && status->state == KernelState::installed;
}

} // namespace dkms
