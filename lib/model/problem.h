// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include "lib/model/ids.h"

#include <nlohmann/json_fwd.hpp>

#include <optional>
#include <string>
#include <string_view>

namespace dkms {

/// What can be wrong in the trees (docs/architecture.md, "Checks", has the table: how each is seen, and its repair).
enum class ProblemKind {
    leftover,          ///< of a step or a build that was interrupted, ours or another program's
    half_built,        ///< a build's directory without modules in it
    half_added,        ///< a version's directory without source or build
    bad_link,          ///< kernel-K-A names a version that has no build for that kernel
    bad_record,        ///< a record that cannot be understood, or contradicts the link beside it
    orphaned_original, ///< the archive of a kernel's module, and nothing of ours is in its place
    index_outdated,    ///< modules.dep does not list what is installed
    module_missing,    ///< what is installed is not in the kernel's directory
    module_differs,    ///< what is there is not what was built
    source_missing,    ///< the source link is missing or leads nowhere
    kernel_gone,       ///< builds for a kernel that has no directory
    unknown_module,    ///< a module in a directory of ours that no module package owns
    build_damaged,     ///< a built module is missing, or not the one that was built
};

/// One of these.
struct Problem {
    ProblemKind kind = ProblemKind::leftover;
    std::string path;        ///< absolute
    ModuleId module = {};    ///< empty where it concerns none
    KernelId kernel = {};    ///< empty where it concerns none
    bool certain = false;    ///< what to do about it follows from it, and takes nothing away that anyone could want
    bool repaired = false;   ///< it was there
    std::string reason = {}; ///< why the repair did not succeed; a clause

    bool operator==(const Problem&) const = default;
};

std::string_view name_of(ProblemKind kind); ///< "half-built"
std::optional<ProblemKind> problem_kind_of(std::string_view name);

/// {"problem":"half-built","path":…,"module":"M/V","kernel":"K/A","certain":true,"repaired":false,"reason":…}: the
/// facts of an event; what is empty is left out.
nlohmann::json to_json(const Problem& problem);
/// Throws Error Internal: another version's.
Problem problem_from_json(const nlohmann::json& value);

} // namespace dkms
