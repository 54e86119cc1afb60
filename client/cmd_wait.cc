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

json gaps_of(const Kernels& kernels, Transport& transport)
{
    json found = json::array();
    for (const json& gap : transport.kernels_missing_modules())
        if (is_among(kernels, {gap.value("kernel", ""), gap.value("arch", "")})) found.push_back(gap);
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
