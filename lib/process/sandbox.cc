// SPDX-License-Identifier: LGPL-2.1-or-later
#include "lib/process/sandbox.h"

#include "lib/model/error.h"
#include "lib/process/mounts.h"
#include "lib/process/open_path.h"
#include "lib/process/system_calls.h"

#include <algorithm>
#include <cerrno>
#include <fstream>
#include <optional>
#include <sstream>
#include <string>
#include <string_view>

#include <pwd.h>
#include <sched.h>
#include <sys/wait.h>
#include <unistd.h>

namespace dkms {
namespace {

constexpr std::uint64_t most_processes = 16384; // of the user, where nothing else is said

struct Account {
    uid_t uid;
    gid_t gid;
};

/// Who builds when we are root.
Account build_account()
{
    for (const char* name : {"dkms-build", "nobody"})
        if (const passwd* entry = ::getpwnam(name)) return {entry->pw_uid, entry->pw_gid};
    return {65534, 65534};
}

/// What bubblewrap can be asked for here.
struct Means {
    SandboxKind kind = SandboxKind::none;
    bool own_network = true;     ///< else there is none but ours, which leads nowhere
    bool without_userns = false; ///< it can end the making of user namespaces
};

void append(std::vector<std::string>& argv, std::initializer_list<std::string> words)
{
    argv.insert(argv.end(), words.begin(), words.end());
}

/// The next number that no descriptor of the command's has.
int free_number(const Command& command)
{
    int highest = 2;
    for (const auto& [ours, theirs] : command.inherit) highest = std::max(highest, theirs);
    for (const auto& [text, theirs] : command.texts) highest = std::max(highest, theirs);
    return highest + 1;
}

Command enclosed(Command command, const Sandbox& sandbox, const Means& means)
{
    std::vector<std::string> argv{"bwrap", "--die-with-parent", "--unshare-ipc", "--unshare-pid", "--unshare-uts"};
    if (means.kind == SandboxKind::user_namespace) append(argv, {"--unshare-user"});
    if (means.kind == SandboxKind::user_namespace && sandbox.seems)
        append(argv, {"--uid", std::to_string(sandbox.seems->first), "--gid", std::to_string(sandbox.seems->second)});
    if (means.without_userns) append(argv, {"--disable-userns"});
    if (!sandbox.network && means.own_network) append(argv, {"--unshare-net"});
    append(argv, {"--ro-bind", "/", "/", "--dev", "/dev", "--proc", "/proc", "--perms", "1777", "--tmpfs", "/tmp"});
    append(argv, {"--perms", "1777", "--tmpfs", "/dev/shm", "--perms", "0777", "--dir", sandbox_home});
    for (std::string& word : words_for_mounts(sandbox)) argv.push_back(std::move(word));
    const SystemCallFilter wanted{sandbox.network};
    if (const std::string& filter = system_call_filter(wanted); !filter.empty()) {
        const int number = free_number(command);
        command.texts.emplace_back(filter, number);
        append(argv, {"--seccomp", std::to_string(number)});
    }
    append(argv, {"--chdir", command.directory.string(), "--"});
    if (means.kind == SandboxKind::root && sandbox.drop_user) {
        const auto [uid, gid] = sandbox_owner(means.kind);
        append(argv, {"setpriv", "--reuid=" + std::to_string(uid), "--regid=" + std::to_string(gid), "--clear-groups",
                      "--no-new-privs", "--"});
    }
    argv.insert(argv.end(), command.argv.begin(), command.argv.end());
    command.argv = std::move(argv);
    command.directory = "/"; // the command's own directory may exist inside only
    if (!command.limits.processes) command.limits.processes = most_processes;
    command.own_keyring = true;
    command.first_to_end = true;
    return command;
}

/// Its version, if it has no --perms; else empty. "bubblewrap 0.4.1"
std::string version_without_perms()
{
    Command command;
    command.argv = {"bwrap", "--version"};
    command.environment = base_environment();
    std::istringstream said(capture(std::move(command)).output);
    std::string name;
    unsigned major = 0;
    unsigned minor = 0;
    char dot = 0;
    if (!(said >> name >> major >> dot >> minor) || dot != '.' || major != 0 || minor >= 5) return {};
    return std::to_string(major) + "." + std::to_string(minor);
}

bool works(const Means& means, const Sandbox& sandbox)
{
    Command command;
    command.argv = {"true"};
    command.environment = base_environment();
    try {
        return capture(enclosed(std::move(command), sandbox, means)).status.ok();
    } catch (const Error&) {
        return false;
    }
}

/// Whether this process has a network namespace that leads nowhere, as in a unit with PrivateNetwork.
bool is_without_network()
{
    std::ifstream devices("/proc/self/net/dev"); // needs no socket
    std::string line;
    std::getline(devices, line);
    std::getline(devices, line); // two lines of headings
    if (!devices) return false;
    while (std::getline(devices, line))
        if (!std::string_view(line).substr(std::min(line.find_first_not_of(' '), line.size())).starts_with("lo:"))
            return false;
    return true;
}

/// Whether an ordinary user may make a network namespace: to find out by bubblewrap takes much longer.
bool may_make_network()
{
    const pid_t child = ::fork();
    if (child == 0) ::_exit(::unshare(CLONE_NEWUSER | CLONE_NEWNET) == 0 ? 0 : 1);
    int status = 0;
    while (child > 0 && ::waitpid(child, &status, 0) < 0 && errno == EINTR) {
    }
    return child < 0 || status == 0;
}

Means probe(bool network)
{
    if (!find_program("bwrap") || !has_proc()) return {};
    const bool root = ::geteuid() == 0;
    if (root && !find_program("setpriv")) return {};
    Sandbox sandbox;
    sandbox.network = network;
    for (const bool own_network : {true, false}) {
        // Who may not make a network namespace may be in one that was made for it.
        if (!own_network && (network || !is_without_network())) break;
        if (own_network && !root && is_without_network() && !may_make_network()) continue;
        Means means{root ? SandboxKind::root : SandboxKind::user_namespace, own_network, !root};
        if (works(means, sandbox)) return means;
        means.without_userns = false;
        if (!root && works(means, sandbox)) return means;
    }
    return {};
}

/// Of sandboxes with a network, or without.
const Means& available_means(bool network = false)
{
    static const Means without = probe(false);
    if (!network || without.kind != SandboxKind::none) return without;
    static const Means with = probe(true); // nothing but a network namespace may be what cannot be had
    return with;
}

} // namespace

bool is_hidden_in_sandbox(const std::filesystem::path& path)
{
    const std::string place = path.lexically_normal().string();
    return place.starts_with("/tmp/") || place.starts_with("/run/");
}

SandboxKind available_sandbox() { return available_means().kind; }

std::string sandbox_missing_because()
{
    if (!find_program("bwrap")) return "bubblewrap is not installed";
    if (!has_proc()) return "/proc is not mounted, which bubblewrap needs";
    if (::geteuid() == 0 && !find_program("setpriv")) return "setpriv (package util-linux) is not installed";
    if (const std::string old = version_without_perms(); !old.empty())
        return "bubblewrap " + old + " is too old (0.5 or later is needed)";
    return "this system does not permit the namespaces that bubblewrap needs";
}

std::pair<uid_t, gid_t> sandbox_owner(SandboxKind kind)
{
    if (kind != SandboxKind::root) return {::geteuid(), ::getegid()};
    const Account account = build_account();
    return {account.uid, account.gid};
}

Command sandboxed(Command command, const Sandbox& sandbox, SandboxKind kind)
{
    if (kind == SandboxKind::none) return command;
    Means means = available_means(sandbox.network);
    means.kind = kind;
    if (kind == SandboxKind::root) means.without_userns = false;
    return enclosed(std::move(command), sandbox, means);
}

} // namespace dkms
