// SPDX-License-Identifier: LGPL-2.1-or-later
#include "client/commands.h"
#include "client/follow.h"
#include "client/json.h"
#include "client/missing_modules.h"
#include "lib/files/file_kind.h"
#include "lib/model/error.h"

#include <nlohmann/json.hpp>

#include <algorithm>
#include <array>
#include <chrono>
#include <map>
#include <optional>
#include <string>
#include <thread>

namespace dkms {
namespace {

using nlohmann::json;
using Kernels = std::vector<KernelId>;

/// Those that were named, else all that have not ended; children end with their parents.
std::vector<JobId> jobs_to_wait_for(Transport& transport, const std::vector<JobId>& named)
{
    // That all are known is found out before the first is waited for.
    for (const JobId job : named)
        if (const JobView view = transport.job(job); view.unreadable) throw Error(*view.error);
    if (!named.empty()) return named;
    std::vector<JobId> found;
    for (const JobView& job : transport.jobs())
        if (job.state != JobState::ended && job.parent == 0) found.push_back(job.id);
    return found;
}

/// Whether it is one of those that are meant; one that was named without an architecture has any.
bool is_among(const Kernels& meant, const KernelId& kernel)
{
    return std::any_of(meant.begin(), meant.end(), [&](const KernelId& one) {
        return one.release == kernel.release && (one.arch.empty() || kernel.arch.empty() || one.arch == kernel.arch);
    });
}

std::vector<JobId> jobs_that_concern(const Kernels& kernels, Transport& transport)
{
    std::vector<JobId> found;
    for (const JobView& job : transport.jobs()) {
        const Kernels& its = job.request.kernels;
        if (job.state != JobState::ended && job.parent == 0 &&
            std::any_of(its.begin(), its.end(), [&](const KernelId& one) { return is_among(kernels, one); }))
            found.push_back(job.id);
    }
    return found;
}

/// A kernel that is not there lacks nothing, so a mistyped one would be taken for complete, and so would headers
/// without their kernel.
void require_installed(const Kernels& kernels, Transport& transport)
{
    const std::filesystem::path tree = transport.install_tree();
    for (const KernelId& kernel : kernels) {
        if (!kernel.arch.empty() && kernel.arch != running_architecture())
            throw Error(ErrorCode::not_supported, {{"reason", "what a kernel of another machine, " + kernel.text() +
                                                                  ", lacks is not looked up"}});
        const std::filesystem::path directory = tree / kernel.release;
        const auto is_missing = [&](const char* name) { return !is_present(directory / name); };
        const std::array marks{"kernel", "modules.order", "modules.builtin", "vmlinuz", "vmlinux"};
        if (std::all_of(marks.begin(), marks.end(), is_missing))
            throw Error(ErrorCode::no_such_kernel,
                        {{"kernel", kernel.release},
                         {"path", leads_to_directory(directory) ? directory / "kernel" : directory}});
    }
}

/// A kernel that has just come is made complete without a request, but not at once: until then it is no answer that
/// there is no job.
void wait_for_arrival(const Kernels& kernels, Transport& transport)
{
    constexpr auto pause = std::chrono::milliseconds(250);
    const auto is_awaited = [&](const std::string& release) { return is_among(kernels, {release, ""}); };
    for (auto arriving = transport.kernels_arriving(); std::any_of(arriving.begin(), arriving.end(), is_awaited);
         arriving = transport.kernels_arriving())
        std::this_thread::sleep_for(pause);
}

/// Whether the module has said that it is not for the kernel.
bool is_skipped(const json& module, const KernelId& kernel, Transport& transport)
{
    for (const ModuleStatus& status :
         transport.status({module.at("name"), module.at("version"), kernel.release, kernel.arch}))
        for (const KernelStatus& one : status.kernels)
            if (one.kernel.release == kernel.release && one.state == KernelState::skipped) return true;
    return false;
}

/// What the service does not count as missing, since it starts no bash to read a dkms.conf of which no build has told.
std::optional<json> gap_that_only_bash_shows(const KernelId& kernel, Transport& transport)
{
    const std::map<std::string, std::string> states{
        {"install", "missing"}, {"waiting", "waiting"}, {"deferred", "deferred"}, {"unknown", "missing"}};
    json gap{{"kernel", kernel.release}, {"arch", kernel.arch}, {"missing", json::array()}};
    std::string names;
    for (const json& look : transport.needs({kernel}))
        for (const json& module : look.at("modules")) {
            const auto state = states.find(module.at("action").get<std::string>());
            if (state == states.end() || module.value("installed", false) || is_skipped(module, kernel, transport))
                continue;
            gap["missing"].push_back({{"name", module.at("name")},
                                      {"version", module.at("version")},
                                      {"state", state->second},
                                      {"reason", module.at("reason")}});
            names += (names.empty() ? "" : ", ") + module.at("name").get<std::string>();
        }
    if (names.empty()) return std::nullopt;
    gap["sentence"] = kernel.release + " lacks " + names + ".";
    return gap;
}

json gaps_of(const Kernels& kernels, Transport& transport)
{
    json found = json::array();
    Kernels complete = kernels;
    for (const json& gap : transport.kernels_missing_modules()) {
        const KernelId kernel{gap.value("kernel", ""), gap.value("arch", "")};
        if (!is_among(kernels, kernel)) continue;
        found.push_back(gap);
        std::erase_if(complete, [&](const KernelId& one) { return is_among({one}, kernel); });
    }
    for (const KernelId& kernel : complete)
        if (auto gap = gap_that_only_bash_shows(kernel, transport)) found.push_back(std::move(*gap));
    return found;
}

int tell_gaps(const json& gaps, const Invocation& invocation, const ProgressBoard& board, Console& console)
{
    const Error lacking(ErrorCode::autoinstall_failed);
    const int code = gaps.empty() ? 0 : lacking.exit_code(Verb::autoinstall);
    if (invocation.json) {
        json value = results_json(board, code);
        value["kernels_missing_modules"] = gaps;
        print_json(console, value);
    } else if (!gaps.empty()) {
        console.err(gap_sentences(gaps) + lacking.hint() + "\n");
    } else if (!invocation.quiet) {
        for (const KernelId& kernel : invocation.kernels) console.out(kernel.release + " lacks no module.\n");
    }
    return code;
}

/// Those that come while others are waited for may be what makes the kernel complete.
int wait_for_kernels(const Invocation& invocation, Console& console)
{
    const auto transport = choose_transport(invocation.places, invocation.needs_stdio());
    require_installed(invocation.kernels, *transport);
    const auto renderer = make_renderer(console, transport->jobs_outlive_client(), invocation.json, invocation.quiet);
    const auto pending = [&] {
        wait_for_arrival(invocation.kernels, *transport);
        return jobs_that_concern(invocation.kernels, *transport);
    };
    for (auto jobs = pending(); !jobs.empty(); jobs = pending())
        follow_to_end(*transport, jobs, *renderer, OnInterrupt::leave);
    return tell_gaps(gaps_of(invocation.kernels, *transport), invocation, renderer->board(), console);
}

} // namespace

int run_wait(const Invocation& invocation, Console& console)
{
    if (!invocation.kernels.empty()) return wait_for_kernels(invocation, console);
    const auto transport = choose_transport({}, false);
    if (!invocation.jobs.empty()) require_service(*transport);
    const std::vector<JobId> jobs = jobs_to_wait_for(*transport, invocation.jobs);
    const auto renderer = make_renderer(console, transport->jobs_outlive_client(), invocation.json, invocation.quiet);
    return follow_jobs(*transport, jobs, *renderer, OnInterrupt::leave);
}

} // namespace dkms
