// SPDX-License-Identifier: LGPL-2.1-or-later
#include "lib/build/limit_watch.h"

#include "lib/build/used_space.h"
#include "lib/process/descendants.h"
#include "lib/process/own_usage.h"
#include "lib/process/work.h"

#include <algorithm>
#include <csignal>

#include <sys/resource.h>

namespace dkms {
namespace {

constexpr auto unlimited = BuildLimits::unlimited;

bool tells_of_file_size(const ExitStatus& status, std::string_view output)
{
    return status.signal == SIGXFSZ || status.code == 128 + SIGXFSZ ||
           output.find("File size limit exceeded") != std::string_view::npos ||
           output.find("File too large") != std::string_view::npos;
}

bool tells_of_processes(std::string_view output)
{
    return output.find("Cannot fork") != std::string_view::npos ||
           output.find("fork: Resource temporarily unavailable") != std::string_view::npos ||
           output.find("fork: retry: Resource temporarily unavailable") != std::string_view::npos;
}

/// What to write for a build that needs more: twice of it.
std::uint64_t more_than(std::uint64_t value) { return value > unlimited / 2 ? unlimited : 2 * value; }

} // namespace

BuildLimits limits_for(const Work& work)
{
    std::vector<std::string> faults;
    const PolicyConf policy(work.places);
    const BuildLimits limits = build_limits(policy, work.step.module.name, machine_memory(), faults);
    for (const std::string& sentence : faults) work.reporter.warning("policy", {}, sentence);
    return limits;
}

LimitWatch::LimitWatch(BuildLimits limits, const ModuleId& module, const KernelId& kernel,
                       std::vector<std::filesystem::path> written)
    : limits_(limits), module_(module), kernel_(kernel), written_(std::move(written))
{
}

void LimitWatch::look_at_space_before()
{
    ours_ = space_taken(unlimited);
    const auto free = free_space(written_.front());
    if (!free) return;
    bounded_by_disk_ = limits_.space > free->bytes / 10 * 9;
    if (bounded_by_disk_) limits_.space = free->bytes / 10 * 9;
    enough_free_ = free->level - limits_.space;
}

Limits LimitWatch::begin()
{
    if (!ours_) look_at_space_before();
    begin_waiting();
    Limits limits;
    rlimit callers{};
    ::getrlimit(RLIMIT_FSIZE, &callers);
    file_size_is_ours_ = limits_.file_size < callers.rlim_cur;
    if (file_size_is_ours_) limits.file_size = limits_.file_size;
    // The kernel counts all builds of a user together: it is only to stop what grows faster than we look.
    if (limits_.processes < unlimited / 4) limits.processes = 4 * limits_.processes;
    return limits;
}

std::uint64_t LimitWatch::seconds_run() const
{
    return static_cast<std::uint64_t>(
        std::chrono::duration_cast<std::chrono::seconds>(run_ + (Clock::now() - begin_)).count());
}

void LimitWatch::judge_time() const
{
    if (seconds_run() >= limits_.time) exceeded(duration_text(limits_.time) + " of time", "time", limits_.time);
}

std::uint64_t LimitWatch::space_taken(std::uint64_t most) const
{
    std::uint64_t taken = 0;
    for (const auto& directory : written_)
        if (taken <= most) taken += used_space(directory, most - taken);
    return taken;
}

/// Counting files takes its time: it is done only when so much less is free than before that the limit could have been
/// reached, and takes no more than a tenth of the time.
TakenQuestion LimitWatch::question()
{
    const auto free = free_space(written_.front());
    counts_space_ = free && free->level < enough_free_ && Clock::now() >= next_count_;
    return {limits_.processes, limits_.memory, counts_space_ ? written_.front() : std::filesystem::path()};
}

void LimitWatch::judge(const Taken& taken)
{
    judge_time();
    if (taken.tasks > limits_.processes)
        exceeded(std::to_string(limits_.processes) + " processes", "processes", limits_.processes);
    peak_memory_ = std::max(peak_memory_, taken.memory);
    if (taken.memory > limits_.memory) exceeded(size_text(limits_.memory) + " of memory", "memory", limits_.memory);
    judge_space(taken.deleted);
}

void LimitWatch::judge_space(std::uint64_t deleted)
{
    const auto free = free_space(written_.front());
    if (!free || !counts_space_) return;
    const auto start = Clock::now();
    std::uint64_t used = deleted;
    if (used <= limits_.space) {
        const std::uint64_t taken =
            space_taken(limits_.space > unlimited - *ours_ ? unlimited : limits_.space + *ours_);
        used += taken - std::min(taken, *ours_);
    }
    if (used > limits_.space && bounded_by_disk_)
        throw Error(ErrorCode::disk_full, {{"path", written_.front().string()}});
    if (used > limits_.space) exceeded(size_text(limits_.space) + " of space on disk", "space", limits_.space);
    const std::uint64_t left = limits_.space - used;
    enough_free_ = free->level > left ? free->level - left : 0;
    next_count_ = Clock::now() + 10 * (Clock::now() - start);
}

void LimitWatch::heard(std::size_t bytes)
{
    output_ += bytes;
    if (output_ > limits_.output) exceeded(size_text(limits_.output) + " of output", "output", limits_.output);
}

void LimitWatch::end(const ExitStatus& status, std::string_view output)
{
    run_ += Clock::now() - begin_;
    // It may be over before we have looked.
    if (!status.ok() && limits_.processes != unlimited && tells_of_processes(output))
        exceeded(std::to_string(limits_.processes) + " processes", "processes", limits_.processes);
    if (!status.ok() && file_size_is_ours_ && tells_of_file_size(status, output))
        exceeded(size_text(limits_.file_size) + " in one file", "file-size", limits_.file_size);
}

void LimitWatch::exceeded(const std::string& limit, std::string_view setting, std::uint64_t value) const
{
    const std::string line = module_.name + " " + std::string(setting) + " " + setting_value(setting, more_than(value));
    const std::string what = kernel_.release.empty() ? "Packing " + module_.text()
                                                     : "Building " + module_.text() + " for kernel " + kernel_.release;
    throw Error(
        ErrorCode::build_limit,
        {{"what", what}, {"module", module_.text()}, {"kernel", kernel_.release}, {"limit", limit}, {"setting", line}});
}

} // namespace dkms
