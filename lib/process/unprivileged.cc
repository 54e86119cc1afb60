// SPDX-License-Identifier: LGPL-2.1-or-later
#include "lib/process/unprivileged.h"

#include "lib/model/error.h"
#include "lib/process/child.h"
#include "lib/process/descriptor.h"
#include "lib/process/open_path.h"
#include "lib/process/refusal.h"
#include "lib/process/sandbox.h"

#include <nlohmann/json.hpp>

#include <algorithm>
#include <array>
#include <cerrno>
#include <csignal>
#include <cstdint>
#include <fstream>
#include <optional>

#include <fcntl.h>
#include <grp.h>
#include <linux/capability.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#if defined(__has_feature)
#if __has_feature(address_sanitizer)
#define DKMS_ADDRESS_SANITIZER // its shadow memory is larger than any limit
#endif
#elif defined(__SANITIZE_ADDRESS__)
#define DKMS_ADDRESS_SANITIZER
#endif

namespace dkms {
namespace {

constexpr std::size_t longest_answer = std::size_t{64} * 1024 * 1024;
constexpr rlim_t processor_seconds = 60;
constexpr rlim_t largest_file = rlim_t{1} << 30;
constexpr char good = '+';
constexpr char bad = '-';

void limit(__rlimit_resource resource, rlim_t value)
{
    const rlimit both{value, value};
    ::setrlimit(resource, &both);
}

void set_limits()
{
    limit(RLIMIT_CPU, processor_seconds);
    limit(RLIMIT_FSIZE, largest_file);
    limit(RLIMIT_CORE, 0);
    limit(RLIMIT_NPROC, 0);
#if !defined(DKMS_ADDRESS_SANITIZER)
    if constexpr (sizeof(rlim_t) > 4) limit(RLIMIT_AS, rlim_t{4} << 30);
#endif
}

/// From `first` to `last`, both included.
void close_between(unsigned first, unsigned last)
{
    if (::syscall(SYS_close_range, first, last, 0U) == 0) return;
    const unsigned end = std::min(last, static_cast<unsigned>(::sysconf(_SC_OPEN_MAX) - 1)); // before Linux 5.9
    for (unsigned one = first; one <= end; ++one) ::close(static_cast<int>(one));
}

/// Only what is in `keep` stays open; standard input, output and error lead nowhere.
void close_all_but(std::vector<int> keep)
{
    const int nowhere = ::open("/dev/null", O_RDWR | O_CLOEXEC);
    for (const int standard : {STDIN_FILENO, STDOUT_FILENO, STDERR_FILENO})
        if (nowhere < 0 || ::dup2(nowhere, standard) < 0) ::close(standard);
    std::sort(keep.begin(), keep.end());
    unsigned next = 3;
    for (const int one : keep) {
        const auto number = static_cast<unsigned>(one);
        if (number > next) close_between(next, number - 1);
        next = std::max(next, number + 1);
    }
    close_between(next, ~0U);
}

/// Asks first: filters of system calls that units have often leave out capset(2).
bool drop_capabilities()
{
    __user_cap_header_struct header{_LINUX_CAPABILITY_VERSION_3, 0};
    std::array<__user_cap_data_struct, 2> now{};
    const std::array<__user_cap_data_struct, 2> none{};
    const auto has_some = [](const auto& half) { return (half.effective | half.permitted | half.inheritable) != 0; };
    if (::syscall(SYS_capget, &header, now.data()) == 0 && std::none_of(now.begin(), now.end(), has_some)) return true;
    return ::syscall(SYS_capset, &header, none.data()) == 0;
}

/// A user that does not exist in our user namespace (EINVAL), or one that we may not become (EPERM), leaves us who we
/// are: then we are root of a namespace or container only, and without capabilities not even that.
bool become(const std::pair<uid_t, gid_t>& user)
{
    const auto harmless = [](int result) { return result == 0 || errno == EINVAL || errno == EPERM; };
    return harmless(::setgroups(0, nullptr)) && harmless(::setresgid(user.second, user.second, user.second)) &&
           harmless(::setresuid(user.first, user.first, user.first));
}

bool drop_privileges(const std::optional<std::pair<uid_t, gid_t>>& user)
{
    if (user && !become(*user)) return false;
    if (!drop_capabilities() || ::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0) return false;
    return ::prctl(PR_SET_DUMPABLE, 1, 0, 0, 0) == 0; // its own /proc/self/fd is root's otherwise
}

[[noreturn]] void be_child(int answer, std::vector<int> keep, const std::optional<std::pair<uid_t, gid_t>>& user,
                           const std::function<std::string()>& work)
{
    try {
        ::prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0);
        std::signal(SIGPIPE, SIG_IGN);
        keep.push_back(answer);
        close_all_but(std::move(keep));
        set_limits();
        if (!drop_privileges(user)) ::_exit(2);
        std::string text;
        try {
            text = good + work();
        } catch (const Error& error) {
            text = bad + to_json(error).dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
        }
        write_all(answer, text);
        ::_exit(0);
    } catch (...) {
        ::_exit(1);
    }
}

std::string all_of(int descriptor)
{
    std::string text;
    std::array<char, 65536> block;
    for (;;) {
        const ssize_t got = ::read(descriptor, block.data(), block.size());
        if (got < 0 && errno == EINTR) continue;
        if (got <= 0) return text;
        text.append(block.data(), static_cast<std::size_t>(got));
        if (text.size() > longest_answer) return {};
    }
}

/// Kills and reaps the child, whatever happens between.
class Reaper {
public:
    explicit Reaper(pid_t child) : child_(child) {}
    Reaper(const Reaper&) = delete;
    Reaper& operator=(const Reaper&) = delete;
    ~Reaper()
    {
        if (child_ > 0) ::kill(child_, SIGKILL);
        wait();
    }

    int wait()
    {
        int status = 0;
        while (child_ > 0 && ::waitpid(child_, &status, 0) < 0 && errno == EINTR) {
        }
        child_ = -1;
        return status;
    }

private:
    pid_t child_;
};

[[noreturn]] void give_up(const std::string& reason)
{
    throw Error(ErrorCode::internal, {{"reason", "the unprivileged reader " + reason}});
}

/// By trying; `user` is one that we cannot become where it does not exist.
bool exists_here(uid_t user)
{
    const pid_t child = ::fork();
    if (child == 0) ::_exit(::syscall(SYS_setresuid, user, user, user) < 0 && errno == EINVAL ? 1 : 0);
    int status = 0;
    while (child > 0 && ::waitpid(child, &status, 0) < 0 && errno == EINTR) {
    }
    return child < 0 || status == 0;
}

/// Whether all users of the machine exist in our user namespace.
bool has_all_users()
{
    if (!has_proc()) return exists_here(sandbox_owner(SandboxKind::root).first);
    std::ifstream map("/proc/self/uid_map");
    std::uint64_t inside = 1;
    std::uint64_t outside = 1;
    std::uint64_t count = 0;
    return !(map >> inside >> outside >> count) || (inside == 0 && outside == 0 && count >= 0xffffffffU);
}

/// As `words` want it; not where that user does not exist, or we may not become another.
bool can_run_with(std::vector<std::string> words)
{
    Command probe;
    probe.argv = std::move(words);
    probe.argv.emplace_back("true");
    probe.environment = base_environment();
    return run(probe).ok();
}

} // namespace

std::optional<std::vector<std::string>> words_without_privileges()
{
    if (::syscall(SYS_geteuid) != 0) return std::vector<std::string>(); // not what fakeroot says
    const auto [uid, gid] = sandbox_owner(SandboxKind::root);
    const std::vector<std::string> words{"setpriv",
                                         "--reuid=" + std::to_string(uid),
                                         "--regid=" + std::to_string(gid),
                                         "--clear-groups",
                                         "--no-new-privs",
                                         "--"};
    static const bool works = find_program("setpriv") && can_run_with(words);
    if (works) return words;
    if (!has_all_users()) return std::vector<std::string>();
    return std::nullopt;
}

std::string unprivileged_missing_because()
{
    if (!find_program("setpriv")) return "setpriv (package util-linux) is not installed";
    return "this process may not become another user";
}

std::string run_unprivileged(const std::vector<int>& keep, const std::function<std::string()>& work)
{
    std::optional<std::pair<uid_t, gid_t>> user;
    if (::geteuid() == 0) user = sandbox_owner(SandboxKind::root);
    Pipe answer = make_pipe();
    const pid_t child = ::fork();
    if (child < 0) refuse_call("fork", errno);
    if (child == 0) be_child(answer.write.number(), keep, user, work);
    Reaper reaper(child);
    answer.write.close();
    const std::string text = all_of(answer.read.number());
    answer.read.close();
    const int status = reaper.wait();
    if (WIFSIGNALED(status)) give_up("was ended by signal " + std::to_string(WTERMSIG(status)));
    if (WEXITSTATUS(status) != 0 || text.empty()) give_up("failed");
    if (text.front() == good) return text.substr(1);
    throw error_from_json(nlohmann::json::parse(text.substr(1), nullptr, false));
}

} // namespace dkms
