// SPDX-License-Identifier: LGPL-2.1-or-later
#include "lib/build/build_commands.h"

#include "lib/build/first_error.h"
#include "lib/model/error.h"

#include <array>
#include <cerrno>
#include <chrono>

#include <fcntl.h>
#include <poll.h>
#include <unistd.h>

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

/// Passes on what can be read at once. False at the end.
bool pass_on(int from, MakeLog& log, const std::function<void(std::string_view)>& heard)
{
    std::array<char, 65536> block;
    for (;;) {
        const ssize_t got = ::read(from, block.data(), block.size());
        if (got < 0 && errno == EINTR) continue;
        if (got < 0) return errno == EAGAIN;
        if (got == 0) return false;
        const std::string_view text(block.data(), static_cast<std::size_t>(got));
        log.output(text);
        if (heard) heard(text);
    }
}

} // namespace

ExitStatus BuildCommands::pump(const Command& command, const Listener& heard)
{
    Pipe pipe = make_pipe();
    ::fcntl(pipe.read.number(), F_SETFL, O_NONBLOCK);
    Command started = command;
    started.output = pipe.write.number();
    Child child = Child::start(started);
    pipe.write.close();
    Cancellation& cancellation = work_.cancellation;
    std::array<pollfd, 4> sources{{{pipe.read.number(), POLLIN, 0},
                                   {child.descriptor(), POLLIN, 0},
                                   {cancellation.signal_descriptor(), POLLIN, 0},
                                   {cancellation.parent_descriptor(), POLLIN, 0}}};
    for (;;) {
        ::poll(sources.data(), sources.size(), -1);
        if (cancellation.requested()) {
            stop(child);
            throw Error(ErrorCode::cancelled);
        }
        // Once the command has ended nothing is waited for: what it left running may hold the pipe for ever.
        const bool ended = sources[1].revents != 0;
        if (!pass_on(pipe.read.number(), log_, heard)) sources[0].fd = -1;
        if (ended) break;
    }
    return child.wait();
}

ExitStatus BuildCommands::run(BuildCommand wanted)
{
    wanted.command.environment = as_list(environment_);
    work_.reporter.command_started(wanted.what, wanted.subject, wanted.text);
    log_.begin(wanted.description, wanted.text);
    const auto start = Clock::now();
    const ExitStatus status = pump(workplace_.enclosed(std::move(wanted.command)), wanted.heard);
    const double seconds = seconds_since(start);
    last_code_ = status.code;
    log_.end(status.code, seconds);
    work_.reporter.command_ended(wanted.what, wanted.subject, status.code, seconds);
    if (!status.ok() && tells_of_full_disk(log_.last_output()))
        throw Error(ErrorCode::disk_full, {{"path", workplace_.shown_build().string()}});
    return status;
}

std::string BuildCommands::excerpt() const
{
    const std::string line = first_error(log_.last_output(), workplace_.shown_build().string());
    return line.empty() ? "it ended with exit code " + std::to_string(last_code_) + " and no output" : line;
}

} // namespace dkms
