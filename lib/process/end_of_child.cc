// SPDX-License-Identifier: LGPL-2.1-or-later
#include "lib/process/end_of_child.h"

#include "lib/model/error.h"

#include <cerrno>
#include <chrono>
#include <csignal>
#include <system_error>
#include <thread>
#include <utility>

#include <poll.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

namespace dkms {
namespace {

constexpr auto pause = std::chrono::milliseconds(10);

Descriptor handle_of(pid_t process) { return Descriptor(static_cast<int>(::syscall(SYS_pidfd_open, process, 0))); }

/// Leaves the child to whoever waits for it. One that has been waited for has ended, too.
void watch(pid_t child, const Descriptor& told)
{
    siginfo_t info{};
    while (::waitid(P_PID, static_cast<id_t>(child), &info, WEXITED | WNOWAIT) != 0 && errno == EINTR) continue;
    // Not by closing it alone: processes that were forked meanwhile may have it, too.
    const ssize_t ignored = ::write(told.number(), ".", 1);
    static_cast<void>(ignored);
}

/// All signals are blocked in it: they are meant for the threads that hear them by descriptors.
void start_watching(pid_t child, Descriptor told)
{
    sigset_t all;
    sigset_t before;
    ::sigfillset(&all);
    ::pthread_sigmask(SIG_SETMASK, &all, &before);
    try {
        std::thread([child, end = std::move(told)] { watch(child, end); }).detach();
        ::pthread_sigmask(SIG_SETMASK, &before, nullptr);
    } catch (const std::system_error& failed) {
        ::pthread_sigmask(SIG_SETMASK, &before, nullptr);
        throw Error(ErrorCode::internal, {{"reason", std::string("waiting for a process: ") + failed.what()}});
    }
}

} // namespace

Descriptor end_of_child(pid_t child)
{
    if (Descriptor handle = handle_of(child)) return handle;
    Pipe pipe = make_pipe();
    start_watching(child, std::move(pipe.write));
    return std::move(pipe.read);
}

bool ends_within(pid_t process, unsigned milliseconds)
{
    if (const Descriptor handle = handle_of(process)) {
        pollfd source{handle.number(), POLLIN, 0};
        return ::poll(&source, 1, static_cast<int>(milliseconds)) > 0;
    }
    const auto deadline = std::chrono::steady_clock::now() + std::chrono::milliseconds(milliseconds);
    while (::kill(process, 0) == 0 || errno != ESRCH) {
        if (std::chrono::steady_clock::now() > deadline) return false;
        std::this_thread::sleep_for(pause);
    }
    return true;
}

} // namespace dkms
