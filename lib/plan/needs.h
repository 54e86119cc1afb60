// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include "lib/config/conf.h"
#include "lib/model/state.h"
#include "lib/model/step.h"

#include <functional>
#include <optional>
#include <string>
#include <vector>

namespace dkms {

/// What is to be done about a module so that a kernel is complete.
enum class NeedKind {
    none,    ///< it is installed and made from what is there, or another one has replaced it, or it does not want to be
             ///< installed by itself
    install, ///< build it if it is not built, and install it; also when what is installed or built is lost or damaged
    rebuild, ///< it is stale: what it was built from is not as it was
    waiting, ///< as install, but the kernel's headers are missing
    excluded, ///< it says itself that it is not meant for this kernel
    deferred, ///< it depends on modules that are not in the tree, or on such a one
    broken,   ///< its source is gone
    unknown,  ///< only bash can tell
};
std::string_view name_of(NeedKind kind);

struct ModuleNeed {
    ModuleId module;
    NeedKind kind = NeedKind::none;
    std::string reason;             ///< for people, without a full stop; for deferred the names it depends on
    std::vector<std::string> after; ///< names, earlier in the list: what it depends on, or what has a module of the
                                    ///< same name and goes before it, and what is to be done as well
    std::string changed_kind;       ///< rebuild: InputFile::kind …
    std::string changed_path;       ///< … and path of what has changed
    bool installed = false;         ///< this version is, and the kernel has it as it was built

    /// Whether there is something to be done that can be tried.
    bool is_work() const;

    bool operator==(const ModuleNeed&) const = default;
};

/// What a kernel needs to be complete.
struct KernelNeeds {
    KernelId kernel;
    std::vector<ModuleNeed> modules;              ///< one for each name; dependencies first, else in the order of names
    std::vector<std::vector<std::string>> cycles; ///< names that depend on each other in a circle
    std::vector<ModuleId> broken_others;          ///< broken versions beside these; not in the JSON form
    std::vector<Step> pending;                    ///< see pending.h
    std::string switched_off;                     ///< path of the file that says so: nothing is done then

    bool is_complete() const; ///< there is nothing to do, as far as is known
};

/// How to find out.
struct NeedsSource {
    /// The configuration of a module for the kernel; nothing when only bash could read it. May throw Error: such a
    /// module is to be installed, and its build will say what is wrong.
    std::function<std::optional<Conf>(const ModuleId&, const KernelId&)> conf;
    /// Whether a file that may have changed by its size and time is to be read. If not, it counts as changed.
    bool by_content = true;
    bool stale = true; ///< whether installed builds are looked at; if not, they are as good as fresh
    /// With which kernel it is to have the modules in common, instead of those that want to be installed by themselves;
    /// a release (match).
    std::string like;
    std::string only; ///< of one module; empty: of all
};

/// Starts no program; only dkms.conf files that need none are understood, and contents are not compared.
NeedsSource quick_source(const Places& places);
/// May start bash and what works out digests.
NeedsSource thorough_source(const Places& places);

/// Compares what the tree and the configurations say with what is installed. Changes nothing, takes no lock.
KernelNeeds needs_of(const Places& places, const KernelId& kernel, const NeedsSource& source);
/// The same for a tree that has been scanned (ScanDepth::full), with all kernels in it: to look at several of them.
KernelNeeds needs_of(const Places& places, const std::vector<ModuleStatus>& tree, const KernelId& kernel,
                     const NeedsSource& source);

/// {"kernel":"…","arch":"…","modules":[{"name":…,"version":…,"action":"install","reason":…,"after":[…]}],"cycles":[…],
/// "at_end":["depmod"],"switched_off":…}
nlohmann::json to_json(const KernelNeeds& needs);
KernelNeeds kernel_needs_from_json(const nlohmann::json& value);

} // namespace dkms
