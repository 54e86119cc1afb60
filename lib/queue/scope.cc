// SPDX-License-Identifier: LGPL-2.1-or-later
#include "lib/queue/scope.h"

#include <algorithm>
#include <set>

namespace dkms {
namespace {

constexpr const char* less = "less for ";

/// Every kernel that is named, also by steps and children.
void collect(const JobPlan& plan, std::set<std::string>& releases)
{
    for (const KernelId& kernel : plan.request.kernels) releases.insert(kernel.release);
    for (const Step& step : plan.steps)
        if (!step.kernel.release.empty()) releases.insert(step.kernel.release);
    for (const JobPlan& child : plan.children) collect(child, releases);
}

/// Steps of a rollback know the version, its request does not.
ModuleId module_of(const JobPlan& plan)
{
    if (!plan.request.module.version.empty() || plan.steps.empty()) return plan.request.module;
    return plan.steps.front().module;
}

bool takes_away(Verb verb) { return verb == Verb::uninstall || verb == Verb::unbuild || verb == Verb::remove; }

/// A survey shares the kernel with the modules that it finds, but sees nothing that is on its way out, or that gives
/// way to another version; what is taken away as a whole must not miss what is on its way in.
std::vector<Resource> scope_of_kernel(Verb verb, const std::set<std::string>& releases)
{
    const bool clears = verb == Verb::kernel_prerm || verb == Verb::kernel_preinst;
    std::vector<Resource> scope;
    for (const std::string& release : releases) {
        scope.push_back({"for " + release, clears});
        if (!clears) scope.push_back({less + release, true});
    }
    return scope;
}

} // namespace

std::vector<Resource> scope_of(const JobPlan& plan)
{
    const Request& request = plan.request;
    std::set<std::string> releases;
    collect(plan, releases);
    if (shape_of(request.verb).kernels == KernelCount::one) return scope_of_kernel(request.verb, releases);
    if (request.module.name.empty() || request.verb == Verb::generate_key) return {};
    const std::string module = module_of(plan).text();
    const bool whole =
        request.verb == Verb::add || request.verb == Verb::load || request.verb == Verb::remove || request.options.all;
    std::vector<Resource> scope{{"module " + module, whole}};
    const bool reads = request.verb == Verb::pack;
    for (const std::string& release : releases) {
        scope.push_back({"build " + module + " " + release, !reads});
        if (!reads) scope.push_back({"for " + release, false});
        if (!reads) scope.push_back({"version of " + request.module.name + " for " + release, is_choice(request.verb)});
        if (takes_away(request.verb) || is_choice(request.verb)) scope.push_back({less + release, false});
    }
    return scope;
}

bool makes_something(Verb verb)
{
    const bool clears = verb == Verb::kernel_prerm || verb == Verb::kernel_preinst;
    return !takes_away(verb) && !clears && verb != Verb::check;
}

bool is_for_survey(const Resource& resource) { return resource.exclusive && resource.name.rfind(less, 0) == 0; }

bool conflict(const std::vector<Resource>& a, const std::vector<Resource>& b)
{
    return std::any_of(a.begin(), a.end(), [&](const Resource& one) {
        return std::any_of(b.begin(), b.end(), [&](const Resource& other) {
            return one.name == other.name && (one.exclusive || other.exclusive);
        });
    });
}

} // namespace dkms
