// SPDX-License-Identifier: LGPL-2.1-or-later
#include "lib/process/sandbox.h"

#include "lib/model/error.h"

#include <algorithm>
#include <iterator>
#include <optional>

#include <pwd.h>
#include <unistd.h>

namespace dkms {
namespace {

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

/// Whether `argv` runs and ends well.
bool works(std::vector<std::string> argv)
{
    Command command;
    command.argv = std::move(argv);
    command.environment = base_environment();
    try {
        return capture(std::move(command)).status.ok();
    } catch (const Error&) {
        return false;
    }
}

SandboxKind probe()
{
    if (!find_program("bwrap")) return SandboxKind::none;
    const bool root = ::geteuid() == 0;
    if (root && !find_program("setpriv")) return SandboxKind::none;
    const SandboxKind kind = root ? SandboxKind::root : SandboxKind::user_namespace;
    Command command;
    command.argv = {"true"};
    command.environment = base_environment();
    return works(sandboxed(std::move(command), Sandbox{}, kind).argv) ? kind : SandboxKind::none;
}

void append(std::vector<std::string>& argv, std::initializer_list<std::string> words)
{
    argv.insert(argv.end(), words.begin(), words.end());
}

/// What is mounted where, as bwrap's words: outer places first.
void append_mounts(std::vector<std::string>& argv, const Sandbox& sandbox)
{
    using Mount = std::pair<std::filesystem::path, std::vector<std::string>>;
    std::vector<Mount> mounts;
    // Sockets of services are reached without a network, too; with one, names are resolved through what is there.
    if (!sandbox.network && leads_to_directory("/run")) mounts.push_back({"/run", {"--tmpfs", "/run"}});
    for (const auto& path : sandbox.empty) mounts.push_back({path, {"--tmpfs", path.string()}});
    const auto add_bind = [&](const char* how, const auto& what, const auto& where) {
        // bwrap makes the way to a bind for root alone, unless it is told to make a directory.
        mounts.push_back({where, {"--dir", where.parent_path().string(), how, what.string(), where.string()}});
    };
    for (const auto& [what, where] : sandbox.read_only) add_bind("--ro-bind", what, where);
    for (const auto& [what, where] : sandbox.writable) add_bind("--bind", what, where);
    const auto depth = [](const Mount& mount) { return std::distance(mount.first.begin(), mount.first.end()); };
    std::stable_sort(mounts.begin(), mounts.end(), [&](const Mount& a, const Mount& b) { return depth(a) < depth(b); });
    for (const auto& [where, words] : mounts) argv.insert(argv.end(), words.begin(), words.end());
}

} // namespace

bool is_hidden_in_sandbox(const std::filesystem::path& path)
{
    const std::string place = path.lexically_normal().string();
    return place.starts_with("/tmp/") || place.starts_with("/run/");
}

SandboxKind available_sandbox()
{
    static const SandboxKind kind = probe();
    return kind;
}

std::string sandbox_missing_because()
{
    if (!find_program("bwrap")) return "bubblewrap is not installed";
    if (::geteuid() == 0 && !find_program("setpriv")) return "setpriv (package util-linux) is not installed";
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
    std::vector<std::string> argv{"bwrap", "--die-with-parent", "--unshare-ipc", "--unshare-pid", "--unshare-uts"};
    if (kind == SandboxKind::user_namespace) append(argv, {"--unshare-user"});
    if (!sandbox.network) append(argv, {"--unshare-net"});
    append(argv, {"--ro-bind", "/", "/", "--dev", "/dev", "--proc", "/proc", "--perms", "1777", "--tmpfs", "/tmp"});
    append(argv, {"--perms", "1777", "--tmpfs", "/dev/shm", "--perms", "0777", "--dir", sandbox_home});
    append_mounts(argv, sandbox);
    append(argv, {"--chdir", command.directory.string(), "--"});
    if (kind == SandboxKind::root && sandbox.drop_user) {
        const auto [uid, gid] = sandbox_owner(kind);
        append(argv, {"setpriv", "--reuid=" + std::to_string(uid), "--regid=" + std::to_string(gid), "--clear-groups",
                      "--no-new-privs", "--"});
    }
    argv.insert(argv.end(), command.argv.begin(), command.argv.end());
    command.argv = std::move(argv);
    command.directory = "/"; // the command's own directory may exist inside only
    return command;
}

} // namespace dkms
