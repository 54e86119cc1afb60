// SPDX-License-Identifier: LGPL-2.1-or-later
#include "client/daemon_program.h"
#include "client/transport.h"
#include "lib/model/error.h"
#include "lib/process/wide_command.h"

#include <nlohmann/json.hpp>

#include <array>
#include <cerrno>
#include <deque>
#include <set>

#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

namespace dkms {
namespace {

using nlohmann::json;

constexpr std::size_t longest_answer = 256UL * 1024 * 1024; // a status of a large tree is one line

std::vector<std::string> own_environment()
{
    std::vector<std::string> variables;
    for (char** variable = environ; variable != nullptr && *variable != nullptr; ++variable)
        variables.emplace_back(*variable);
    return variables;
}

std::vector<std::string> arguments_for(const PlaceOptions& places)
{
    std::vector<std::string> argv{daemon_program().string(), "--stdio"};
    const auto add = [&](const char* option, const std::optional<std::filesystem::path>& path) {
        if (path) argv.insert(argv.end(), {option, path->string()});
    };
    add("--root", places.root);
    add("--dkmstree", places.dkms_tree);
    add("--sourcetree", places.source_tree);
    add("--installtree", places.install_tree);
    return argv;
}

/// Our end of a socket pair for its input: a pipe would end us by a signal when dkmsd has gone.
struct Wire {
    Descriptor ours;
    Descriptor theirs;
};

Wire make_wire()
{
    std::array<int, 2> ends{};
    if (::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends.data()) < 0)
        throw Error(ErrorCode::service_unavailable, {{"reason", "socketpair: " + errno_text(errno)}});
    return {Descriptor(ends[0]), Descriptor(ends[1])};
}

WideChild start(const PlaceOptions& places, int input, int output)
{
    Command command;
    command.argv = arguments_for(places);
    command.environment = own_environment();
    command.input = input;
    command.output = output;
    command.error = STDERR_FILENO;
    // The end of its input tells it that we are gone; an install step is then finished, not killed.
    command.die_with_parent = false;
    try {
        return WideChild::start(command);
    } catch (const Error& error) {
        throw Error(ErrorCode::service_unavailable, {{"reason", command.argv.front() + ": " + error.message()}});
    }
}

/// A child dkmsd and the lines it says. Answers come in the order of the calls, events between them are kept until
/// somebody follows.
class StdioTransport : public Transport {
public:
    explicit StdioTransport(const PlaceOptions& places) : StdioTransport(places, make_wire(), make_pipe()) {}

    ~StdioTransport() override
    {
        input_.close();
        try {
            child_.wait();
        } catch (const Error&) {
            return; // its unit has been ended, and so has it
        }
    }

    Accepted submit(const Request& request, int handle, bool) override // its jobs end with us: we wait
    {
        const json answer = call(to_json(request), handle);
        return {answer.at("accepted").get<JobId>(), answer.value("joined", false)};
    }

    JobView follow(JobId job, const EventSink& sink, int interrupt, const std::function<void()>& interrupted) override
    {
        std::set<JobId> followed{job};
        while (true) {
            while (!events_.empty()) {
                const Event event = std::move(events_.front());
                events_.pop_front();
                if (event.kind == EventKind::job_new && followed.count(event.facts.value("parent", JobId{0})) > 0)
                    followed.insert(event.job);
                if (followed.count(event.job) == 0) continue;
                sink(event);
                if (event.kind == EventKind::job_ended && event.job == job)
                    return job_view_from_json(event.facts.at("view"));
            }
            if (read_some(interrupt))
                take_lines();
            else
                interrupted();
        }
    }

    std::vector<ModuleStatus> status(const StatusFilter& filter) override
    {
        const json answer = call({{"status", to_json(filter)}});
        std::vector<ModuleStatus> modules;
        for (const json& one : answer.at("modules")) modules.push_back(module_status_from_json(one));
        return modules;
    }

    std::vector<HistoryEntry> history(const StatusFilter& filter) override
    {
        const json answer = call({{"history", to_json(filter)}});
        std::vector<HistoryEntry> entries;
        for (const json& one : answer.at("history")) entries.push_back(history_entry_from_json(one));
        return entries;
    }

    std::vector<std::string> kernels_arriving() override { return {}; }
    json kernels_missing_modules() override { return call({{"gaps", json::object()}}).at("kernels_missing_modules"); }

    json needs(const std::vector<KernelId>& kernels) override
    {
        json names = json::array();
        for (const KernelId& kernel : kernels) names.push_back(kernel.text());
        return call({{"needs", std::move(names)}}).at("kernels");
    }

    std::filesystem::path install_tree() override
    {
        return places_from_json(call({{"places", json::object()}}).at("places")).install_tree;
    }

    std::vector<Finding> lint(const std::filesystem::path& path) override
    {
        const json answer = call({{"lint", path.string()}});
        std::vector<Finding> findings;
        for (const json& one : answer.at("findings")) findings.push_back(finding_from_json(one));
        return findings;
    }

    std::vector<JobView> jobs() override
    {
        const json answer = call({{"jobs", json::object()}});
        std::vector<JobView> found;
        for (const json& one : answer.at("jobs")) found.push_back(job_view_from_json(one));
        return found;
    }

    std::vector<JobView> all_jobs() override { return jobs(); } // its jobs end with it

    JobView job(JobId job) override { return job_view_from_json(call({{"job", job}}).at("view")); }
    void cancel(JobId job) override { call({{"cancel", job}}); }
    Descriptor open_log(JobId) override { refuse("only the service keeps the logs of its jobs, and it does not run"); }

    void monitor(const std::function<void(const JobView&)>&, int) override
    {
        refuse("only the service has jobs to watch, and it does not run");
    }

    bool jobs_outlive_client() const override { return false; }

private:
    StdioTransport(const PlaceOptions& places, Wire wire, Pipe pipe)
        : child_(start(places, wire.theirs.number(), pipe.write.number())), input_(std::move(wire.ours)),
          output_(std::move(pipe.read))
    {
    }

    [[noreturn]] static void refuse(const char* reason) { throw Error(ErrorCode::not_supported, {{"reason", reason}}); }

    json call(const json& message, int handle = -1)
    {
        send(message.dump(-1, ' ', false, json::error_handler_t::replace) + "\n", handle);
        while (answers_.empty()) {
            read_some(-1);
            take_lines();
        }
        json answer = std::move(answers_.front());
        answers_.pop_front();
        if (answer.contains("error")) throw error_from_json(answer);
        return answer;
    }

    void send(std::string_view text, int handle)
    {
        try {
            send_all(input_.number(), text, handle);
        } catch (const Error&) {
            gone();
        }
    }

    /// Waits for bytes and keeps them. False: `interrupt` became readable before there were any.
    bool read_some(int interrupt)
    {
        std::array<pollfd, 2> wanted{{{output_.number(), POLLIN, 0}, {interrupt, POLLIN, 0}}};
        while (::poll(wanted.data(), wanted.size(), -1) < 0)
            if (errno != EINTR) gone();
        if (wanted[1].revents != 0) return false;
        std::array<char, 64 * 1024> buffer{};
        const ssize_t size = ::read(output_.number(), buffer.data(), buffer.size());
        if (size == 0 || (size < 0 && errno != EINTR)) gone();
        if (size > 0) lines_.add(std::string_view(buffer.data(), static_cast<std::size_t>(size)));
        return true;
    }

    void take_lines()
    {
        for (std::string line; lines_.next(line);) {
            json value = json::parse(line, nullptr, false);
            if (!value.is_object()) throw Error(ErrorCode::internal, {{"reason", "dkmsd said: " + line}});
            if (value.contains("event"))
                events_.push_back(event_from_json(value));
            else
                answers_.push_back(std::move(value));
        }
    }

    [[noreturn]] void gone()
    {
        input_.close();
        const ExitStatus status = child_.wait();
        throw Error(ErrorCode::service_unavailable,
                    {{"reason", status.signal != 0 ? "it was ended by signal " + std::to_string(status.signal)
                                                   : "it ended with exit code " + std::to_string(status.code)}});
    }

    WideChild child_;
    Descriptor input_;
    Descriptor output_;
    LineBuffer lines_{longest_answer};
    std::deque<Event> events_;
    std::deque<json> answers_;
};

} // namespace

std::unique_ptr<Transport> make_stdio_transport(const PlaceOptions& places)
{
    return std::make_unique<StdioTransport>(places);
}

} // namespace dkms
