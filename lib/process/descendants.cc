// SPDX-License-Identifier: LGPL-2.1-or-later
#include "lib/process/descendants.h"

#include "lib/model/error.h"
#include "lib/process/descriptor.h"
#include "lib/process/end_of_child.h"

#include <algorithm>
#include <array>
#include <cerrno>
#include <charconv>
#include <csignal>
#include <filesystem>
#include <limits>
#include <map>
#include <optional>
#include <string>
#include <string_view>

#include <dirent.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <poll.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

namespace dkms {
namespace {

constexpr std::size_t most_text = 1024 * 1024;
constexpr std::uint64_t unlimited = std::numeric_limits<std::uint64_t>::max();
constexpr int rounds = 100; // in which what has been killed may end

/// What stands in a file of /proc; empty when the process is gone.
std::string text_in(const std::string& path)
{
    const Descriptor file(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
    std::string text;
    std::array<char, 4096> block;
    for (ssize_t got = 0; file && text.size() < most_text; text.append(block.data(), static_cast<std::size_t>(got))) {
        got = ::read(file.number(), block.data(), block.size());
        if (got <= 0) break;
    }
    return text;
}

template <typename Number>
Number number_at(std::string_view text)
{
    text.remove_prefix(std::min(text.find_first_not_of(" \t"), text.size()));
    Number number = 0;
    std::from_chars(text.data(), text.data() + text.size(), number);
    return number;
}

/// The number behind a name of /proc/PID/status; 0 if there is none.
std::uint64_t status_number(std::string_view status, std::string_view name)
{
    const auto at = status.find(name);
    return at == std::string_view::npos ? 0 : number_at<std::uint64_t>(status.substr(at + name.size()));
}

std::uint64_t memory_in_status(std::string_view status)
{
    return 1024 * (status_number(status, "\nRssAnon:") + status_number(status, "\nRssShmem:") +
                   status_number(status, "\nVmSwap:"));
}

std::vector<pid_t> numbers_in(std::string_view text)
{
    std::vector<pid_t> numbers;
    for (std::size_t at = text.find_first_not_of(" \n"); at != std::string_view::npos;
         at = text.find_first_not_of(" \n", std::min(text.find_first_of(" \n", at), text.size())))
        numbers.push_back(number_at<pid_t>(text.substr(at)));
    return numbers;
}

/// Names that are numbers, in a directory of /proc.
std::vector<pid_t> numbers_of(const std::string& directory)
{
    std::vector<pid_t> numbers;
    std::error_code gone;
    for (std::filesystem::directory_iterator entry(directory, gone), end; !gone && entry != end; entry.increment(gone))
        if (const pid_t number = number_at<pid_t>(entry->path().filename().native()); number > 0)
            numbers.push_back(number);
    return numbers;
}

std::string place_of(pid_t process) { return "/proc/" + std::to_string(process); }

/// Who is whose child, asked of the kernel, one process at a time; a kernel that does not tell is asked for all
/// processes there are.
class Children {
public:
    Children()
    {
        static const bool told = ::access((own_task() + "/children").c_str(), F_OK) == 0;
        if (told) return;
        known_.emplace();
        for (const pid_t process : numbers_of("/proc"))
            known_->emplace(static_cast<pid_t>(status_number(text_in(place_of(process) + "/status"), "\nPPid:")),
                            process);
    }

    std::vector<pid_t> of(pid_t process, std::uint64_t threads) const
    {
        std::vector<pid_t> all;
        if (known_) {
            for (auto [one, end] = known_->equal_range(process); one != end; ++one) all.push_back(one->second);
            return all;
        }
        const std::string tasks = place_of(process) + "/task/";
        if (threads <= 1) return numbers_in(text_in(tasks + std::to_string(process) + "/children"));
        for (const pid_t thread : numbers_of(tasks)) {
            const auto more = numbers_in(text_in(tasks + std::to_string(thread) + "/children"));
            all.insert(all.end(), more.begin(), more.end());
        }
        return all;
    }

private:
    static std::string own_task()
    {
        const std::string self = std::to_string(::getpid());
        return "/proc/" + self + "/task/" + self;
    }

    std::optional<std::multimap<pid_t, pid_t>> known_;
};

constexpr std::uint64_t some_threads = 2; // how many is not known

/// Waits until it has ended and takes its status, for a second at most.
void reap(pid_t child)
{
    try {
        const Descriptor ended = end_of_child(child);
        pollfd source{ended.number(), POLLIN, 0};
        ::poll(&source, 1, 1000);
    } catch (const Error&) {
        ::poll(nullptr, 0, 10);
    }
    siginfo_t info{};
    ::waitid(P_PID, static_cast<id_t>(child), &info, WEXITED | WNOHANG);
}

/// Kills and reaps what it finds. False when there was nothing.
bool end_children(const std::vector<pid_t>& spared)
{
    bool any = false;
    for (const pid_t child : Children().of(::getpid(), some_threads)) {
        if (std::find(spared.begin(), spared.end(), child) != spared.end()) continue;
        any = true;
        ::kill(child, SIGKILL); // the first process of a process namespace takes all of that with it
        for (const pid_t below : descendants_of(child, unlimited).processes) ::kill(below, SIGKILL);
        reap(child);
    }
    return any;
}

} // namespace

Descendants descendants_of(pid_t process, std::uint64_t most)
{
    const Children children;
    Descendants found;
    std::vector<std::pair<pid_t, std::uint64_t>> open{{process, some_threads}};
    while (!open.empty()) {
        const auto [parent, threads] = open.back();
        open.pop_back();
        for (const pid_t child : children.of(parent, threads)) {
            if (found.tasks > most) return found;
            const std::string status = text_in(place_of(child) + "/status");
            if (status.empty()) continue;
            const std::uint64_t tasks = std::max<std::uint64_t>(status_number(status, "\nThreads:"), 1);
            found.processes.push_back(child);
            found.tasks += tasks;
            found.memory += memory_in_status(status);
            open.emplace_back(child, tasks);
        }
    }
    return found;
}

std::uint64_t exact_memory_of(const std::vector<pid_t>& processes, std::uint64_t in_files)
{
    std::uint64_t own = 0;
    std::uint64_t shared = 0;
    for (const pid_t process : processes) {
        const std::string summary = text_in(place_of(process) + "/smaps_rollup");
        if (summary.find("\nPss_Anon:") == std::string::npos) { // it does not let itself be looked into, or Linux < 5.9
            own += memory_in_status(text_in(place_of(process) + "/status"));
            continue;
        }
        own += 1024 * (status_number(summary, "\nPss_Anon:") + status_number(summary, "\nSwapPss:"));
        shared += 1024 * status_number(summary, "\nPss_Shmem:");
    }
    return own + std::max(shared, in_files); // such files may be mapped
}

std::uint64_t memory_in_files_of(pid_t process)
{
    std::uint64_t bytes = 0;
    for (const char* place : {"/tmp", "/dev/shm"}) {
        const std::string path = place_of(process) + "/root" + place;
        struct stat theirs {};
        struct stat ours {};
        struct statfs system {};
        if (::stat(path.c_str(), &theirs) < 0 || ::statfs(path.c_str(), &system) < 0) continue;
        const bool shared = ::stat(place, &ours) == 0 && ours.st_dev == theirs.st_dev;
        if (!shared && system.f_type == TMPFS_MAGIC && system.f_blocks > system.f_bfree)
            bytes += static_cast<std::uint64_t>(system.f_bsize) * (system.f_blocks - system.f_bfree);
    }
    return bytes;
}

LeftBehind::LeftBehind() : before_(Children().of(::getpid(), some_threads)) { ::prctl(PR_SET_CHILD_SUBREAPER, 1); }

LeftBehind::~LeftBehind()
{
    end_all();
    ::prctl(PR_SET_CHILD_SUBREAPER, 0);
}

void LeftBehind::end_all() noexcept
{
    try {
        for (int round = 0; round < rounds && end_children(before_); ++round) {
        }
    } catch (const std::exception&) {
        return; // no memory or no descriptors left for looking: they go with the session of who started us
    }
}

} // namespace dkms
