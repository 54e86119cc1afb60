// SPDX-License-Identifier: LGPL-2.1-or-later
#include "daemon/worker_process.h"

#include <nlohmann/json.hpp>

#include <array>
#include <cerrno>
#include <csignal>
#include <utility>
#include <vector>

#include <fcntl.h>
#include <unistd.h>

namespace dkms {
namespace {

using nlohmann::json;
constexpr auto grace = std::chrono::seconds(10);

std::string order_text(const WorkOrder& order)
{
    return std::to_string(worker_protocol) + "\n" + to_json(order).dump() + "\n";
}

Child start_worker(const WorkerProcess::Start& start, int order, int events)
{
    Command command;
    command.argv = {"dkms-worker"};
    command.program = "/proc/self/fd/" + std::to_string(start.program);
    command.environment = base_environment();
    command.output = start.log;
    command.inherit = {{order, WorkerDescriptors::step}, {events, WorkerDescriptors::events}};
    if (start.lock >= 0) command.inherit.emplace_back(start.lock, WorkerDescriptors::lock);
    if (start.jobserver) {
        command.inherit.emplace_back(start.jobserver->read_end(), WorkerDescriptors::jobserver_read);
        command.inherit.emplace_back(start.jobserver->write_end(), WorkerDescriptors::jobserver_write);
    }
    if (start.handle >= 0) command.inherit.emplace_back(start.handle, WorkerDescriptors::handle);
    // It hears of our end by the end of file and then puts things in order itself.
    command.die_with_parent = false;
    return Child::start(command);
}

} // namespace

json to_json(const WorkOrder& order)
{
    return {{"step", to_json(order.step)},   {"places", to_json(order.places)}, {"job", order.job},
            {"jobserver", order.jobserver},  {"handle", order.handle},          {"settings", order.settings},
            {"background", order.background}};
}

WorkOrder work_order_from_json(const json& value)
{
    return {step_from_json(value.at("step")),  places_from_json(value.at("places")),
            value.at("job").get<JobId>(),      value.at("jobserver").get<bool>(),
            value.at("handle").get<bool>(),    value.at("settings").get<std::map<std::string, std::string>>(),
            value.at("background").get<bool>()};
}

WorkerProcess::WorkerProcess(Loop& loop, const Start& start, Listener listener)
    : loop_(loop), listener_(std::move(listener)), child_([&] {
          Pipe order = make_pipe();
          Pipe events = make_pipe();
          order_ = std::move(order.write);
          events_ = std::move(events.read);
          ::fcntl(events_.number(), F_SETFL, O_NONBLOCK);
          return start_worker(start, order.read.number(), events.write.number());
      }())
{
    write_all(order_.number(), order_text(start.order)); // a few hundred bytes: a pipe takes them at once
    on_events_ = loop_.on_readable(events_.number(), [this] { read_events(); });
    on_exit_ = loop_.on_readable(child_.descriptor(), [this] { end(); });
}

void WorkerProcess::stop()
{
    if (stopping_) return;
    stopping_ = true;
    child_.signal(SIGTERM);
    kill_later();
}

void WorkerProcess::kill_later()
{
    on_grace_ = loop_.after(grace, [this] { child_.signal_group(SIGKILL); });
}

void WorkerProcess::set_may_be_killed(bool may)
{
    if (std::exchange(may_be_killed_, may) == may || !stopping_) return;
    on_grace_ = Source();
    if (may) kill_later();
}

void WorkerProcess::read_events()
{
    std::array<char, 65536> block;
    const ssize_t got = ::read(events_.number(), block.data(), block.size());
    if (got < 0 && (errno == EINTR || errno == EAGAIN)) return;
    if (got <= 0) {
        on_events_ = Source();
        return;
    }
    take({block.data(), static_cast<std::size_t>(got)});
}

/// A worker that says what nobody understands ends in peace, as it may be in the middle of an install, but unheard.
void WorkerProcess::take(std::string_view bytes)
{
    if (not_understood_) return;
    std::vector<Event> events;
    try {
        lines_.add(bytes);
        for (std::string line; lines_.next(line);) {
            const json value = json::parse(line);
            if (value.contains("result") && !value.contains("event"))
                outcome_ = outcome_from_json(value);
            else
                events.push_back(event_from_json(value));
        }
    } catch (const std::exception& fault) {
        not_understood_ = true;
        outcome_ = Outcome{Result::failed,
                           Error(ErrorCode::internal, {{"reason", std::string("a worker's line: ") + fault.what()}}),
                           {}};
    }
    for (const Event& event : events) listener_.event(event);
}

void WorkerProcess::end()
{
    if (std::exchange(has_ended_, true)) return; // the descriptor tells it until somebody destroys us
    // What it wrote last may still be in the pipe.
    for (std::array<char, 65536> block;;) {
        const ssize_t got = ::read(events_.number(), block.data(), block.size());
        if (got < 0 && errno == EINTR) continue;
        if (got <= 0) break;
        take({block.data(), static_cast<std::size_t>(got)});
    }
    const ExitStatus status = child_.wait();
    if (!outcome_ && stopping_) outcome_ = Outcome{Result::cancelled, Error(ErrorCode::cancelled), {}};
    if (!outcome_) {
        const std::string reason = status.signal != 0
                                       ? "its worker was killed by signal " + std::to_string(status.signal)
                                       : "its worker ended with " + std::to_string(status.code);
        outcome_ = Outcome{Result::failed, Error(ErrorCode::interrupted, {{"reason", reason}}), {}};
    }
    const auto ended = listener_.ended;
    ended(*outcome_);
}

} // namespace dkms
