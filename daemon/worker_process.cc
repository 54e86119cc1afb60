// SPDX-License-Identifier: LGPL-2.1-or-later
#include "daemon/worker_process.h"

#include <nlohmann/json.hpp>

#include <array>
#include <cerrno>
#include <utility>
#include <vector>

#include <fcntl.h>
#include <unistd.h>

namespace dkms {
namespace {

using nlohmann::json;
constexpr auto grace = std::chrono::seconds(10);

std::unique_ptr<StartedWorker> start_at(Workers& workers, const WorkerProcess::Start& start, int events)
{
    WorkerGifts gifts;
    gifts.events = events;
    gifts.lock = start.lock;
    if (start.jobserver) {
        gifts.jobserver_read = start.jobserver->read_end();
        gifts.jobserver_write = start.jobserver->write_end();
    }
    gifts.log = start.log;
    gifts.handle = start.handle;
    return workers.start(start.order, gifts);
}

} // namespace

WorkerProcess::WorkerProcess(Loop& loop, Workers& workers, const Start& start, Listener listener)
    : loop_(loop), listener_(std::move(listener)), worker_([&] {
          Pipe events = make_pipe();
          events_ = std::move(events.read);
          ::fcntl(events_.number(), F_SETFL, O_NONBLOCK);
          return start_at(workers, start, events.write.number());
      }())
{
    on_events_ = loop_.on_readable(events_.number(), [this] { read_events(); });
    on_worker_ = loop_.on_readable(worker_->descriptor(), [this] { look_for_end(); });
}

void WorkerProcess::stop()
{
    if (stopping_) return;
    stopping_ = true;
    worker_->terminate();
    kill_later();
}

void WorkerProcess::kill_later()
{
    on_grace_ = loop_.after(grace, [this] { worker_->kill(); });
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

void WorkerProcess::look_for_end()
{
    if (has_ended_) return; // the descriptor tells it until somebody destroys us
    const auto end = worker_->end();
    if (!end) return;
    has_ended_ = true;
    // What it wrote last may still be in the pipe.
    for (std::array<char, 65536> block;;) {
        const ssize_t got = ::read(events_.number(), block.data(), block.size());
        if (got < 0 && errno == EINTR) continue;
        if (got <= 0) break;
        take({block.data(), static_cast<std::size_t>(got)});
    }
    // Who was not asked to stop and says that it was cancelled has seen its keeper die, a moment before itself.
    const bool lost = outcome_ && outcome_->result == Result::cancelled && !stopping_ && end->refused;
    const auto ended = listener_.ended;
    ended(outcome_ && !lost ? *outcome_ : outcome_of(*end));
}

/// Of one that has not told it.
Outcome WorkerProcess::outcome_of(const WorkerEnd& end) const
{
    // One that an upgrade kept from being started counts as cut off: the next dkmsd, which is on its way, does it.
    if (stopping_ || end.outdated) return {Result::cancelled, Error(ErrorCode::cancelled), {}};
    if (end.refused) return {Result::failed, *end.refused, {}};
    const std::string reason = end.status.signal != 0
                                   ? "its worker was killed by signal " + std::to_string(end.status.signal)
                                   : "its worker ended with " + std::to_string(end.status.code);
    return {Result::failed, Error(ErrorCode::interrupted, {{"reason", reason}}), {}};
}

} // namespace dkms
