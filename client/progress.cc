// SPDX-License-Identifier: LGPL-2.1-or-later
#include "client/progress.h"

#include "client/text.h"

#include <algorithm>

namespace dkms {
namespace {

constexpr int exit_cancelled = 130;

bool is_excluded(const JobView& job)
{
    return job.result == Result::skipped && job.error && job.error->code() == ErrorCode::build_excluded;
}

} // namespace

bool JobProgress::failed() const
{
    return ended && (ended->result == Result::failed || ended->result == Result::cancelled);
}

bool JobProgress::waits() const
{
    return failed() && request.options.batch && ended->error && lacks_headers(*ended->error);
}

bool JobProgress::given_up() const { return ended && was_given_up(*ended); }

bool JobProgress::excluded() const { return ended && is_excluded(*ended); }

double JobProgress::seconds() const
{
    if (!ended || started_at <= 0) return 0;
    return std::max(ended->ended_at - started_at, 0.0);
}

JobProgress& ProgressBoard::job(JobId id)
{
    JobProgress& job = jobs_[id];
    job.id = id;
    return job;
}

void ProgressBoard::set_kernel(JobProgress& job, const KernelId& kernel)
{
    job.kernel = kernel;
    kernel_columns_ = std::max(kernel_columns_, columns_of(kernel_text(kernel)));
}

/// A job that is announced again has been taken up by another dkmsd, with other parts: those of its first life say
/// nothing of how it ends.
void ProgressBoard::begin_again(JobProgress& job)
{
    std::erase_if(jobs_, [&](const auto& entry) { return entry.second.parent == job.id; });
    with_failed_child_.erase(job.id);
    job.has_children = false;
    job.ended.reset();
}

void ProgressBoard::accept(JobProgress& job, const Event& event)
{
    if (job.parent == 0) begin_again(job);
    job.request = request_from_json(event.facts.at("request"));
    job.queued_at = event.at;
    if (job.request.verb == Verb::load) job.file = file_;
    job.parent = event.facts.value("parent", JobId{0});
    if (job.parent != 0) this->job(job.parent).has_children = true;
    if (job.request.kernels.size() == 1) set_kernel(job, job.request.kernels.front());
}

void ProgressBoard::end(JobProgress& job, const Event& event)
{
    job.ended = job_view_from_json(event.facts.at("view"));
    job.parent = job.ended->parent;
    job.request = job.ended->request;
    // It has left the tree, not only the kernel of its last step.
    if (job.request.verb == Verb::remove && job.request.options.all) job.kernel = {};
    job.waiting_for.clear();
    job.waits_because.clear();
    if (job.failed() && !job.given_up() && job.parent != 0) with_failed_child_.insert(job.parent);
}

const JobProgress& ProgressBoard::apply(const Event& event)
{
    JobProgress& job = this->job(event.job);
    switch (event.kind) {
    case EventKind::job_new:
        accept(job, event);
        break;
    case EventKind::job_started:
        job.started_at = event.at;
        break;
    case EventKind::job_ended:
        end(job, event);
        break;
    case EventKind::step_started:
        job.step = step_kind_of(event.text("step"));
        if (job.started_at <= 0) job.started_at = event.at;
        // An install step goes on where the build left off; others have no stages that would say more than the step.
        if (job.step != StepKind::build && job.step != StepKind::install) job.stage.reset();
        if (const auto version = event.text("version"); !version.empty()) job.version = version;
        if (const auto kernel = event.text("kernel"); !kernel.empty() && !job.has_children)
            set_kernel(job, parse_kernel(kernel));
        break;
    case EventKind::stage:
        job.stage = stage_of(event.text("stage"));
        job.percent = std::min(100U, std::max(job.percent, event.facts.value("percent", 0U)));
        job.objects = std::max(job.objects, event.facts.value("objects", std::size_t{0}));
        if (job.stage == Stage::build && event.facts.value("percent", 0U) == 0) job.is_estimated = false;
        job.waiting_for.clear();
        job.waits_because.clear();
        break;
    case EventKind::waiting:
        job.waiting_for = event.text("holder");
        job.waits_because = event.text("reason");
        break;
    case EventKind::modules_built:
        job.modules_built += event.facts.value("count", std::size_t{0});
        break;
    case EventKind::installed_file:
        ++job.files_installed;
        break;
    case EventKind::packed:
        job.packed.push_back(event);
        break;
    case EventKind::problem:
        job.problems.push_back(problem_from_json(event.facts));
        break;
    case EventKind::loading:
        job.loaded = event.text("module");
        break;
    case EventKind::deleted_file:
        ++job.files_deleted;
        break;
    default:
        break;
    }
    return job;
}

std::vector<const JobProgress*> ProgressBoard::running() const
{
    std::vector<const JobProgress*> found;
    for (const auto& [id, job] : jobs_)
        if (!job.ended && (!job.has_children || job.stage)) found.push_back(&job);
    return found;
}

bool ProgressBoard::is_result(const JobProgress& job) const
{
    if (!job.ended || job.given_up()) return false; // what it was given up for is said
    // One that has children and yet something of its own to show.
    if (job.has_children && job.files_installed > 0) return true;
    return !job.has_children || (job.failed() && with_failed_child_.count(job.id) == 0);
}

std::vector<const JobProgress*> ProgressBoard::results() const
{
    std::vector<const JobProgress*> found;
    for (const auto& [id, job] : jobs_)
        if (is_result(job)) found.push_back(&job);
    return found;
}

std::vector<const JobProgress*> ProgressBoard::parts() const
{
    std::vector<const JobProgress*> found;
    const JobProgress* const whole = outermost();
    for (const auto& [id, job] : jobs_)
        if (whole != nullptr && job.parent == whole->id) found.push_back(&job);
    return found;
}

const JobProgress* ProgressBoard::outermost() const
{
    const auto found = std::find_if(jobs_.begin(), jobs_.end(), [](const auto& one) { return one.second.parent == 0; });
    return found == jobs_.end() ? nullptr : &found->second;
}

bool was_given_up(const JobView& job)
{
    return job.result == Result::cancelled && job.error && job.error->code() != ErrorCode::cancelled;
}

int exit_code_of(const JobView& job)
{
    if (job.result == Result::cancelled) return exit_cancelled;
    if (job.result == Result::failed) return job.error ? job.error->exit_code(job.request.verb) : 1;
    return is_excluded(job) ? job.error->exit_code(job.request.verb) : 0;
}

int exit_code_of(const ProgressBoard& board)
{
    const JobProgress* const whole = board.outermost();
    const bool of_kernel =
        whole != nullptr && whole->ended && whole->request.module.name.empty() && whole->has_children;
    if (of_kernel) return whole->failed() ? exit_code_of(*whole->ended) : 0;
    const auto results = board.results();
    for (const JobProgress* job : results)
        if (job->failed()) return exit_code_of(*job->ended);
    const bool all_excluded =
        !results.empty() && std::all_of(results.begin(), results.end(), [](auto* job) { return job->excluded(); });
    return all_excluded ? exit_code_of(*results.front()->ended) : 0;
}

} // namespace dkms
