// SPDX-License-Identifier: LGPL-2.1-or-later
#include "lib/process/child.h"

#include "lib/model/error.h"
#include "lib/process/end_of_child.h"
#include "lib/process/memory_file.h"
#include "lib/process/open_path.h"
#include "lib/process/refusal.h"

#include <algorithm>
#include <array>
#include <cerrno>
#include <csignal>
#include <cstdio>
#include <cstring>

#include <fcntl.h>
#include <linux/close_range.h>
#include <linux/keyctl.h>
#include <poll.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

namespace dkms {
namespace {

using Clock = std::chrono::steady_clock;
constexpr auto grace = std::chrono::seconds(2); // between SIGTERM and SIGKILL

std::string_view path_of(const std::vector<std::string>& environment)
{
    for (const std::string_view variable : environment)
        if (variable.substr(0, 5) == "PATH=") return variable.substr(5);
    return "/usr/sbin:/usr/bin:/sbin:/bin";
}

bool is_program(const std::filesystem::path& path)
{
    std::error_code ignored;
    return std::filesystem::is_regular_file(path, ignored) && ::access(path.c_str(), X_OK) == 0;
}

std::optional<std::filesystem::path> look_up(const std::string& name, std::string_view search)
{
    if (name.find('/') != std::string::npos) return name;
    while (!search.empty()) {
        const auto colon = search.find(':');
        const auto candidate = std::filesystem::path(search.substr(0, colon)) / name;
        if (is_program(candidate)) return candidate;
        search = colon == std::string_view::npos ? std::string_view() : search.substr(colon + 1);
    }
    return std::nullopt;
}

std::vector<char*> pointers(const std::vector<std::string>& texts)
{
    std::vector<char*> result;
    for (const std::string& text : texts) result.push_back(const_cast<char*>(text.c_str()));
    result.push_back(nullptr);
    return result;
}

void set_limit(__rlimit_resource resource, const std::optional<std::uint64_t>& value)
{
    if (!value) return;
    const rlimit limit{*value, *value};
    ::setrlimit(resource, &limit);
}

/// What runs between fork and exec: async-signal-safe calls only, everything prepared before.
struct Launch {
    const char* program;
    char* const* argv;
    char* const* environment;
    const char* directory;
    const Command* command;
    std::vector<std::pair<int, int>> descriptors; // theirs are made in this order; ours lie above every one of theirs
    int last_descriptor;                          // the highest of theirs
    int report;
    const std::function<int()>* does; // instead of the program, if there is one: after it, nothing has to be safe
    int program_file;                 // -1: none
    const char* program_path;         // to that, by /proc

    [[noreturn]] void give_up() const
    {
        const int number = errno;
        const ssize_t ignored = ::write(report, &number, sizeof number);
        static_cast<void>(ignored);
        ::_exit(127);
    }

    /// Without /proc it is ended when its turn comes.
    static void go_first()
    {
        constexpr std::string_view adjustment = "500"; // as if it had half of all memory more than it has
        const int file = ::open("/proc/self/oom_score_adj", O_WRONLY | O_CLOEXEC);
        if (file < 0) return;
        const ssize_t ignored = ::write(file, adjustment.data(), adjustment.size());
        static_cast<void>(ignored);
        ::close(file);
    }

    /// A kernel without keys has none to keep, and a container that may not ask for them cannot read them either.
    void leave_keyring() const
    {
        if (::syscall(SYS_keyctl, KEYCTL_JOIN_SESSION_KEYRING, nullptr) < 0 && errno != ENOSYS && errno != EPERM)
            give_up();
    }

    /// Before this function's objects end, so that what they would undo stays to the process that made them.
    [[noreturn]] void call() const
    {
        ::syscall(SYS_close_range, static_cast<unsigned>(last_descriptor) + 1, ~0U, 0);
        environ = const_cast<char**>(environment);
        int code = 1;
        try {
            code = (*does)();
        } catch (const std::exception& fault) {
            std::fprintf(stderr, "%s\n", fault.what());
        }
        std::fflush(nullptr);
        ::_exit(code);
    }

    /// Needs no /proc. Where a program of another machine is run by an emulator, and where a kernel or an emulator does
    /// not know this call, the path is what is left.
    void exec_file() const
    {
        ::syscall(SYS_execveat, program_file, "", argv, environment, AT_EMPTY_PATH);
        if (errno == ENOENT || errno == ENOSYS) ::execve(program_path, argv, environment);
    }

    [[noreturn]] void exec(pid_t parent) const
    {
        ::setsid(); // a group of its own, and no terminal: a build must not type what our caller's shell then executes
        if (command->die_with_parent) {
            ::prctl(PR_SET_PDEATHSIG, SIGKILL);
            if (::getppid() != parent) ::_exit(127); // it ended before we could ask
        }
        sigset_t none;
        ::sigemptyset(&none);
        ::sigprocmask(SIG_SETMASK, &none, nullptr);
        for (int number = 1; number < NSIG; ++number) ::signal(number, SIG_DFL);
        for (const auto& [ours, theirs] : descriptors)
            if (::dup2(ours, theirs) < 0) give_up();
        // close-on-exec, not close: the report must stay open until exec has worked
        ::syscall(SYS_close_range, static_cast<unsigned>(last_descriptor) + 1, ~0U, CLOSE_RANGE_CLOEXEC);
        set_limit(RLIMIT_CPU, command->limits.cpu_seconds);
        set_limit(RLIMIT_FSIZE, command->limits.file_size);
        set_limit(RLIMIT_AS, command->limits.address_space);
        set_limit(RLIMIT_NPROC, command->limits.processes);
        if (command->first_to_end) go_first();
        if (command->own_keyring) leave_keyring();
        ::umask(022);
        if (!command->root.empty() && ::chroot(command->root.c_str()) < 0) give_up();
        if (::chdir(directory) < 0) give_up();
        if (does != nullptr) call();
        if (program_file >= 0)
            exec_file();
        else
            ::execve(program, argv, environment);
        give_up();
    }
};

/// A duplicate that lies above all numbers the child uses, so that dup2 never overwrites a descriptor that is still
/// needed.
Descriptor raised(int number, int above)
{
    Descriptor copy(::fcntl(number, F_DUPFD_CLOEXEC, above + 1));
    if (!copy) refuse_call("fcntl", errno);
    return copy;
}

Descriptor null_device()
{
    Descriptor null(::open("/dev/null", O_RDWR | O_CLOEXEC));
    if (!null) refuse_call("/dev/null", errno);
    return null;
}

ExitStatus status_from(const siginfo_t& info)
{
    if (info.si_code == CLD_EXITED) return {info.si_status, 0};
    return {128 + info.si_status, info.si_status};
}

} // namespace

std::vector<std::string> base_environment()
{
    return {"PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "LANG=C.UTF-8", "HOME=/"};
}

std::string text_of(const std::vector<std::string>& argv)
{
    constexpr std::string_view harmless = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789@%+=:,./_-";
    std::string text;
    for (const std::string& word : argv) {
        if (!text.empty()) text += ' ';
        if (!word.empty() && word.find_first_not_of(harmless) == std::string::npos) {
            text += word;
            continue;
        }
        text += '\'';
        for (const char c : word) text += c == '\'' ? std::string("'\\''") : std::string(1, c);
        text += '\'';
    }
    return text;
}

Child Child::start(const Command& command)
{
    if (command.argv.empty()) refuse_call("start", EINVAL);
    const bool is_named = !command.program.empty() || command.program_file >= 0;
    const auto program =
        is_named ? std::optional(command.program) : look_up(command.argv.front(), path_of(command.environment));
    if (!program) refuse_call(command.argv.front(), ENOENT);
    return begin(command, *program, nullptr);
}

Child Child::fork(const Command& command, const std::function<int()>& does) { return begin(command, {}, &does); }

Child Child::begin(const Command& command, const std::filesystem::path& program, const std::function<int()>* does)
{
    int highest = 2;
    for (const auto& [ours, theirs] : command.inherit) highest = std::max(highest, theirs);
    for (const auto& [text, theirs] : command.texts) highest = std::max(highest, theirs);
    const Descriptor null = null_device();
    const auto or_null = [&](int number) { return number < 0 ? null.number() : number; };
    std::vector<Descriptor> kept;
    std::vector<std::pair<int, int>> descriptors;
    const auto pass = [&](int ours, int theirs) {
        kept.push_back(raised(ours, highest));
        descriptors.emplace_back(kept.back().number(), theirs);
    };
    pass(or_null(command.input), 0);
    pass(or_null(command.output), 1);
    pass(command.error < 0 ? or_null(command.output) : command.error, 2);
    for (const auto& [ours, theirs] : command.inherit) pass(ours, theirs);
    for (const auto& [text, theirs] : command.texts) pass(memory_file(text).number(), theirs);
    // A number between that nobody asked for must not be inherited by accident: descriptors of ours are close-on-exec
    // anyway.
    const Descriptor opened = command.program_file < 0 ? Descriptor() : raised(command.program_file, highest);
    const std::string opened_path = path_of_open(opened.number());

    Pipe report = make_pipe();
    const Descriptor raised_report = raised(report.write.number(), highest);
    report.write.close();
    const auto argv = pointers(command.argv);
    const auto environment = pointers(command.environment);
    const Launch launch{program.c_str(),
                        argv.data(),
                        environment.data(),
                        command.directory.c_str(),
                        &command,
                        descriptors,
                        highest,
                        raised_report.number(),
                        does,
                        opened.number(),
                        opened_path.c_str()};

    const pid_t parent = ::getpid();
    const pid_t pid = ::fork();
    if (pid < 0) refuse_call("fork", errno);
    if (pid == 0) launch.exec(parent);
    Child child(pid, {}); // from here on it is ended when something fails
    child.pidfd_ = end_of_child(pid);
    const_cast<Descriptor&>(raised_report).close();

    int number = 0;
    ssize_t got = 0;
    do got = ::read(report.read.number(), &number, sizeof number);
    while (got < 0 && errno == EINTR);
    if (got == sizeof number) {
        child.wait();
        refuse_call(does != nullptr ? "fork" : command.argv.front(), number);
    }
    return child;
}

Child::Child(Child&& other) noexcept
    : pid_(std::exchange(other.pid_, -1)), pidfd_(std::move(other.pidfd_)), status_(other.status_)
{
}

Child& Child::operator=(Child&& other) noexcept
{
    std::swap(pid_, other.pid_);
    std::swap(pidfd_, other.pidfd_);
    std::swap(status_, other.status_);
    return *this;
}

Child::~Child()
{
    if (pid_ < 0 || status_) return;
    signal_group(SIGKILL);
    wait();
}

void Child::signal(int number) const
{
    if (!status_) ::kill(pid_, number);
}

void Child::signal_group(int number) const
{
    if (!status_) ::kill(-pid_, number);
}

ExitStatus Child::wait()
{
    siginfo_t info{};
    while (!status_) {
        if (::waitid(P_PID, static_cast<id_t>(pid_), &info, WEXITED) == 0)
            status_ = status_from(info);
        else if (errno != EINTR)
            refuse_call("waitid", errno);
    }
    return *status_;
}

std::optional<ExitStatus> Child::poll()
{
    siginfo_t info{};
    if (!status_ && ::waitid(P_PID, static_cast<id_t>(pid_), &info, WEXITED | WNOHANG) == 0 && info.si_pid == pid_)
        status_ = status_from(info);
    return status_;
}

void stop(Child& child)
{
    child.signal_group(SIGTERM);
    pollfd ended{child.descriptor(), POLLIN, 0};
    ::poll(&ended, 1, static_cast<int>(std::chrono::milliseconds(grace).count()));
    child.signal_group(SIGKILL);
    child.wait();
}

namespace {

int milliseconds_until(std::optional<Clock::time_point> deadline)
{
    if (!deadline) return -1;
    const auto left = std::chrono::ceil<std::chrono::milliseconds>(*deadline - Clock::now()).count();
    return static_cast<int>(std::clamp<std::int64_t>(left, 0, 3'600'000));
}

void add_cancellation(std::vector<pollfd>& sources, Cancellation* cancellation)
{
    if (!cancellation) return;
    sources.push_back({cancellation->signal_descriptor(), POLLIN, 0});
    sources.push_back({cancellation->parent_descriptor(), POLLIN, 0});
}

void stop_if_requested(Child& child, Cancellation* cancellation)
{
    if (!cancellation || !cancellation->requested()) return;
    stop(child);
    throw Error(ErrorCode::cancelled);
}

/// Reads what is there; false at the end.
bool read_some(int descriptor, std::string& output)
{
    std::array<char, 65536> block;
    const ssize_t got = ::read(descriptor, block.data(), block.size());
    if (got > 0) output.append(block.data(), static_cast<std::size_t>(got));
    return got > 0 || (got < 0 && errno == EINTR);
}

} // namespace

Captured capture(Command command, const CaptureLimits& limits, Cancellation* cancellation)
{
    Pipe pipe = make_pipe();
    command.output = pipe.write.number();
    Child child = Child::start(command);
    pipe.write.close();
    const auto deadline = Clock::now() + limits.time;
    Captured captured;
    for (bool open = true; open;) {
        std::vector<pollfd> sources{{pipe.read.number(), POLLIN, 0}, {child.descriptor(), POLLIN, 0}};
        add_cancellation(sources, cancellation);
        ::poll(sources.data(), sources.size(), milliseconds_until(deadline));
        stop_if_requested(child, cancellation);
        const bool has_ended = sources[1].revents != 0;
        if (has_ended) ::fcntl(pipe.read.number(), F_SETFL, O_NONBLOCK); // the rest of what it has said itself
        if (has_ended || sources[0].revents != 0) open = read_some(pipe.read.number(), captured.output);
        captured.truncated = captured.output.size() > limits.bytes;
        captured.timed_out = Clock::now() >= deadline;
        if (captured.truncated || captured.timed_out) {
            captured.output.resize(std::min(captured.output.size(), limits.bytes));
            child.signal_group(SIGKILL);
            break;
        }
    }
    // The output may be closed by a child that goes on running.
    pollfd ended{child.descriptor(), POLLIN, 0};
    if (!captured.truncated && !captured.timed_out && ::poll(&ended, 1, milliseconds_until(deadline)) == 0) {
        captured.timed_out = true;
        child.signal_group(SIGKILL);
    }
    captured.status = child.wait();
    return captured;
}

ExitStatus run(const Command& command, Cancellation* cancellation)
{
    Child child = Child::start(command);
    for (;;) {
        std::vector<pollfd> sources{{child.descriptor(), POLLIN, 0}};
        add_cancellation(sources, cancellation);
        ::poll(sources.data(), sources.size(), -1);
        if (const auto status = child.poll()) return *status;
        stop_if_requested(child, cancellation);
    }
}

namespace {

/// Hands on what can be read at once, but no more than that everything else gets its turn; false at the end.
bool hand_on(int from, const std::function<void(std::string_view)>& heard)
{
    std::array<char, 65536> block;
    for (int turn = 0; turn < 16; ++turn) {
        const ssize_t got = ::read(from, block.data(), block.size());
        if (got < 0 && errno == EINTR) continue;
        if (got < 0) return errno == EAGAIN;
        if (got == 0) return false;
        heard({block.data(), static_cast<std::size_t>(got)});
    }
    return true;
}

} // namespace

ExitStatus run_heard(Command command, const std::function<void(std::string_view)>& heard, Cancellation* cancellation,
                     const Watch* watch)
{
    Pipe pipe = make_pipe();
    ::fcntl(pipe.read.number(), F_SETFL, O_NONBLOCK);
    // Scripts open /dev/stderr, also those that run as another user; others do not get to it by /proc/PID/fd.
    if (::fchmod(pipe.write.number(), 0622) < 0) refuse_call("fchmod", errno);
    command.output = pipe.write.number();
    Child child = Child::start(command);
    pipe.write.close();
    std::vector<pollfd> sources{{pipe.read.number(), POLLIN, 0}, {child.descriptor(), POLLIN, 0}};
    add_cancellation(sources, cancellation);
    std::optional<Clock::time_point> next_look;
    if (watch) next_look = Clock::now() + watch->interval;
    for (;;) {
        ::poll(sources.data(), sources.size(), milliseconds_until(next_look));
        stop_if_requested(child, cancellation);
        const bool ended = child.poll().has_value();
        const bool open = hand_on(pipe.read.number(), heard);
        if (!open) sources[0].fd = -1;
        if (ended) return child.wait();
        if (watch && Clock::now() >= *next_look) {
            watch->look(child.pid());
            next_look = Clock::now() + watch->interval;
        }
    }
}

std::optional<std::filesystem::path> find_program(const std::string& name)
{
    const auto found = look_up(name, path_of(base_environment()));
    return found && is_program(*found) ? found : std::nullopt;
}

} // namespace dkms
