// SPDX-License-Identifier: LGPL-2.1-or-later
#include "lib/files/as_user.h"

#include "lib/model/error.h"
#include "lib/process/descriptor.h"

#include <nlohmann/json.hpp>

#include <array>
#include <cerrno>
#include <csignal>
#include <string>

#include <grp.h>
#include <poll.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

namespace dkms {
namespace {

using nlohmann::json;

[[noreturn]] void fail(const std::string& reason) { throw Error(ErrorCode::internal, {{"reason", reason}}); }

/// All of it is given up: supplementary groups first, and the saved user, so that there is no way back.
void become(std::pair<uid_t, gid_t> owner)
{
    if (::setgroups(0, nullptr) < 0 || ::setresgid(owner.second, owner.second, owner.second) < 0 ||
        ::setresuid(owner.first, owner.first, owner.first) < 0)
        fail("user " + std::to_string(owner.first) + " cannot be assumed: " + errno_text(errno));
    ::prctl(PR_SET_PDEATHSIG, SIGKILL); // after the change of user, which clears it
}

[[noreturn]] void run_in_child(std::pair<uid_t, gid_t> owner, const std::function<void()>& work, int told)
{
    json error;
    try {
        become(owner);
        work();
        ::_exit(0);
    } catch (const Error& thrown) {
        error = to_json(thrown);
    } catch (const std::exception& thrown) {
        error = to_json(Error(ErrorCode::internal, {{"reason", thrown.what()}}));
    }
    try {
        write_all(told, error.dump(-1, ' ', false, json::error_handler_t::replace));
    } catch (const Error&) {
        ::_exit(2); // no one reads it any more
    }
    ::_exit(1);
}

/// What the child says until it ends; the rest is missing when `cancellation` is requested.
std::string heard_from(int child, Cancellation* cancellation)
{
    std::array<pollfd, 3> sources{{{child, POLLIN, 0},
                                   {cancellation != nullptr ? cancellation->signal_descriptor() : -1, POLLIN, 0},
                                   {cancellation != nullptr ? cancellation->parent_descriptor() : -1, POLLIN, 0}}};
    std::string text;
    for (std::array<char, 4096> block;;) {
        const int ready = ::poll(sources.data(), sources.size(), -1);
        if (ready < 0 && errno == EINTR) continue;
        if (ready < 0) fail("poll: " + errno_text(errno));
        if (cancellation != nullptr && cancellation->requested()) return text;
        const ssize_t got = ::read(child, block.data(), block.size());
        if (got < 0 && errno == EINTR) continue;
        if (got <= 0) return text;
        text.append(block.data(), static_cast<std::size_t>(got));
    }
}

int status_of(pid_t child)
{
    int status = 0;
    while (::waitpid(child, &status, 0) < 0)
        if (errno != EINTR) fail("waitpid: " + errno_text(errno));
    return status;
}

} // namespace

void as_user(std::pair<uid_t, gid_t> owner, const std::function<void()>& work, Cancellation* cancellation)
{
    if (owner.first == ::geteuid()) return work();
    Pipe told = make_pipe();
    const pid_t child = ::fork();
    if (child < 0) fail("fork: " + errno_text(errno));
    if (child == 0) run_in_child(owner, work, told.write.number());
    told.write.close();
    const std::string text = heard_from(told.read.number(), cancellation);
    const bool cancelled = cancellation != nullptr && cancellation->requested();
    if (cancelled) ::kill(child, SIGKILL);
    const int status = status_of(child);
    if (cancelled) throw Error(ErrorCode::cancelled);
    if (WIFEXITED(status) && WEXITSTATUS(status) == 0) return;
    const json error = json::parse(text, nullptr, false);
    if (error.is_discarded()) fail("the process of user " + std::to_string(owner.first) + " was interrupted");
    throw error_from_json(error);
}

} // namespace dkms
