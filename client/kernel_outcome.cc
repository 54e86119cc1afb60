// SPDX-License-Identifier: LGPL-2.1-or-later
#include "client/kernel_outcome.h"

#include "client/text.h"
#include "client/wording.h"

#include <algorithm>
#include <array>

namespace dkms {
namespace {

using Jobs = std::vector<const JobProgress*>;

template <typename Predicate>
Jobs those(const Jobs& jobs, Predicate predicate)
{
    Jobs found;
    std::copy_if(jobs.begin(), jobs.end(), std::back_inserter(found),
                 [&](const JobProgress* job) { return predicate(*job); });
    return found;
}

bool has_failed(const JobProgress& job) { return job.failed() && !job.waits(); }

std::string names_of(const Jobs& jobs)
{
    std::string names;
    for (const JobProgress* job : jobs) names += (names.empty() ? "" : ", ") + printable(job->request.module.text());
    return names;
}

std::string kernel_of(const ProgressBoard& board)
{
    const JobProgress* const whole = board.outermost();
    return whole == nullptr ? std::string() : printable(whole->kernel.release);
}

std::string counts(const Jobs& modules)
{
    struct Row {
        bool (*counted)(const JobProgress& job);
        std::string_view what;
    };
    constexpr std::array<Row, 5> rows{{
        {[](const JobProgress& job) { return job.ended && job.ended->result == Result::done; }, "installed"},
        {has_failed, "failed"},
        {[](const JobProgress& job) { return job.waits(); }, "waiting for headers"},
        {[](const JobProgress& job) { return job.excluded(); }, "not meant for it"},
        {[](const JobProgress& job) { return job.ended && job.ended->result == Result::skipped && !job.excluded(); },
         "there already"},
    }};
    std::string text;
    for (const Row& row : rows)
        if (const std::size_t count = those(modules, row.counted).size(); count > 0)
            text += (text.empty() ? "" : ", ") + std::to_string(count) + " " + std::string(row.what);
    return text;
}

std::string headers_sentence(const Jobs& waiting, const std::string& kernel)
{
    const Parameters& facts = waiting.front()->ended->error->parameters();
    const auto package = facts.find("package");
    return "Waiting for the headers of kernel " + kernel + ": " + names_of(waiting) + ".\n" +
           (package == facts.end() ? "Install them" : "Install " + printable(package->second)) +
           ", and the modules are built by themselves.\n";
}

/// Each line of the text behind a mark, between two rulers.
std::string marked(std::string_view text)
{
    const std::string ruler(76, '*');
    std::string block = ruler + "\n";
    while (!text.empty()) {
        const auto end = text.find('\n');
        block += "**  " + std::string(text.substr(0, end)) + "\n";
        text.remove_prefix(end == std::string_view::npos ? text.size() : end + 1);
    }
    return block + ruler + "\n";
}

} // namespace

std::string kernel_summary(const ProgressBoard& board)
{
    const Jobs modules = board.parts();
    if (modules.empty()) return "";
    const std::string kernel = kernel_of(board);
    const Jobs waiting = those(modules, [](const JobProgress& job) { return job.waits(); });
    const Jobs required = those(modules, [](const JobProgress& job) {
        return has_failed(job) && job.request.options.policy == Policy::required;
    });
    return "Kernel " + kernel + ": " + counts(modules) + ".\n" +
           (waiting.empty() ? "" : headers_sentence(waiting, kernel)) +
           (required.empty() ? "" : "Missing, but required (dkms-policy.conf(5)): " + names_of(required) + ".\n");
}

std::string boot_warning(const ProgressBoard& board, bool service, const std::string& running)
{
    const Jobs missing = those(board.parts(), [](const JobProgress& job) {
        return has_failed(job) && job.request.options.policy == Policy::boot;
    });
    if (missing.empty()) return "";
    const std::string kernel = kernel_of(board);
    std::string text = "DO NOT BOOT KERNEL " + kernel + ": this machine needs " + names_of(missing) +
                       "\nto boot (dkms-policy.conf(5)), and that kernel lacks it.\n\n";
    for (const JobProgress* job : missing)
        text += printable(job->request.module.text()) + " " + result_text(*job) + "\n" + failure_details(*job, service);
    text += "\nKeep " + (running == kernel ? "another kernel" : "kernel " + running + ", the running one,") +
            " and choose that one when the machine starts.\nTo try again: dkmsctl autoinstall -k " + kernel + "\n";
    return marked(text);
}

int hook_exit_code(const ProgressBoard& board)
{
    const Jobs modules = board.parts();
    const JobProgress* const whole = board.outermost();
    const auto is_needed = [](const JobProgress& job) { return job.request.options.policy != Policy::optional; };
    // What went wrong with the whole, such as depmod, goes for each of them.
    const bool all = whole != nullptr && whole->failed() &&
                     those(modules, [](const JobProgress& job) { return job.failed(); }).empty();
    const Jobs lost =
        those(modules, [&](const JobProgress& job) { return is_needed(job) && (all || has_failed(job)); });
    return lost.empty() ? 0 : Error(ErrorCode::autoinstall_failed).exit_code(Verb::autoinstall);
}

} // namespace dkms
