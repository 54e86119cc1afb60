// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include "lib/build/build_inputs.h"
#include "lib/build/surroundings.h"
#include "lib/config/build_switches.h"
#include "lib/process/sandbox.h"
#include "lib/process/work.h"

namespace dkms {

/// How the commands of one build are kept apart: what the administrator's switches and this system make of it.
struct SandboxChoice {
    BuildSwitches switches;
    SandboxKind kind;
};

/// Lines of the switches that were ignored, and a sandbox that is preferred but cannot be had, are warnings. Throws
/// Error SandboxMissing where one is required.
SandboxChoice choose_sandbox(const Work& work);

/// Shows the commands of a build what it needs and what the caller or the configuration names: the trees, the headers,
/// the administrator's files for the module, paths in MAKE and in directives of the command line, links in the source.
void show_inputs(Surroundings& surroundings, const Work& work, const BuildInputs& inputs);

/// The turn of a build that has no sandbox by a switch. It uses <tree>/M/V/build itself, so builds of one version must
/// follow each other; the queue knows that only of a system that has no sandboxes at all.
class VersionTurn {
public:
    /// Waits for it; nothing to wait for unless `choice` is such a build. Throws Error Cancelled, TreeNotWritable.
    VersionTurn(const SandboxChoice& choice, const Work& work);

private:
    Descriptor lock_;
};

} // namespace dkms
