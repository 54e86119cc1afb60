// SPDX-License-Identifier: LGPL-2.1-or-later
#include "client/commands.h"
#include "client/log_tail.h"
#include "client/name_help.h"
#include "client/text.h"
#include "client/transport.h"
#include "client/wakeups.h"
#include "lib/model/error.h"
#include "lib/process/refusal.h"

#include <algorithm>
#include <cerrno>
#include <csignal>
#include <map>
#include <optional>

#include <fcntl.h>
#include <fnmatch.h>
#include <sys/stat.h>
#include <unistd.h>

namespace dkms {
namespace {

constexpr std::chrono::milliseconds look_again(200);
constexpr int exit_interrupted = 130;

/// The logs of a job and of its parts, by number. Those of parts have a heading each.
class JobLogs {
public:
    JobLogs(Transport& transport, Console& console, JobId whole) : transport_(transport), console_(console)
    {
        add(whole, "");
    }

    bool has(JobId job) const { return logs_.count(job) > 0; }

    void add_part(JobId job, const Request& request)
    {
        std::string heading = "==> job " + std::to_string(job) + ": " + printable(request.module.text());
        for (const KernelId& kernel : request.kernels) heading += ", kernel " + printable(kernel_text(kernel));
        add(job, heading + " <==");
    }

    void read()
    {
        for (auto& [job, log] : logs_) log.read();
    }

    void finish()
    {
        for (auto& [job, log] : logs_) log.finish();
        const bool is_empty = std::all_of(logs_.begin(), logs_.end(), [](auto& one) { return one.second.is_empty(); });
        if (is_empty) console_.err("Job " + std::to_string(logs_.begin()->first) + " has printed nothing.\n");
    }

private:
    void add(JobId job, std::string heading)
    {
        logs_.try_emplace(job, transport_.open_log(job), std::move(heading), console_);
    }

    Transport& transport_;
    Console& console_;
    std::map<JobId, LogTail> logs_;
};

/// Until it has ended. Interrupting it leaves the job alone.
void follow_log(Transport& transport, JobId job, JobLogs& logs)
{
    std::signal(SIGPIPE, SIG_DFL); // when the reader of a log has gone, nothing is left to finish
    Wakeups wakeups(look_again);
    const auto heard = [&](const Event& event) {
        if (event.kind == EventKind::job_new && logs.has(event.facts.value("parent", JobId{0})))
            logs.add_part(event.job, request_from_json(event.facts.at("request")));
        logs.read();
    };
    transport.follow(job, heard, wakeups.descriptor(), [&] {
        const Wakeups::Heard woken = wakeups.take();
        logs.read();
        if (woken.interrupted) ::_exit(exit_interrupted);
    });
}

void print_job(Transport& transport, JobId job, bool follow, Console& console)
{
    require_service(transport);
    transport.job(job); // says so if there is no such job
    JobLogs logs(transport, console, job);
    if (follow) {
        follow_log(transport, job, logs);
    } else {
        for (const JobView& part : transport.all_jobs()) // by number, so a part comes behind its whole
            if (logs.has(part.parent)) logs.add_part(part.id, part.request);
    }
    logs.finish();
}

bool is_about(const StatusFilter& filter, const KernelId& kernel)
{
    return (filter.kernel.empty() || ::fnmatch(filter.kernel.c_str(), kernel.release.c_str(), 0) == 0) &&
           (filter.arch.empty() || kernel.arch.empty() || filter.arch == kernel.arch);
}

bool is_about(const StatusFilter& filter, const Request& request)
{
    if (request.module.name.empty() || (!filter.module.empty() && filter.module != request.module.name)) return false;
    if (!filter.version.empty() && !request.module.version.empty() && filter.version != request.module.version)
        return false;
    const auto& kernels = request.kernels;
    return kernels.empty() || std::any_of(kernels.begin(), kernels.end(),
                                          [&](const KernelId& kernel) { return is_about(filter, kernel); });
}

/// The newest job about it that has not ended; a part of one goes before the whole.
std::optional<JobId> job_under_way(Transport& transport, const StatusFilter& filter)
{
    std::optional<JobId> found;
    for (const JobView& job : transport.jobs())
        if (job.state == JobState::running && is_about(filter, job.request)) found = job.id;
    return found;
}

/// A build's log in the tree.
struct BuildLog {
    std::string path;
    std::string heading;
    timespec changed{};
};

bool is_newer(const timespec& one, const timespec& other)
{
    return one.tv_sec != other.tv_sec ? one.tv_sec > other.tv_sec : one.tv_nsec > other.tv_nsec;
}

/// Of the builds that are meant the one that was made last; of no module in particular, the one that failed last.
std::optional<BuildLog> newest_log(const std::vector<ModuleStatus>& modules, bool only_failed)
{
    std::optional<BuildLog> newest;
    for (const ModuleStatus& module : modules)
        for (const KernelStatus& one : module.kernels) {
            if (one.log.empty() || (only_failed && one.state != KernelState::failed)) continue;
            struct stat facts {};
            if (::lstat(one.log.c_str(), &facts) != 0 || (newest && !is_newer(facts.st_mtim, newest->changed)))
                continue;
            newest = {one.log,
                      printable(module.module.text() + ", kernel " + kernel_text(one.kernel)) + " (" +
                          std::string(name_of(one.state)) + "): " + printable(one.log),
                      facts.st_mtim};
        }
    return newest;
}

void print_file(const BuildLog& log, Console& console)
{
    Descriptor file(::open(log.path.c_str(), O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC));
    if (!file) refuse_read(log.path, errno);
    struct stat facts {};
    if (::fstat(file.number(), &facts) != 0) refuse_read(log.path, errno);
    if (!S_ISREG(facts.st_mode)) refuse_read(log.path, EINVAL);
    LogTail(std::move(file), log.heading, console).finish();
}

[[noreturn]] void refuse(ErrorCode code, const std::string& sentence, const std::string& remedy)
{
    throw Error(code, {{"sentence", sentence}, {"remedy", remedy}});
}

[[noreturn]] void refuse_without_log(Transport& transport, const StatusFilter& filter, bool is_registered)
{
    if (filter.module.empty())
        refuse(ErrorCode::not_built, "No build has failed.", "A build's log: dkmsctl log MODULE");
    const ModuleId module{filter.module, filter.version};
    if (is_registered)
        refuse(ErrorCode::not_built, "There is no log of a build of " + module.text() + ".",
               "dkmsctl status " + filter.module + " shows what is built.");
    const std::string near = near_module(module, transport);
    refuse(ErrorCode::no_such_module, module.text() + " is not registered.",
           near.empty() ? "dkmsctl status lists the registered modules." : near);
}

} // namespace

int run_log(const Invocation& invocation, Console& console)
{
    const auto transport = choose_transport(invocation.places, invocation.needs_stdio());
    if (!invocation.jobs.empty()) {
        print_job(*transport, invocation.jobs.front(), invocation.follow, console);
        return 0;
    }
    const StatusFilter& filter = invocation.filter;
    const bool of_any_module = filter.module.empty();
    if (!of_any_module || invocation.follow)
        if (const auto job = job_under_way(*transport, filter)) {
            print_job(*transport, *job, invocation.follow, console);
            return 0;
        }
    const std::vector<ModuleStatus> modules = transport->status(filter);
    const auto log = newest_log(modules, of_any_module);
    if (!log) {
        const bool is_registered =
            !modules.empty() || (!of_any_module && !transport->status({filter.module, filter.version, "", ""}).empty());
        refuse_without_log(*transport, filter, is_registered);
    }
    print_file(*log, console);
    return 0;
}

} // namespace dkms
