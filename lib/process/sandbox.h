// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include "lib/process/child.h"

#include <filesystem>
#include <optional>
#include <utility>
#include <vector>

namespace dkms {

/// Whether a path lies where a sandbox has an empty directory of its own: what a program in it needs from there has to
/// be shown to it.
bool is_hidden_in_sandbox(const std::filesystem::path& path);

/// A directory in a sandbox that anyone there may write, empty at first: what programs expect of HOME.
inline constexpr const char* sandbox_home = "/tmp/home";

/// What a sandboxed program may see and change. The system is read-only, /tmp, /run and /dev are its own (/tmp,
/// /dev/shm and sandbox_home for anyone to write), and there is no network, unless said otherwise (with a network, /run
/// is the system's). It reaches no socket of a service, whether there is a network or not, nor the keys of our session,
/// and makes no namespaces (lib/process/system_calls.h). Built on bubblewrap, see bwrap(1).
struct Sandbox {
    std::vector<std::filesystem::path> empty; ///< made an empty, private directory
    std::vector<std::pair<std::filesystem::path, std::filesystem::path>> read_only; ///< what, and where it appears
    std::vector<std::pair<std::filesystem::path, std::filesystem::path>> writable;  ///< what, and where it appears
    bool network = false;
    bool drop_user = true; ///< as root: run as user dkms-build, or nobody until that exists
    /// In a user namespace: who programs, and the owner of their files, seem to be. Absent: who we are.
    std::optional<std::pair<uid_t, gid_t>> seems = std::nullopt;
};

/// How programs can be kept apart on this system: asked once per process, by trying.
enum class SandboxKind {
    none,           ///< no bubblewrap, or no namespaces (fakeroot, some containers): programs run as they are
    user_namespace, ///< as an ordinary user
    root,           ///< mount namespaces as root, without a user namespace; programs run as another user
};
SandboxKind available_sandbox();

/// Why there is none, as the end of a sentence: "bubblewrap is not installed".
std::string sandbox_missing_because();

/// The command that runs `command` inside `sandbox`. With SandboxKind::none, the command itself. The sandbox has a
/// process namespace of its own: when the returned command ends, or is killed, everything in it has ended. Outer
/// places are made before inner ones, so a bind may lie in an empty directory, and the other way round. Descriptors
/// that the command inherits have been named before.
Command sandboxed(Command command, const Sandbox& sandbox, SandboxKind kind = available_sandbox());

/// User and group that files must belong to so that a sandboxed program can write them: the build user as root, the
/// caller otherwise.
std::pair<uid_t, gid_t> sandbox_owner(SandboxKind kind = available_sandbox());

} // namespace dkms
