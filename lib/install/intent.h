// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include "lib/model/ids.h"
#include "lib/tree/layout.h"

#include <nlohmann/json_fwd.hpp>

#include <filesystem>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include <sys/types.h>

namespace dkms {

/// One file (or symbolic link) that is made, replaced or deleted.
struct Change {
    std::filesystem::path target; ///< where it is seen
    std::filesystem::path fresh;  ///< temporary beside it with the new content; empty: target is deleted
    std::filesystem::path backup; ///< beside it: where the old content waits until the end
    bool existed = false;         ///< whether there was something at target before

    bool operator==(const Change&) const = default;
};

/// What is about to be changed for one module and kernel: <tree>/.dkmsd/intents/*.json, written before anything is
/// done, so that a process that is killed at any moment leaves enough behind to finish or to take back what it had
/// begun.
struct Intent {
    enum class Phase {
        staging,   ///< temporaries are being written, nothing visible has changed
        applying,  ///< renames are under way: to be taken back
        committed, ///< everything is in place: only leftovers are to be deleted
    };
    /// What the file's name begins with if this process has written it.
    static std::string name_prefix(pid_t process) { return std::to_string(process) + "-"; }

    Phase phase = Phase::staging;
    ModuleId module;
    KernelId kernel;
    bool depmod = false; ///< depmod is part of it, so it has to run again after it was taken back
    std::vector<std::filesystem::path> directories; ///< that it makes, outermost first
    std::vector<Change> changes;
    std::vector<std::filesystem::path>
        prune; ///< directories to delete at the end if they are empty then, innermost first

    bool operator==(const Intent&) const = default;
};

nlohmann::json to_json(const Intent& intent);
/// Throws nlohmann::json::exception when it is not the JSON of an intent.
Intent intent_from_json(const nlohmann::json& value);

/// Called at every moment at which a crash would leave another state on disk, with a word that names it. For tests.
using StopPoint = std::function<void(std::string_view moment)>;

/// Takes back whatever of an intent (staging or applying) has been done. Does as much as it can; may be repeated.
/// Returns 0, or the errno of what failed: then the intent must stay, to be taken back later.
int roll_back(const Intent& intent) noexcept;

/// Deletes what is left over of a committed intent. May be repeated. False when something is still there.
bool finish(const Intent& intent, const StopPoint& stop = {});

} // namespace dkms
