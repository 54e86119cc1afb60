// SPDX-License-Identifier: LGPL-2.1-or-later
#include "daemon/command_keeper.h"

#include "lib/build/command_unit.h"
#include "lib/model/error.h"
#include "lib/process/background.h"
#include "lib/process/descendants.h"
#include "lib/process/memory_file.h"
#include "lib/process/message.h"
#include "lib/process/own_usage.h"

#include <nlohmann/json.hpp>

#include <cerrno>
#include <csignal>
#include <utility>

#include <poll.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <unistd.h>

namespace dkms {
namespace {

using nlohmann::json;

void check_peer(const Descriptor& connection)
{
    ucred peer{};
    socklen_t size = sizeof peer;
    if (::getsockopt(connection.number(), SOL_SOCKET, SO_PEERCRED, &peer, &size) != 0)
        throw Error(ErrorCode::internal, {{"reason", "SO_PEERCRED: " + errno_text(errno)}});
    if (peer.uid != 0)
        throw Error(ErrorCode::access_denied,
                    {{"who", "User " + std::to_string(peer.uid)}, {"what", "run the commands of a build"}});
}

class CommandKeeper {
public:
    explicit CommandKeeper(Descriptor connection) : connection_(std::move(connection)) {}

    void serve()
    {
        try {
            check_peer(connection_);
            say({{"ready", true}});
            while (obey_next()) {
            }
        } catch (const Error& error) {
            say({{"refused", to_json(error)}});
        } catch (const json::exception& fault) {
            say({{"refused", to_json(Error(ErrorCode::invalid_args, {{"reason", fault.what()}}))}});
        }
    }

private:
    bool obey_next();
    bool run(const std::vector<Descriptor>& beside);
    bool attend(Child& child);

    /// Who has gone hears nothing; that is noticed when the next thing is to be heard from him.
    void say(const json& words) const
    {
        try {
            send_message(connection_.number(), words.dump(-1, ' ', false, json::error_handler_t::replace));
        } catch (const Error&) {
            return;
        }
    }

    Descriptor connection_;
    Cancellation signals_; ///< SIGTERM of the service manager
    SandboxKind kind_ = ::geteuid() == 0 ? SandboxKind::root : SandboxKind::user_namespace;
    bool begun_ = false;
};

/// Whether there is more to be done.
bool CommandKeeper::obey_next()
{
    std::vector<pollfd> sources{{connection_.number(), POLLIN, 0}, {signals_.signal_descriptor(), POLLIN, 0}};
    ::poll(sources.data(), sources.size(), -1);
    if (signals_.requested()) {
        say({{"cancelled", true}});
        return false;
    }
    const auto message = receive_message(connection_.number());
    if (!message) return false;
    const json words = json::parse(message->text);
    if (!begun_) {
        if (words.at("commands") != command_protocol)
            throw Error(ErrorCode::internal, {{"reason", "the command of another version of dkms-worker"}});
        if (words.at("background").get<bool>()) yield_to_others();
        begun_ = true;
        available_sandbox(); // while the worker makes ready: it takes its time to find out
        return true;
    }
    // What was said too late to a command that has ended means nothing.
    return !words.contains("run") || run(message->descriptors);
}

bool CommandKeeper::run(const std::vector<Descriptor>& beside)
{
    if (beside.empty()) throw Error(ErrorCode::internal, {{"reason", "a command is missing"}});
    LeftBehind left_behind;
    bool goes_on = true;
    ExitStatus status;
    try {
        SentCommand sent = sent_command(content_of(beside.front(), most_of_a_command), beside, 1);
        Command command = std::move(sent.command);
        // Where it turned out that there is none, the command fails, and says why: it must not run without.
        if (sent.sandbox) command = sandboxed(std::move(command), *sent.sandbox, kind_);
        Child child = Child::start(command);
        while (goes_on && !child.poll()) goes_on = attend(child);
        if (goes_on) status = child.wait();
    } catch (const Error& error) {
        say({{"refused", to_json(error)}});
        return true;
    }
    left_behind.end_all();
    if (goes_on)
        say({{"ended", {{"code", status.code}, {"signal", status.signal}}}, {"cpu_seconds", own_usage().cpu_seconds}});
    return goes_on;
}

/// Waits for something to happen while a command runs. False: its worker has gone.
bool CommandKeeper::attend(Child& child)
{
    std::vector<pollfd> sources{
        {child.descriptor(), POLLIN, 0}, {connection_.number(), POLLIN, 0}, {signals_.signal_descriptor(), POLLIN, 0}};
    ::poll(sources.data(), sources.size(), -1);
    if (sources[2].revents != 0 && signals_.requested()) {
        stop(child);
        say({{"cancelled", true}});
        return false;
    }
    if (sources[1].revents == 0) return true;
    const auto message = receive_message(connection_.number());
    if (!message) return false; // the end of the child kills it
    const json words = json::parse(message->text);
    if (words.contains("look")) {
        const Taken taken = taken_below(::getpid(), {words.at("most_tasks").get<std::uint64_t>(),
                                                     words.at("exact_beyond").get<std::uint64_t>(),
                                                     words.at("deleted_at").get<std::string>()});
        say({{"taken", {{"tasks", taken.tasks}, {"memory", taken.memory}, {"deleted", taken.deleted}}}});
    } else if (words.contains("stop")) {
        stop(child);
    } else {
        child.signal_group(SIGKILL);
    }
    return true;
}

} // namespace

int keep_commands(Descriptor connection)
{
    // Who has broken out of the sandbox of another build has our user, and shall not get at our memory and descriptors.
    ::prctl(PR_SET_DUMPABLE, 0);
    CommandKeeper(std::move(connection)).serve();
    return 0;
}

} // namespace dkms
