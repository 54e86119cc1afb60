// SPDX-License-Identifier: LGPL-2.1-or-later
#include "lib/build/build_commands.h"

#include "lib/build/failure_hints.h"
#include "lib/build/first_error.h"
#include "lib/model/error.h"
#include "lib/process/own_usage.h"
#include "lib/tree/layout.h"

#include <algorithm>
#include <chrono>

namespace dkms {
namespace {

using Clock = std::chrono::steady_clock;

double seconds_since(Clock::time_point start) { return std::chrono::duration<double>(Clock::now() - start).count(); }

std::vector<std::string> as_list(const Environment& environment)
{
    std::vector<std::string> list;
    for (const auto& [name, value] : environment) list.push_back(name + "=" + value);
    return list;
}

} // namespace

BuildCommands::BuildCommands(const Work& work, const Workplace& workplace, MakeLog& log, Environment environment,
                             std::unique_ptr<CommandPlace> place)
    : work_(work), workplace_(workplace), log_(log), environment_(std::move(environment)),
      limits_(limits_for(work), work.step.module, work.step.kernel, workplace.written()), place_(std::move(place))
{
}

ExitStatus BuildCommands::run(BuildCommand wanted)
{
    wanted.command.environment = as_list(environment_);
    work_.reporter.command_started(wanted.what, wanted.subject, wanted.text);
    log_.begin(wanted.description, wanted.text);
    const auto start = Clock::now();
    const auto heard = [&](std::string_view text) {
        limits_.heard(text.size());
        log_.output(text);
        if (wanted.heard) wanted.heard(text);
        if (work_.step.options.verbose) work_.reporter.command_output(wanted.what, wanted.subject, text);
    };
    const ExitStatus status = run_in_place(std::move(wanted.command), heard);
    const double seconds = seconds_since(start);
    last_code_ = status.code;
    log_.end(status.code, seconds);
    work_.reporter.command_ended(wanted.what, wanted.subject, status.code, seconds);
    limits_.end(status, log_.last_output());
    if (!status.ok() && tells_of_full_disk(log_.last_output()))
        throw Error(ErrorCode::disk_full, {{"path", workplace_.shown_build().string()}});
    return status;
}

Captured BuildCommands::run_quietly(Command command)
{
    constexpr std::size_t most = std::size_t{1} << 20;
    Captured said;
    const auto heard = [&](std::string_view text) {
        said.output += text.substr(0, most - std::min(most, said.output.size()));
    };
    said.status = run_in_place(std::move(command), heard);
    limits_.end({}, {});
    return said;
}

ExitStatus BuildCommands::run_in_place(Command command, const std::function<void(std::string_view)>& heard)
{
    command.limits = limits_.begin();
    command.directory = workplace_.shown_build();
    return place_->run(std::move(command), workplace_.sandbox(), heard, limits_, work_.cancellation);
}

/// That root has to make the sandbox is no fault, but whoever looks for the reason finds it in the log.
void BuildCommands::settle(const std::function<void(std::pair<uid_t, gid_t>)>& give)
{
    const auto start = Clock::now();
    give(place_->user(workplace_.kind(), work_.cancellation));
    limits_.begin_waiting();
    place_->settle(workplace_.kind(), workplace_.sandbox(), workplace_.shown_build(), limits_, work_.cancellation);
    limits_.end({}, {});
    give(place_->user(workplace_.kind(), work_.cancellation));
    const std::string reason = place_->root_because();
    if (reason.empty()) return;
    log_.begin("Trying the sandbox as the user who builds; root makes it instead", "true");
    log_.output(reason + "\n");
    log_.end(1, seconds_since(start));
}

std::optional<Restriction> BuildCommands::restriction(const std::vector<CommandText>& texts) const
{
    const RestrictionFinder finder(workplace_, work_.step.module.text(), work_.places.config_dir / "policy.conf");
    return finder.find(log_.last_output(), texts);
}

Error BuildCommands::explained(const Error& error, const std::vector<CommandText>& texts) const
{
    Parameters parameters = error.parameters();
    if (const auto found = restriction(texts)) {
        parameters.insert_or_assign("restriction", found->what);
        parameters.insert_or_assign("excerpt", found->excerpt);
        parameters.insert_or_assign("remedy", found->remedy);
        parameters.emplace("kernel", work_.step.kernel.release);
        return Error(ErrorCode::sandbox_restriction, std::move(parameters));
    }
    FailureReason reason = failure_reason(log_.last_output(), workplace_.shown_build().string());
    if (reason.text.empty()) reason.text = "it ended with exit code " + std::to_string(last_code_) + " and no output";
    parameters.insert_or_assign("excerpt", reason.text);
    if (error.code() == ErrorCode::build_failed) {
        std::string hint = hint_for(reason);
        if (hint.empty() && reason.blame != Blame::compiler && reason.blame != Blame::nothing)
            hint = "What led to this is in the log.";
        if (!hint.empty()) parameters.insert_or_assign("remedy", hint);
    }
    return Error(error.code(), std::move(parameters));
}

std::string BuildCommands::hint_for(const FailureReason& reason) const
{
    const Layout layout(work_.places);
    return failure_hint(reason, {work_.step.kernel.release, layout.source_link(work_.step.module)});
}

Error BuildCommands::with_complaints(const Error& error) const
{
    const std::string complaints = complaints_in(log_.last_output(), workplace_.shown_build().string());
    if (complaints.empty()) return error;
    Parameters parameters = error.parameters();
    parameters.insert_or_assign("excerpt", complaints);
    if (const auto found = restriction({}))
        parameters.insert_or_assign("remedy", found->remedy);
    else if (const std::string hint = hint_for({complaints, Blame::program}); !hint.empty())
        parameters.insert_or_assign("remedy", hint);
    return Error(error.code(), std::move(parameters));
}

} // namespace dkms
