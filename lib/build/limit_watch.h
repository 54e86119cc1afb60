// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include "lib/build/taken.h"
#include "lib/config/build_limits.h"
#include "lib/model/error.h"
#include "lib/model/ids.h"
#include "lib/process/child.h"

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <optional>
#include <string_view>
#include <vector>

namespace dkms {

struct Work;

/// The limits of the module that a step is about; what is not understood in the files is reported.
BuildLimits limits_for(const Work& work);

/// Holds the commands of one build, or the tools that make one package, to its limits, dkms-policy.conf(5), by looking
/// now and again at what they have taken; what a command could take in the time between is bounded by the kernel where
/// it can be: processes and the size of a file. Works without cgroups, so alike for the service, for an ordinary user
/// and in a chroot. It judges; who sees the processes says what they have.
class LimitWatch {
public:
    /// `written`: the directories, at least one, that the build writes to, all on one file system; the first is there.
    /// What they hold when the first command begins is ours, and does not count.
    /// Of the space that is left there a tenth stays, whatever the limit is (Error DiskFull). Without a kernel it is
    /// packing that is limited.
    LimitWatch(BuildLimits limits, const ModuleId& module, const KernelId& kernel,
               std::vector<std::filesystem::path> written);

    /// A command begins; gives what the kernel is to hold it to. What is in `written` before the first one does not
    /// count.
    Limits begin();
    /// Time begins that the build waits for its place, in which it writes nothing; end() ends it.
    void begin_waiting() { begin_ = Clock::now(); }
    /// What it began runs: what is to be known of its processes.
    TakenQuestion question();
    /// What they have taken. Throws Error BuildLimit, DiskFull.
    void judge(const Taken& taken);
    /// Nothing is known of them at the moment: only the time is looked at. Throws Error BuildLimit.
    void judge_time() const;
    /// It has said that many bytes. Throws Error BuildLimit.
    void heard(std::size_t bytes);
    /// It has ended. Throws Error BuildLimit if it failed and that was our doing.
    void end(const ExitStatus& status, std::string_view output);

    /// Bytes that the build's processes were seen to have at a time.
    std::uint64_t peak_memory() const { return peak_memory_; }

private:
    using Clock = std::chrono::steady_clock;

    std::uint64_t seconds_run() const;
    void look_at_space_before();
    std::uint64_t space_taken(std::uint64_t most) const;
    void judge_space(std::uint64_t deleted);
    [[noreturn]] void exceeded(const std::string& limit, std::string_view setting, std::uint64_t value) const;

    BuildLimits limits_;
    ModuleId module_;
    KernelId kernel_;
    std::vector<std::filesystem::path> written_;
    std::optional<std::uint64_t> ours_; ///< bytes that were written before the first command
    bool bounded_by_disk_ = false;
    bool counts_space_ = false;         ///< at the next look
    bool file_size_is_ours_ = false;    ///< else a lower limit was inherited
    std::uint64_t enough_free_ = 0;     ///< while more is free, the limit on space is not reached
    Clock::time_point next_count_ = {}; ///< of the space
    Clock::duration run_ = {};          ///< by the commands before
    Clock::time_point begin_ = {};
    std::uint64_t output_ = 0;
    std::uint64_t peak_memory_ = 0;
};

} // namespace dkms
