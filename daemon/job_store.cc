// SPDX-License-Identifier: LGPL-2.1-or-later
#include "daemon/job_store.h"

#include <nlohmann/json.hpp>

#include <algorithm>
#include <charconv>

#include <fcntl.h>

namespace dkms {
namespace {

namespace fs = std::filesystem;
constexpr std::size_t kept_jobs = 500;

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

void write_view(const fs::path& entry, const JobView& job)
{
    write_file_durably(entry / "job.json",
                       to_json(job).dump(1, ' ', false, nlohmann::json::error_handler_t::replace) + "\n");
}

unsigned number_in(const fs::path& file)
{
    const std::string text = read_file(file);
    unsigned number = 0;
    std::from_chars(text.data(), text.data() + text.size(), number);
    return number;
}

} // namespace

JobStore::JobStore(fs::path directory) : directory_(std::move(directory))
{
    make_directory(directory_);
    const auto known = ids();
    if (!known.empty()) next_ = known.back() + 1;
}

fs::path JobStore::entry(JobId job) const { return directory_ / std::to_string(job); }

std::vector<JobId> JobStore::ids() const
{
    std::vector<JobId> result;
    std::error_code ignored;
    for (const auto& one : fs::directory_iterator(directory_, ignored))
        if (const auto id = id_of(one.path().filename().string())) result.push_back(*id);
    std::sort(result.begin(), result.end());
    return result;
}

void JobStore::accept(const JobView& job)
{
    make_directory(entry(job.id));
    write_view(entry(job.id), job);
    sync_directory(directory_);
}

bool JobStore::try_ended(const JobView& job) noexcept
{
    try {
        write_view(entry(job.id), job);
        return true;
    } catch (const std::exception&) {
        return false;
    }
}

unsigned JobStore::take_up(JobId job) noexcept
{
    unsigned times = 1;
    try {
        const fs::path file = entry(job) / "resumed";
        if (fs::exists(file)) times += number_in(file);
        write_file_durably(file, std::to_string(times) + "\n");
    } catch (const std::exception&) {
        return times; // a full disk: the job itself will say so
    }
    return times;
}

void JobStore::append(JobId job, const Event& event) noexcept
{
    try {
        const Descriptor file(
            ::open((entry(job) / "events").c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC | O_NOFOLLOW, 0644));
        if (file) write_all(file.number(), to_line(event));
    } catch (const std::exception&) {
        return; // a full disk must not stop the job that is being reported
    }
}

Descriptor JobStore::log_for_writing(JobId job) const
{
    return Descriptor(
        ::open((entry(job) / "log").c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC | O_NOFOLLOW, 0644));
}

Descriptor JobStore::open_part(JobId job, const char* part) const
{
    const Descriptor opened(::open(entry(job).c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC));
    if (!opened) throw Error(ErrorCode::no_such_job, {{"job", std::to_string(job)}});
    // A job that has not said anything yet has an empty log, and readers follow the file as it grows.
    const Descriptor made(::openat(opened.number(), part, O_WRONLY | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0644));
    Descriptor file(::openat(opened.number(), part, O_RDONLY | O_CLOEXEC | O_NOFOLLOW));
    if (!file) throw Error(ErrorCode::no_such_job, {{"job", std::to_string(job)}});
    return file;
}

Descriptor JobStore::open_events(JobId job) const { return open_part(job, "events"); }
Descriptor JobStore::open_log(JobId job) const { return open_part(job, "log"); }

std::optional<JobView> JobStore::find(JobId job) const
{
    try {
        return job_view_from_json(nlohmann::json::parse(read_file(entry(job) / "job.json")));
    } catch (const std::exception&) {
        return std::nullopt; // never there, pruned, or not to be read: in each case it is not known any more
    }
}

std::vector<JobView> JobStore::unfinished() const
{
    std::vector<JobView> result;
    for (const JobId id : ids())
        if (auto job = find(id); job && !job->result) result.push_back(std::move(*job));
    return result;
}

void JobStore::prune()
{
    auto known = ids();
    if (known.size() <= kept_jobs) return;
    known.resize(known.size() - kept_jobs);
    for (const JobId id : known) {
        std::error_code ignored;
        if (const auto job = find(id); !job || job->result) fs::remove_all(entry(id), ignored);
    }
}

} // namespace dkms
