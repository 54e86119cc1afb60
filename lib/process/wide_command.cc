// SPDX-License-Identifier: LGPL-2.1-or-later
#include "lib/process/wide_command.h"

#include "lib/model/error.h"
#include "lib/process/message.h"

#include <nlohmann/json.hpp>

#include <array>
#include <cerrno>
#include <cstdlib>
#include <optional>

#include <fcntl.h>
#include <poll.h>
#include <sys/resource.h>
#include <unistd.h>

namespace dkms {
namespace {

using nlohmann::json;

const char* unit_socket() { return std::getenv("DKMS_SCRIPT_UNIT"); }

/// Has the unit run a command; the connection to it.
Descriptor start_elsewhere(const char* socket, const Command& command)
{
    Descriptor unit = connect_to(socket);
    const Descriptor null(::open("/dev/null", O_RDWR | O_CLOEXEC));
    const auto or_null = [&](int number) { return number < 0 ? null.number() : number; };
    const int output = or_null(command.output);
    json words = to_json(command);
    words["background"] = ::getpriority(PRIO_PROCESS, 0) > 0;
    send_message(unit.number(), words.dump(),
                 {or_null(command.input), output, command.error < 0 ? output : command.error});
    return unit;
}

/// What the unit says when the connection is readable: how the command has ended.
ExitStatus end_of(const Descriptor& unit)
{
    const auto message = receive_message(unit.number());
    const json words = message ? json::parse(message->text, nullptr, false) : json();
    if (words.is_object() && words.contains("refused")) throw Error(error_from_json(words.at("refused")));
    if (!words.is_object() || !words.contains("ended"))
        throw Error(ErrorCode::internal, {{"reason", "the unit dkms-script@*.service ended before its command"}});
    const json& ended = words.at("ended");
    return {ended.at("code").get<int>(), ended.at("signal").get<int>()};
}

void hand_on(int from, const std::function<void(std::string_view)>& heard, bool& open)
{
    std::array<char, 65536> block;
    while (open) {
        const ssize_t got = ::read(from, block.data(), block.size());
        if (got < 0 && errno == EINTR) continue;
        if (got < 0 && errno == EAGAIN) return;
        open = got > 0;
        if (open) heard({block.data(), static_cast<std::size_t>(got)});
    }
}

/// `from` (-1: nothing) is read for `heard` until the command has ended.
ExitStatus wait_for(const Descriptor& unit, int from, const std::function<void(std::string_view)>& heard,
                    Cancellation* cancellation)
{
    bool open = from >= 0;
    bool stopped = false;
    for (;;) {
        std::vector<pollfd> sources{{unit.number(), POLLIN, 0}, {open ? from : -1, POLLIN, 0}};
        if (cancellation != nullptr && !stopped) {
            sources.push_back({cancellation->signal_descriptor(), POLLIN, 0});
            sources.push_back({cancellation->parent_descriptor(), POLLIN, 0});
        }
        ::poll(sources.data(), sources.size(), -1);
        if (!stopped && cancellation != nullptr && cancellation->requested()) {
            stopped = true;
            send_message(unit.number(), json{{"stop", true}}.dump());
        }
        hand_on(from, heard, open);
        if (sources[0].revents == 0) continue;
        const ExitStatus status = end_of(unit);
        hand_on(from, heard, open);
        if (stopped) throw Error(ErrorCode::cancelled);
        return status;
    }
}

} // namespace

json to_json(const Command& command)
{
    return {{"command", 1},
            {"argv", command.argv},
            {"environment", command.environment},
            {"directory", command.directory.string()},
            {"die_with_parent", command.die_with_parent}};
}

Command command_from_json(const json& value)
{
    if (value.at("command") != 1)
        throw Error(ErrorCode::internal, {{"reason", "a command of another version of dkms-worker"}});
    Command command;
    command.argv = value.at("argv").get<std::vector<std::string>>();
    command.environment = value.at("environment").get<std::vector<std::string>>();
    command.directory = value.at("directory").get<std::string>();
    command.die_with_parent = value.at("die_with_parent").get<bool>();
    return command;
}

WideChild WideChild::start(const Command& command)
{
    const char* const socket = unit_socket();
    return socket == nullptr ? WideChild(Child::start(command)) : WideChild(start_elsewhere(socket, command));
}

ExitStatus WideChild::wait()
{
    if (child_) return child_->wait();
    pollfd source{unit_.number(), POLLIN, 0};
    while (::poll(&source, 1, -1) < 0 && errno == EINTR) {
    }
    return end_of(unit_);
}

ExitStatus run_wide(const Command& command, Cancellation* cancellation)
{
    const char* const socket = unit_socket();
    if (socket == nullptr) return run(command, cancellation);
    return wait_for(start_elsewhere(socket, command), -1, {}, cancellation);
}

ExitStatus run_wide_heard(Command command, const std::function<void(std::string_view)>& heard,
                          Cancellation* cancellation)
{
    const char* const socket = unit_socket();
    if (socket == nullptr) return run_heard(std::move(command), heard, cancellation);
    Pipe pipe = make_pipe();
    ::fcntl(pipe.read.number(), F_SETFL, O_NONBLOCK);
    command.output = pipe.write.number();
    const Descriptor unit = start_elsewhere(socket, command);
    pipe.write.close();
    return wait_for(unit, pipe.read.number(), heard, cancellation);
}

} // namespace dkms
