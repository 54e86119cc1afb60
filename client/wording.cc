// SPDX-License-Identifier: LGPL-2.1-or-later
#include "client/wording.h"

#include "client/problem_text.h"
#include "client/text.h"

#include <array>

namespace dkms {
namespace {

/// What a step is called where its stages would mislead or say nothing.
std::string_view step_word(StepKind step)
{
    constexpr std::array<std::string_view, 21> words{"adding",
                                                     "building",
                                                     "installing",
                                                     "uninstalling",
                                                     "unbuilding",
                                                     "removing",
                                                     "making the initramfs",
                                                     "importing",
                                                     "importing",
                                                     "packing",
                                                     "making RPMs",
                                                     "making Debian packages",
                                                     "making the driver disk",
                                                     "looking",
                                                     "looking",
                                                     "running depmod",
                                                     "loading modules",
                                                     "running the post-transaction command",
                                                     "making the key",
                                                     "tidying up",
                                                     "checking"};
    return words.at(static_cast<std::size_t>(step));
}

std::string_view stage_word(Stage stage)
{
    constexpr std::array<std::string_view, 7> words{
        "preparing", "patching", "building", "signing", "installing", "running depmod", "making the initramfs"};
    return words.at(static_cast<std::size_t>(stage));
}

std::string_view doing(std::optional<StepKind> step, std::optional<Stage> stage)
{
    const bool makes = !step || step == StepKind::build || step == StepKind::install;
    if (stage && (makes || stage == Stage::depmod || stage == Stage::initramfs)) return stage_word(*stage);
    return makes ? stage_word(Stage::prepare) : step_word(*step);
}

std::string done_text(const JobProgress& job)
{
    const auto counted = [](std::string_view done, std::size_t count) {
        return std::string(done) + (count > 0 ? " " + count_text(count, "module") : "");
    };
    switch (job.request.verb) {
    case Verb::add:
        return "added";
    case Verb::build:
        return counted("built", job.modules_built);
    case Verb::install:
        return counted("installed", job.files_installed);
    case Verb::uninstall:
        return counted("uninstalled", job.files_deleted);
    case Verb::unbuild:
        return "build deleted";
    case Verb::remove:
        return "removed";
    case Verb::rebuild:
        return job.files_installed > 0 ? counted("rebuilt and installed", job.files_installed)
                                       : counted("rebuilt", job.modules_built);
    case Verb::load:
        return "imported";
    case Verb::pack:
        return "exported";
    case Verb::match:
        return "matched";
    case Verb::autoinstall:
        return "complete";
    case Verb::kernel_preinst:
    case Verb::kernel_prerm:
        return "cleared";
    case Verb::generate_key:
        return "made";
    case Verb::check:
        return problems_summary(job.problems);
    case Verb::switch_version:
        return "switched";
    case Verb::roll_back:
        return job.version.empty() ? "rolled back" : "rolled back to " + printable(job.version);
    }
    return "done";
}

std::string nothing_to_do_text(Verb verb)
{
    constexpr std::array<std::string_view, 17> texts{
        "is added already",    "is built already", "is installed already", "was not installed",
        "was not built",       "was not there",    "nothing to do",        "nothing to do",
        "nothing to do",       "nothing to do",    "nothing to do",        "nothing to do",
        "nothing to do",       "is there already", "found nothing wrong",  "is installed already",
        "is installed already"};
    return std::string(texts.at(static_cast<std::size_t>(verb)));
}

std::string indented(std::string_view line) { return line.empty() ? "" : "  " + printable(line) + "\n"; }

/// Every line of what the compiler said.
std::string indented_lines(std::string_view text)
{
    std::string result;
    while (!text.empty()) {
        const auto end = text.find('\n');
        result += indented(text.substr(0, end));
        text.remove_prefix(end == text.npos ? text.size() : end + 1);
    }
    return result;
}

/// What the build said, where that says it all; else the error's own sentence, and below it what the build said.
std::string reason_lines(const Error& error)
{
    if (const std::string complaints = error.parameter("complaints"); !complaints.empty())
        return indented_lines(complaints) + indented_lines(error.message());
    const std::string excerpt = error.parameter("excerpt");
    if (excerpt.empty() || error.code() == ErrorCode::sandbox_restriction) return indented_lines(error.message());
    if (error.code() == ErrorCode::module_not_produced) return indented(error.message()) + indented_lines(excerpt);
    return indented_lines(excerpt);
}

std::string log_line(const JobProgress& job, bool service)
{
    const bool runs_nothing = job.step == StepKind::load || job.step == StepKind::adopt;
    if (service)
        return job.started_at > 0 && !runs_nothing ? "  The whole log: dkmsctl log " + std::to_string(job.id) + "\n"
                                                   : "";
    const std::string path = job.ended->error->parameter("log");
    return path.empty() ? "" : indented("The whole log: " + path);
}

std::string refused_text(const Event& event)
{
    const std::string reason = event.text("reason");
    const std::string installed = event.text("installed");
    const std::string text = event.text("module") + " is not installed: ";
    if (reason == "older")
        return text + "the kernel has a newer version, " + installed + " (this is " + event.text("offered") + ").";
    if (reason == "same") return text + "the kernel already has version " + installed + ".";
    if (reason == "obsolete") return text + "kernels from " + installed + " on contain it.";
    return text + "the kernel already has the same module.";
}

std::string deferred_text(const Event& event)
{
    return event.text("module") + " is left for later: it depends on what is not in the tree (" +
           event.text("dependencies") + ").";
}

std::string stale_text(const Event& event)
{
    const std::string again = event.text("module") + " is built again for " + event.text("kernel") + ": ";
    if (event.text("what") == "signature") return again + "it was built in an image, without a signature.";
    return again + event.text("what") + " changed (" + event.text("path") + ").";
}

} // namespace

std::string_view command_text(const Request& request)
{
    switch (request.verb) {
    case Verb::load:
        return "import";
    case Verb::pack:
        return "export";
    case Verb::kernel_prerm:
        return request.options.all ? "prune" : name_of(request.verb);
    default:
        return name_of(request.verb);
    }
}

std::string activity_text(const JobProgress& job)
{
    if (!job.waiting_for.empty()) return "waiting for " + printable(job.waiting_for);
    if (!job.waits_because.empty()) return "waiting: " + printable(job.waits_because);
    if (!job.step && !job.stage) return "queued";
    if (job.request.verb == Verb::load) return "importing"; // adding it is a part of that
    return std::string(doing(job.step, job.stage));
}

std::string activity_text(const JobView& job)
{
    if (job.unreadable) return "unreadable";
    if (!job.waits_for.empty()) return "waiting";
    if (job.state == JobState::queued) return "queued";
    if (job.state == JobState::ended) return std::string(job.result ? name_of(*job.result) : "ended");
    return std::string(doing(job.step, job.stage)) + (job.percent > 0 ? " " + std::to_string(job.percent) + " %" : "");
}

std::string subject_text(const JobProgress& job, std::size_t kernel_columns)
{
    const Request& request = job.request;
    // What concerns a whole kernel, or a module that is not known yet, goes by what it does.
    const std::string& loaded = job.loaded.empty() ? job.file : job.loaded;
    const std::string named = request.module.name.empty() ? loaded : request.module.text();
    std::string module = named.empty() ? std::string(command_text(request)) : printable(named);
    if (job.kernel.release.empty()) return module;
    return module + "  " + padded(printable(kernel_text(job.kernel)), kernel_columns);
}

std::string result_text(const JobProgress& job)
{
    const std::string time = seconds_text(job.seconds());
    if (job.ended->result == Result::cancelled) return job.started_at > 0 ? "cancelled after " + time : "cancelled";
    if (job.waits()) return "waiting for the kernel's headers";
    if (job.failed()) {
        if (job.started_at <= 0) return "failed";
        return "failed while " + activity_text(job) + ", after " + time;
    }
    if (job.ended->result == Result::skipped && job.ended->error)
        return "skipped: " + printable(job.ended->error->message());
    if (job.ended->result == Result::skipped) return nothing_to_do_text(job.request.verb);
    return done_text(job) + (job.request.verb == Verb::add ? "" : " in " + time);
}

std::string failure_details(const JobProgress& job, bool service)
{
    if (!job.ended || !job.ended->error) return "";
    const Error& error = *job.ended->error;
    if (error.code() == ErrorCode::cancelled) return "";
    return reason_lines(error) + indented(error.hint()) + log_line(job, service);
}

std::string packed_text(const JobProgress& job)
{
    std::string lines;
    for (const Event& packed : job.packed) {
        const auto bytes = packed.facts.value("size", std::uint64_t{0});
        lines += indented(packed.text("path") + (bytes == 0 ? "" : "  " + size_text(bytes)));
    }
    return lines;
}

std::string problems_text(const JobProgress& job)
{
    std::string lines;
    for (const Problem& problem : job.problems) lines += problem_text(problem);
    return lines;
}

std::string notice_text(const Event& event)
{
    switch (event.kind) {
    case EventKind::warning:
        return printable("Warning: " + event.text("message"));
    case EventKind::version_refused:
        return printable(refused_text(event));
    case EventKind::deferred:
        return printable(deferred_text(event));
    case EventKind::stale:
        return printable(stale_text(event));
    case EventKind::autoinstall_disabled:
        return printable(event.text("path") + " exists, so no modules are installed by themselves.");
    default:
        return "";
    }
}

std::string error_text(const Error& error)
{
    return "dkmsctl: " + printable(error.message()) + "\n" + indented(error.hint());
}

} // namespace dkms
