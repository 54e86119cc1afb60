// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include "lib/build/limit_watch.h"
#include "lib/model/usage.h"
#include "lib/process/cancel.h"
#include "lib/process/child.h"
#include "lib/process/sandbox.h"

#include <filesystem>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <utility>

namespace dkms {

/// What a build was spared (BuildRecord::opened) whose sandbox was made by root.
inline constexpr const char* sandbox_by_root = "sandbox by root";

/// Where the commands of one build run: as our children, or, where this process is in a unit of its own, in another one
/// that has the rights of the user who builds (docs/hardening.md). Decided once, by command_place().
class CommandPlace {
public:
    CommandPlace() = default;
    CommandPlace(const CommandPlace&) = delete;
    CommandPlace& operator=(const CommandPlace&) = delete;
    virtual ~CommandPlace() = default;

    /// To whom files must belong that commands are to write, if `kind` keeps them apart. Another one may be needed once
    /// settle() has found out who makes the sandbox. Throws Error Cancelled.
    virtual std::pair<uid_t, gid_t> user(SandboxKind kind, Cancellation&) { return sandbox_owner(kind); }

    /// Before the first command: it and all that follow are kept apart by `kind`, as this process would do it. In units
    /// that decides who makes the sandbox: `sandbox` is tried, with `directory` to work in. Throws Error Cancelled, and
    /// Internal when there is no unit.
    virtual void settle(SandboxKind kind, const Sandbox& sandbox, const std::filesystem::path& directory,
                        LimitWatch& limits, Cancellation& cancellation) = 0;

    /// Runs a command in `sandbox`, and does not return or throw before everything that it has started is gone. What it
    /// says is handed to `heard`, which may throw, as `limits` may: then it is ended. Throws Error Cancelled;
    /// Interrupted, when the unit was ended; else as Child::start.
    virtual ExitStatus run(Command command, const Sandbox& sandbox, const std::function<void(std::string_view)>& heard,
                           LimitWatch& limits, Cancellation& cancellation) = 0;

    /// What commands have taken of the machine that were not children of ours.
    virtual Usage usage() const { return {}; }
    /// Why root makes the sandbox, and not the user who builds: what was said when that was tried with the sandbox of
    /// the first command. Empty: it is as it should be.
    virtual std::string root_because() const { return {}; }
};

/// The place for a build. A unit, with a network or without, begins to start now, and ends with the object.
std::unique_ptr<CommandPlace> command_place(bool network);

/// Whether commands run in units: the directory of the build must then be reached by the user who builds.
bool has_command_units();

} // namespace dkms
