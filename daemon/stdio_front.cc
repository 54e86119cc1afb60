// SPDX-License-Identifier: LGPL-2.1-or-later
#include "daemon/stdio_front.h"

#include "daemon/known_gaps.h"
#include "daemon/message_of_the_day.h"
#include "lib/config/lint.h"
#include "lib/plan/needs.h"
#include "lib/tree/install_history.h"
#include "lib/tree/scan.h"

#include <nlohmann/json.hpp>

#include <cerrno>
#include <csignal>

#include <utility>

#include <unistd.h>

namespace dkms {
namespace {

using nlohmann::json;

Caller own_caller()
{
    Caller caller;
    caller.uid = ::getuid();
    return caller;
}

json status_line(const Places& places, const StatusFilter& filter)
{
    json modules = json::array();
    for (const ModuleStatus& status : scan(places, filter)) modules.push_back(to_json(status));
    return {{"modules", std::move(modules)}};
}

json history_line(const Places& places, const StatusFilter& filter)
{
    json entries = json::array();
    for (const HistoryEntry& entry : history_of(places, filter)) entries.push_back(to_json(entry));
    return {{"history", std::move(entries)}};
}

/// For the running kernel: what is looked at depends on it only where the configuration says so.
json lint_line(const Places& places, const std::filesystem::path& path)
{
    if (!path.is_absolute()) throw Error(ErrorCode::invalid_args, {{"reason", "a path is absolute"}});
    ConfContext context;
    context.kernel = {running_release(), running_architecture()};
    context.kernel_source_dir = places.install_tree / context.kernel.release / "build";
    context.places = places;
    json findings = json::array();
    for (const Finding& finding : lint(path, context)) findings.push_back(to_json(finding));
    return {{"findings", std::move(findings)}};
}

/// What each kernel of the list needs to be complete, in an empty one the running kernel.
json needs_line(const Places& places, const json& names)
{
    std::vector<KernelId> kernels;
    for (const json& name : names) kernels.push_back(parse_kernel(name.get<std::string>()));
    if (kernels.empty()) kernels.push_back({running_release(), {}});
    json needs = json::array();
    for (KernelId& kernel : kernels) {
        if (kernel.arch.empty()) kernel.arch = running_architecture();
        needs.push_back(to_json(needs_of(places, kernel, thorough_source(places))));
    }
    return {{"kernels", std::move(needs)}};
}

json jobs_line(const std::vector<JobView>& jobs)
{
    json views = json::array();
    for (const JobView& job : jobs) views.push_back(to_json(job));
    return {{"jobs", std::move(views)}};
}

} // namespace

StdioFront::StdioFront(Loop& loop, Supervisor::Setup setup, std::filesystem::path run)
    : loop_(loop), supervisor_(loop, std::move(setup), *this), run_(std::move(run))
{
    on_input_ = loop_.on_readable(STDIN_FILENO, [this] { read_input(); });
    on_terminate_ = loop_.on_signal(SIGTERM, [this] { leave(); });
    // A Ctrl-C reaches the whole terminal group; what it means is the client's business.
    on_interrupt_ = loop_.on_signal(SIGINT, [] {});
}

int StdioFront::run() { return loop_.run(); }

void StdioFront::read_input()
{
    Received received = receive(STDIN_FILENO);
    if (received.failed == EINTR) return;
    if (received.bytes.empty()) return leave();
    if (received.beside) handles_.push_back(std::move(received.beside));
    lines_.add(received.bytes);
    for (std::string line; lines_.next(line);) answer(line);
}

void StdioFront::answer(const std::string& line)
{
    try {
        say(answer_to(json::parse(line)));
    } catch (const Error& error) {
        say(to_json(error));
    } catch (const json::exception& fault) {
        say(to_json(Error(ErrorCode::invalid_args, {{"reason", fault.what()}})));
    }
}

json StdioFront::answer_to(const json& call)
{
    if (!call.is_object()) throw Error(ErrorCode::invalid_args, {{"reason", "a line is one object"}});
    if (call.contains("request")) {
        const Request request = request_from_json(call);
        const auto [job, joined] = supervisor_.submit(request, own_caller(), 0, handle_of(request));
        return {{"accepted", job}, {"joined", joined}};
    }
    if (call.contains("status")) return status_line(supervisor_.places(), status_filter_from_json(call.at("status")));
    if (call.contains("history"))
        return history_line(supervisor_.places(), status_filter_from_json(call.at("history")));
    if (call.contains("gaps")) return {{"kernels_missing_modules", shown(kernel_gaps(supervisor_.places()))}};
    if (call.contains("places")) return {{"places", to_json(supervisor_.places())}};
    if (call.contains("needs")) return needs_line(supervisor_.places(), call.at("needs"));
    if (call.contains("lint")) return lint_line(supervisor_.places(), call.at("lint").get<std::string>());
    if (call.contains("jobs")) return jobs_line(supervisor_.jobs());
    if (call.contains("job")) {
        const auto view = supervisor_.view(call.at("job").get<JobId>());
        if (!view) throw Error(ErrorCode::no_such_job, {{"job", call.at("job").dump()}});
        return {{"view", to_json(*view)}};
    }
    if (call.contains("cancel")) {
        supervisor_.cancel(call.at("cancel").get<JobId>());
        return {{"cancelled", call.at("cancel")}};
    }
    throw Error(ErrorCode::invalid_args, {{"reason", "there is no call such as " + call.dump()}});
}

Descriptor StdioFront::handle_of(const Request& request)
{
    if (!request.handle) return {};
    if (handles_.empty()) throw Error(ErrorCode::invalid_args, {{"reason", "no descriptor lies beside this line"}});
    Descriptor handle = std::move(handles_.front());
    handles_.pop_front();
    return handle;
}

void StdioFront::event(const Event& event)
{
    try {
        write_all(STDOUT_FILENO, to_line(event));
    } catch (const Error&) {
        leave();
    }
}

void StdioFront::say(const json& line)
{
    try {
        write_all(STDOUT_FILENO, line.dump(-1, ' ', false, json::error_handler_t::replace) + "\n");
    } catch (const Error&) {
        leave(); // the client is gone, which is the same as the end of input
    }
}

void StdioFront::leave()
{
    on_input_ = Source();
    if (std::exchange(leaving_, true)) return;
    supervisor_.shut_down([this] {
        tell_gaps();
        loop_.leave();
    });
}

void StdioFront::tell_gaps() const
{
    if (!tree_has_changed_ || run_.empty()) return;
    try {
        tell_at_login(run_, kernel_gaps(supervisor_.places()));
    } catch (const Error&) {
        return; // an ordinary user may not tell others, and the command has done what it was asked for
    }
}

} // namespace dkms
