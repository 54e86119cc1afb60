// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include "lib/process/cancel.h"
#include "lib/process/descriptor.h"

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <sys/types.h>

namespace dkms {

/// Bounds for a child, by setrlimit(2); absent: as they are.
struct Limits {
    std::optional<std::uint64_t> cpu_seconds;
    std::optional<std::uint64_t> file_size;     ///< bytes one file may grow to
    std::optional<std::uint64_t> address_space; ///< bytes
    std::optional<std::uint64_t> processes;     ///< of its user, threads included; root is not bound
};

/// A program to start. Nothing is inherited but what is said here: environment, directory, descriptors.
struct Command {
    std::vector<std::string> argv;         ///< argv[0] is looked up in the PATH of `environment` when it has no '/'
    std::filesystem::path program = {};    ///< what to execute when that is not what argv[0] names
    int program_file = -1;                 ///< an open program to execute, wherever its name leads by now; goes first
    std::filesystem::path root = {};       ///< the root directory of the child, by chroot(2); empty: ours
    std::vector<std::string> environment;  ///< "NAME=value", the whole of it; see base_environment()
    std::filesystem::path directory = "/"; ///< below `root`
    int input = -1;                        ///< descriptor for standard input; -1: /dev/null
    int output = -1;                       ///< -1: /dev/null
    int error = -1;                        ///< -1: where output goes
    std::vector<std::pair<int, int>> inherit;            ///< further descriptors: ours, its number in the child
    std::vector<std::pair<std::string, int>> texts = {}; ///< bytes that it can read from a descriptor of this number
    Limits limits;
    bool die_with_parent = true; ///< SIGKILL when the starting process ends
    bool own_keyring = false;    ///< its session keyring is a new one: it does not possess the keys of ours
    bool first_to_end = false;   ///< when memory runs out, the kernel ends it and its children rather than others
};

/// PATH, LANG=C.UTF-8 and HOME only: what a kernel build needs and nothing of the caller's.
std::vector<std::string> base_environment();

/// The command as a person would type it: words quoted for a POSIX shell where needed.
std::string text_of(const std::vector<std::string>& argv);

/// How a process ended.
struct ExitStatus {
    int code = 0;   ///< exit code; 128 + signal when it was killed, as shells say it
    int signal = 0; ///< 0: not killed

    bool ok() const { return code == 0; }
};

/// A running child, leader of its own session and process group, without a terminal. Ending the object kills and reaps
/// what still runs.
class Child {
public:
    /// Throws Error SystemFailed: cannot be started (missing program: parameter "errno" is "2").
    static Child start(const Command& command);
    /// As start(), but instead of a program `does` is what runs in the child: it has our memory as it is now, and ends
    /// with what that returns. For a process of one thread, which has opened all its descriptors close-on-exec: what
    /// is not in `command` is closed. Of `command`, argv and program count for nothing.
    static Child fork(const Command& command, const std::function<int()>& does);
    Child(Child&& other) noexcept;
    Child& operator=(Child&& other) noexcept;
    Child(const Child&) = delete;
    Child& operator=(const Child&) = delete;
    ~Child();

    pid_t pid() const { return pid_; }
    /// Readable when the process has ended (pidfd_open(2)).
    int descriptor() const { return pidfd_.number(); }

    void signal(int number) const;       ///< to the process
    void signal_group(int number) const; ///< to its whole process group
    /// Waits for the end. The result is kept and may be asked for again.
    ExitStatus wait();
    /// The result if it has ended.
    std::optional<ExitStatus> poll();

private:
    Child(pid_t pid, Descriptor pidfd) : pid_(pid), pidfd_(std::move(pidfd)) {}
    static Child begin(const Command& command, const std::filesystem::path& program, const std::function<int()>* does);
    pid_t pid_ = -1;
    Descriptor pidfd_;
    std::optional<ExitStatus> status_;
};

/// Ends a child and all of its process group: SIGTERM, two seconds to tidy up, SIGKILL. It has been waited for then.
void stop(Child& child);

/// What a finished child said.
struct Captured {
    ExitStatus status;
    std::string output;
    bool truncated = false; ///< it wrote more than the limit and was killed
    bool timed_out = false; ///< it ran longer than the limit and was killed
};

struct CaptureLimits {
    std::size_t bytes = 1024 * 1024;
    std::chrono::milliseconds time = std::chrono::minutes(10);
};

/// Runs a command to its end and collects its standard output (and standard error, unless `command.error` is set).
/// Once it has ended nothing is waited for: what it left running may hold its output for ever. Stops it when
/// `cancellation` is requested (Error Cancelled). Throws as Child::start.
Captured capture(Command command, const CaptureLimits& limits = {}, Cancellation* cancellation = nullptr);

/// Runs a command to its end; its output goes where `command` says. Cancelled: SIGTERM to its process group, SIGKILL
/// two seconds later, then Error Cancelled.
ExitStatus run(const Command& command, Cancellation* cancellation = nullptr);

/// What looks after a running command: gets its process now and again, also while it says much; what it throws ends the
/// command, and is thrown on.
struct Watch {
    std::chrono::milliseconds interval = std::chrono::milliseconds(200);
    std::function<void(pid_t)> look;
};

/// The same; whatever the command writes to its standard output (and error, unless `command.error` is set) is handed to
/// `heard`. Once the command has ended nothing is waited for: what it left running may hold its output for ever.
ExitStatus run_heard(Command command, const std::function<void(std::string_view)>& heard,
                     Cancellation* cancellation = nullptr, const Watch* watch = nullptr);

/// The program's path if `name` is an executable file in the directories of base_environment()'s PATH, or if it is one
/// itself.
std::optional<std::filesystem::path> find_program(const std::string& name);

} // namespace dkms
