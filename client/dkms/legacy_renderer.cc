// SPDX-License-Identifier: LGPL-2.1-or-later
#include "client/dkms/legacy_renderer.h"

#include <algorithm>
#include <utility>

namespace dkms::legacy {
namespace {

std::string joined(const std::vector<std::string>& words)
{
    std::string text;
    for (const std::string& word : words) text += (text.empty() ? "" : " ") + word;
    return text;
}

bool lacks_dependencies(const JobView& job)
{
    return job.result == Result::failed && job.error && job.error->code() == ErrorCode::missing_dependencies;
}

} // namespace

LegacyRenderer::LegacyRenderer(Console& console, Style style, std::set<std::string>& said)
    : Renderer(console, false), style_(std::move(style)), said_(said)
{
}

bool LegacyRenderer::is_autoinstall() const
{
    const auto whole = parts_.find(whole_);
    return whole != parts_.end() && whole->second.narrator.request().verb == Verb::autoinstall;
}

void LegacyRenderer::event(const Event& event)
{
    note(event);
    if (event.kind == EventKind::job_new) return take_new(event);
    const auto found = parts_.find(event.job);
    if (found == parts_.end()) return; // asked for from inside
    Part& part = found->second;
    const bool is_child = event.job != whole_;
    const bool its_turn = !is_child || (turn_ < children_.size() && children_[turn_] == event.job);
    if (!its_turn) return part.waiting.push_back(event);
    tell(part, event);
    if (is_child) go_on();
}

void LegacyRenderer::take_new(const Event& event)
{
    // Asked for from inside it tells itself: to the command that asked, for which it is the whole.
    const bool is_part = parts_.contains(event.facts.value("parent", JobId{0})) && !event.facts.value("inside", false);
    if (whole_ != 0 && !is_part) return;
    const Request request = request_from_json(event.facts.at("request"));
    parts_.emplace(event.job, Part{Narrator(console_, style_, request, said_), {}});
    if (whole_ == 0)
        whole_ = event.job;
    else
        children_.push_back(event.job);
}

void LegacyRenderer::tell(Part& part, const Event& event)
{
    switch (event.kind) {
    case EventKind::job_started:
    case EventKind::job_joined:
    case EventKind::waiting:
    case EventKind::stage:
    case EventKind::excluded:
    case EventKind::modules_built:
    case EventKind::patch_applied:
        return;
    case EventKind::job_ended: {
        const JobView job = job_view_from_json(event.facts.at("view"));
        return event.job == whole_ ? end_whole(job) : end(part, job);
    }
    case EventKind::surveyed:
        for (const auto& name : event.facts.at("installed")) succeeded_.push_back(name.get<std::string>());
        return;
    case EventKind::deferred:
        deferred_.push_back(event.text("module"));
        lines_.push_back(event.text("module") + " autoinstall deferred: BUILD_DEPENDS not registered with DKMS: " +
                         event.text("dependencies") + ".");
        return;
    case EventKind::loading: {
        const std::string module = event.text("module");
        loaded_ = {module.substr(0, module.find('/')), module.substr(module.find('/') + 1)};
        break;
    }
    default:
        break;
    }
    const bool before_the_headline = event.kind == EventKind::signing || event.kind == EventKind::signing_off ||
                                     event.kind == EventKind::key_generated || event.kind == EventKind::step_started ||
                                     event.kind == EventKind::step_ended;
    if (!before_the_headline) begin(part);
    part.narrator.tell(event);
}

/// The headline of one module among many.
void LegacyRenderer::begin(Part& part)
{
    const Request& request = part.narrator.request();
    const auto whole = parts_.find(whole_);
    if (&part == &whole->second || std::exchange(part.begun, true)) return;
    const KernelId& kernel = request.kernels.front();
    if (request.verb == Verb::rebuild)
        console_.out("Rebuilding module " + request.module.text() + " for kernel " + kernel.release + " (" +
                     kernel.arch + ") due to updated dependencies.\n");
    else if (is_autoinstall())
        console_.out("Autoinstall of module " + request.module.text() + " for kernel " + kernel.release + " (" +
                     kernel.arch + ")\n");
    else if (whole->second.narrator.request().verb == Verb::match)
        console_.out("\nModule:  " + request.module.name + "\nVersion: " + request.module.version + "\n");
}

void LegacyRenderer::end(Part& part, const JobView& job)
{
    part.ended = true;
    if (was_given_up(job)) return; // the whole says why
    told_by_part_ = true;
    note_result(job);
    if (is_autoinstall() && lacks_dependencies(job)) return; // the summary says it
    begin(part);
    part.narrator.tell_end(job);
    if (is_autoinstall()) console_.out("\n");
}

void LegacyRenderer::note_result(const JobView& job)
{
    const std::string& name = job.request.module.name;
    if (job.result == Result::skipped && job.error)
        skipped_.push_back(name);
    else if (lacks_dependencies(job))
        lines_.push_back(job.request.module.text() + " autoinstall failed due to missing dependencies: " +
                         job.error->parameter("dependencies") + ".");
    else if (job.result == Result::failed || job.result == Result::cancelled)
        failed_.push_back(name + "(" + std::to_string(exit_code_of(job)) + ")");
    else
        succeeded_.push_back(name);
}

/// The next children, as far as they have reported.
void LegacyRenderer::go_on()
{
    while (turn_ < children_.size() && parts_.at(children_[turn_]).ended) {
        ++turn_;
        if (turn_ == children_.size()) return;
        const bool separates = style_.action == "uninstall" || style_.action == "unbuild";
        if (separates) console_.out("\n");
        Part& next = parts_.at(children_[turn_]);
        for (const Event& event : std::exchange(next.waiting, {})) tell(next, event);
    }
}

void LegacyRenderer::end_whole(const JobView& job)
{
    Part& whole = parts_.at(whole_);
    if (is_autoinstall()) {
        if (!children_.empty() || !deferred_.empty()) tell_summary();
        const bool told_by_children = job.result == Result::failed && !failed_.empty();
        if (job.result == Result::failed && (told_by_children || !lines_.empty()))
            console_.err(error_text(Error(ErrorCode::autoinstall_failed), {}));
        else if (job.result == Result::failed)
            whole.narrator.tell_end(job);
        return;
    }
    if (whole.narrator.request().verb == Verb::match && children_.empty() && job.result == Result::skipped)
        console_.out("\nThere is nothing to be done for this match.\n");
    if (!told_by_part_) whole.narrator.tell_end(job);
}

void LegacyRenderer::tell_summary() const
{
    const std::string on = "Autoinstall on " + parts_.at(whole_).narrator.request().kernels.front().release;
    const auto list = [&](const std::string& what, const std::vector<std::string>& names) {
        if (!names.empty()) console_.out(on + what + joined(names) + ".\n");
    };
    list(" succeeded for module(s) ", succeeded_);
    list(" was skipped for module(s) ", skipped_);
    list(" failed for module(s) ", failed_);
    for (const std::string& line : lines_) console_.out(line + "\n");
    if (deferred_.empty()) return;
    console_.out(on + " deferred module(s) " + joined(deferred_) +
                 " due to BUILD_DEPENDS not yet registered with DKMS.\n" +
                 "These may be provided externally or by a package not yet configured; autoinstall will retry on the "
                 "next trigger.\n");
}

void LegacyRenderer::tick(double now)
{
    if (turn_ < children_.size())
        parts_.at(children_[turn_]).narrator.tick(now);
    else if (whole_ != 0)
        parts_.at(whole_).narrator.tick(now);
}

} // namespace dkms::legacy
