// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include "lib/model/ids.h"
#include "lib/model/request.h"

#include <nlohmann/json_fwd.hpp>

#include <optional>
#include <string>
#include <vector>

namespace dkms {

/// Something that two steps cannot both have. Shared holders get on with each other; an exclusive one stands alone.
struct Resource {
    std::string name; ///< "module M/V", "build M/V K/A", "kernel K"
    bool exclusive = true;

    auto operator<=>(const Resource&) const = default;
};

/// One piece of work for one worker process: what to do, to what, and how.
struct Step {
    StepKind kind = StepKind::add;
    ModuleId module; ///< empty for steps that concern a kernel only (initramfs)
    KernelId kernel; ///< empty for steps that concern a module only (add, remove)
    Options options;
    std::vector<KernelId> kernels = {}; ///< pack: the builds that go into the archive
    std::string staged = {};            ///< adopt: the name below <tree>/.dkmsd/staging of what was loaded
    bool implied = false;               ///< add: for another verb, so who did it before is no matter; remove: again
    bool handle = false;                ///< it works on the descriptor that lies beside the request
    /// What the request asked for, where that is more than the kind says, and the step has to know: of an install, that
    /// the version was chosen (switch_version, roll_back); for the record of what was installed. Of an unbuild, that it
    /// follows an install, and what is installed by now stays.
    std::optional<Verb> part_of = {};

    bool operator==(const Step&) const = default;

    /// What it needs to have for itself (docs/architecture.md has the table):
    /// add, remove: the module M/V and its name; build: shares M/V, owns M/V for K/A; install, uninstall: the same and
    /// owns the kernel K; unbuild: like build; adopt: like add; pack…: shares M/V; load, survey: nothing; all others
    /// own the kernel. All share the trees, which check owns. `private_build` is false where sandboxes are not to be
    /// had: builds of one M/V then use one directory, so build owns it.
    std::vector<Resource> resources(bool private_build = true) const;

private:
    std::vector<Resource> resources_within(bool private_build) const;
};

/// Whether steps of this kind are asked for by others, to run once for a kernel at the end of a job; then their place
/// among these, from 0: an initramfs holds the index, and the administrator's command comes last.
std::optional<unsigned> place_at_end(StepKind kind);

/// {"step":"build","module":"m","version":"v","kernel":"6.1.0/x86_64","options":{…}}
nlohmann::json to_json(const Step& step);
Step step_from_json(const nlohmann::json& value);

} // namespace dkms
