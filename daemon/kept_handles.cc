// SPDX-License-Identifier: LGPL-2.1-or-later
#include "daemon/kept_handles.h"

#include "lib/files/file_kind.h"
#include "lib/model/error.h"
#include "lib/process/open_path.h"

#include <nlohmann/json.hpp>

#include <algorithm>
#include <charconv>
#include <cstdlib>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <fcntl.h>
#include <sys/stat.h>
#include <systemd/sd-daemon.h>
#include <unistd.h>

namespace dkms {
namespace {

using nlohmann::json;

constexpr std::string_view prefix = "job-";

std::string name_of(JobId job) { return std::string(prefix) + std::to_string(job); }

std::optional<JobId> job_of(const std::string& name)
{
    if (!name.starts_with(prefix)) return std::nullopt;
    JobId job = 0;
    const char* const end = name.data() + name.size();
    const auto read = std::from_chars(name.data() + prefix.size(), end, job);
    return read.ec == std::errc() && read.ptr == end ? std::optional(job) : std::nullopt;
}

/// What it is, whatever it is called: the file system, the number there, and when it was made, since numbers are used
/// again. Null when that cannot be seen.
json identity_of(const Descriptor& file)
{
    struct statx facts {};
    if (::statx(file.number(), "", AT_EMPTY_PATH, STATX_BASIC_STATS | STATX_BTIME, &facts) != 0) return {};
    return {facts.stx_dev_major,    facts.stx_dev_minor,     facts.stx_ino, facts.stx_mode,
            facts.stx_btime.tv_sec, facts.stx_btime.tv_nsec, facts.stx_uid, facts.stx_mask & STATX_BTIME};
}

bool is_for_reading(const Descriptor& file)
{
    const int flags = ::fcntl(file.number(), F_GETFL);
    return flags >= 0 && (flags & O_ACCMODE) == O_RDONLY;
}

} // namespace

KeptHandles::KeptHandles(std::filesystem::path directory) : directory_(std::move(directory))
{
    char** names = nullptr;
    const int count = ::sd_listen_fds_with_names(1, &names);
    for (int i = 0; i < count; ++i) {
        Descriptor one(SD_LISTEN_FDS_START + i);
        if (const auto job = job_of(names[i])) earlier_.insert_or_assign(*job, std::move(one));
        ::free(names[i]);
    }
    ::free(names);
}

void KeptHandles::keep(JobId job, const Descriptor& handle)
{
    const std::string message = "FDSTORE=1\nFDNAME=" + name_of(job);
    const int number = handle.number();
    ::sd_pid_notify_with_fds(0, 0, message.c_str(), &number, 1); // no manager, or one that keeps none: see below
    const auto path = link_text_of(path_of_open(number));
    if (!path || !path->is_absolute() || !is_for_reading(handle)) return;
    write_file_durably(directory_ / std::to_string(job) / "handle",
                       json{{"path", path->string()}, {"identity", identity_of(handle)}}.dump(
                           -1, ' ', false, json::error_handler_t::replace) +
                           "\n");
}

Descriptor KeptHandles::take(JobId job)
{
    if (auto found = earlier_.extract(job); !found.empty()) return std::move(found.mapped());
    try {
        const json known = json::parse(read_file(directory_ / std::to_string(job) / "handle"));
        const auto path = known.at("path").get<std::string>();
        Descriptor opened(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY));
        if (!opened || known.at("identity").is_null() || identity_of(opened) != known.at("identity")) return {};
        return opened;
    } catch (const std::exception&) {
        return {}; // the caller says that it cannot be had
    }
}

void KeptHandles::drop_others(const std::vector<JobView>& unfinished)
{
    std::vector<JobId> others;
    for (const auto& [job, handle] : earlier_)
        if (std::none_of(unfinished.begin(), unfinished.end(), [id = job](const JobView& one) { return one.id == id; }))
            others.push_back(job);
    for (const JobId job : others) drop(job);
}

void KeptHandles::drop(JobId job) noexcept
{
    earlier_.erase(job);
    const std::string message = "FDSTOREREMOVE=1\nFDNAME=" + name_of(job);
    ::sd_notify(0, message.c_str());
    ::unlink((directory_ / std::to_string(job) / "handle").c_str());
}

} // namespace dkms
