// SPDX-License-Identifier: LGPL-2.1-or-later
#include "daemon/job_store.h"

#include "lib/process/refusal.h"
#include "lib/process/regular_file.h"

#include <nlohmann/json.hpp>

#include <algorithm>
#include <cerrno>
#include <charconv>

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

namespace dkms {
namespace {

namespace fs = std::filesystem;
using nlohmann::json;

constexpr int version_of_record = 1;
constexpr std::size_t end_of_events = std::size_t{1024} * 1024; // bytes, in which the last line of a job is looked for

std::optional<JobId> id_of(const std::string& name)
{
    JobId id = 0;
    const auto [end, fault] = std::from_chars(name.data(), name.data() + name.size(), id);
    if (fault != std::errc() || end != name.data() + name.size()) return std::nullopt;
    return id;
}

void make_directory(const fs::path& path)
{
    std::error_code failed;
    fs::create_directories(path, failed);
    if (failed) throw Error(ErrorCode::tree_not_writable, {{"path", path.string()}, {"reason", failed.message()}});
}

void write_view(const fs::path& entry, const JobView& job, bool awaited = false)
{
    json value = to_json(job);
    if (awaited) value["awaited"] = true;
    value["version"] = version_of_record;
    write_file_durably(entry / "job.json", value.dump(1, ' ', false, json::error_handler_t::replace) + "\n");
}

bool is_there(const fs::path& path)
{
    struct stat facts {};
    return ::lstat(path.c_str(), &facts) == 0 || (errno != ENOENT && errno != ENOTDIR);
}

unsigned number_in(const fs::path& file)
{
    const std::string text = read_file(file);
    unsigned number = 0;
    std::from_chars(text.data(), text.data() + text.size(), number);
    return number;
}

std::uintmax_t bytes_of(const fs::path& entry)
{
    std::uintmax_t bytes = 0;
    for (const char* part : {"job.json", "events", "log"}) {
        struct stat facts {};
        if (::lstat((entry / part).c_str(), &facts) == 0) bytes += static_cast<std::uintmax_t>(facts.st_size);
    }
    return bytes;
}

JobView unreadable(JobId job, const fs::path& file, const std::string& reason)
{
    JobView view;
    view.id = job;
    view.unreadable = true;
    view.state = JobState::ended; // nothing waits for it
    view.cancelable = false;
    view.error = Error(ErrorCode::read_failed, {{"path", file.string()}, {"reason", reason}});
    return view;
}

/// The end of a file, of which `most` bytes are read. Throws ReadFailed.
std::string end_of(const fs::path& path, std::size_t most)
{
    const Descriptor file = open_regular(path, O_NOFOLLOW);
    if (!file && means_absent(errno)) return {};
    struct stat facts {};
    if (!file || ::fstat(file.number(), &facts) < 0) refuse_read(path, errno);
    const auto size = static_cast<std::size_t>(facts.st_size);
    const std::size_t from = size > most ? size - most : 0;
    std::string text(size - from, '\0');
    std::size_t got = 0;
    while (got < text.size()) {
        const ssize_t more =
            ::pread(file.number(), text.data() + got, text.size() - got, static_cast<off_t>(from + got));
        if (more < 0 && errno != EINTR) refuse_read(path, errno);
        if (more == 0) break;
        if (more > 0) got += static_cast<std::size_t>(more);
    }
    text.resize(got);
    return text;
}

} // namespace

JobStore::JobStore(fs::path directory, HistoryLimits limits) : directory_(std::move(directory)), limits_(limits)
{
    try {
        const auto known = ids();
        if (!known.empty()) next_ = known.back() + 1;
        for (const JobId id : known) {
            std::error_code ignored; // a leftover is harmless
            if (const auto job = find(id); !job)
                fs::remove_all(entry(id), ignored);
            else if (job->result)
                remember(*job);
        }
    } catch (const Error& error) {
        fault_ = error;
    }
}

fs::path JobStore::entry(JobId job) const { return directory_ / std::to_string(job); }

std::vector<JobId> JobStore::ids() const
{
    std::vector<JobId> result;
    std::error_code failed;
    for (fs::directory_iterator one(directory_, failed), end; !failed && one != end; one.increment(failed))
        if (const auto id = id_of(one->path().filename().string())) result.push_back(*id);
    if (failed && failed != std::errc::no_such_file_or_directory && failed != std::errc::not_a_directory)
        throw Error(ErrorCode::read_failed, {{"path", directory_.string()}, {"reason", failed.message()}});
    std::sort(result.begin(), result.end());
    return result;
}

void JobStore::accept(const JobView& job, bool awaited)
{
    if (fault_) throw Error(*fault_);
    make_directory(entry(job.id));
    write_view(entry(job.id), job, awaited);
    sync_directory(directory_);
    next_ = std::max(next_, job.id + 1);
}

bool JobStore::try_ended(const JobView& job) noexcept
{
    try {
        write_view(entry(job.id), job);
        remember(job);
        return true;
    } catch (const std::exception&) {
        return false;
    }
}

void JobStore::remember(const JobView& job) noexcept { ended_[job.id] = {job.ended_at, bytes_of(entry(job.id))}; }

void JobStore::step_begins(JobId job) noexcept
{
    try {
        // It has to be known after whatever the step does to the machine.
        const Descriptor made(
            ::open((entry(job) / "running").c_str(), O_WRONLY | O_CREAT | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK, 0644));
        if (made) sync_directory(entry(job));
    } catch (const std::exception&) {
        return; // it will not be counted
    }
}

void JobStore::steps_have_ended(JobId job) noexcept { ::unlink((entry(job) / "running").c_str()); }

unsigned JobStore::take_up(JobId job) noexcept
{
    unsigned times = 0;
    try {
        const fs::path file = entry(job) / "resumed";
        if (is_there(file)) times = number_in(file);
        if (!is_there(entry(job) / "running")) return times;
        write_file_durably(file, std::to_string(++times) + "\n");
        steps_have_ended(job);
    } catch (const std::exception&) {
        return times; // a full disk: the job itself will say so
    }
    return times;
}

bool JobStore::was_awaited(JobId job) const noexcept
{
    try {
        return json::parse(read_file(entry(job) / "job.json")).value("awaited", false);
    } catch (const std::exception&) {
        return false;
    }
}

void JobStore::append(JobId job, const Event& event) noexcept
{
    try {
        const Descriptor file(::open((entry(job) / "events").c_str(),
                                     O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK, 0644));
        if (file) write_all(file.number(), to_line(event));
    } catch (const std::exception&) {
        return; // a full disk must not stop the job that is being reported
    }
}

Descriptor JobStore::log_for_writing(JobId job) const
{
    return Descriptor(::open((entry(job) / "log").c_str(),
                             O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK, 0644));
}

Descriptor JobStore::open_part(JobId job, const char* part) const
{
    const Descriptor opened(::open(entry(job).c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC));
    if (!opened && !means_absent(errno)) refuse_read(entry(job), errno);
    if (!opened) throw Error(ErrorCode::no_such_job, {{"job", std::to_string(job)}});
    // A job that has not said anything yet has an empty log, and readers follow the file as it grows.
    const Descriptor made(
        ::openat(opened.number(), part, O_WRONLY | O_CREAT | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK, 0644));
    Descriptor file(::openat(opened.number(), part, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK));
    if (!file && !means_absent(errno)) refuse_read(entry(job) / part, errno);
    if (!file) throw Error(ErrorCode::no_such_job, {{"job", std::to_string(job)}});
    return file;
}

Descriptor JobStore::open_events(JobId job) const { return open_part(job, "events"); }
Descriptor JobStore::open_log(JobId job) const { return open_part(job, "log"); }

std::optional<JobView> JobStore::find(JobId job) const
{
    const fs::path file = entry(job) / "job.json";
    if (!is_there(file)) return std::nullopt; // never there, or pruned
    try {
        const json value = json::parse(read_file(file));
        if (value.value("version", 1) > version_of_record)
            return unreadable(job, file, "it was written by a later version of dkmsd");
        return job_view_from_json(value);
    } catch (const Error& error) {
        return unreadable(job, file, error.parameter("reason"));
    } catch (const std::exception& fault) {
        return unreadable(job, file, fault.what());
    }
}

/// What its events say last about whether it runs. Its record may be older: a result that could not be written.
std::optional<JobView> JobStore::recorded_end(JobId job) const
{
    LineBuffer lines(end_of_events);
    lines.add(end_of(entry(job) / "events", end_of_events));
    std::optional<JobView> end;
    for (std::string line; lines.next(line);) {
        try {
            const json value = json::parse(line);
            if (value.at("job") != job) continue;
            if (value.at("event") == "job-new") end.reset();
            if (value.at("event") == "job-ended") end = job_view_from_json(value.at("view"));
        } catch (const std::exception&) {
            continue; // the rest of one, or one that was cut off when the disk was full
        }
    }
    return end;
}

std::vector<JobView> JobStore::unfinished() const
{
    std::vector<JobView> result;
    for (JobView& job : all()) {
        if (job.result || job.unreadable) continue;
        try {
            auto end = recorded_end(job.id);
            result.push_back(end && end->result ? std::move(*end) : std::move(job));
        } catch (const Error& error) {
            // It may have been done, and must not be done twice.
            result.push_back(unreadable(job.id, error.parameter("path"), error.parameter("reason")));
        }
    }
    return result;
}

std::vector<JobView> JobStore::all() const
{
    std::vector<JobView> result;
    for (const JobId id : ids())
        if (auto job = find(id)) result.push_back(std::move(*job));
    return result;
}

void JobStore::prune(double now) noexcept
{
    std::uintmax_t bytes = 0;
    for (const auto& [job, past] : ended_) bytes += past.bytes;
    const double oldest = now - std::chrono::duration<double>(limits_.age).count();
    std::size_t left = ended_.size();
    for (auto one = ended_.begin(); one != ended_.end();) {
        const auto [job, past] = *one;
        const bool is_too_much = left > limits_.jobs || bytes > limits_.bytes || past.ended_at < oldest;
        std::error_code failed;
        if (!is_too_much || job + 1 == next_ || (fs::remove_all(entry(job), failed), failed)) {
            ++one;
            continue;
        }
        --left;
        bytes -= past.bytes;
        one = ended_.erase(one);
    }
}

} // namespace dkms
