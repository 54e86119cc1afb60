// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include "lib/model/step.h"
#include "lib/tree/layout.h"

#include <vector>

namespace dkms {

// Work that a change has left to be done for a kernel as a whole at the end of its job: depmod, the initramfs, the
// administrator's command (place_at_end). It is noted in <tree>/.dkmsd/pending-K-A.json before the change shows, so
// that a power cut between the two does not lose it: the next job that makes this kernel complete does it.

/// What is noted; empty when there is nothing, or nothing that can be read.
std::vector<Step> pending_steps(const Layout& layout, const KernelId& kernel);

/// Notes these steps, too; on disk when it returns. The caller owns the kernel (Step::resources).
/// Throws Error: TreeNotWritable, DiskFull.
void add_pending(const Layout& layout, const KernelId& kernel, const std::vector<Step>& steps);

/// Such a step has come to its end, well or not.
void remove_pending(const Layout& layout, const KernelId& kernel, StepKind kind) noexcept;

} // namespace dkms
