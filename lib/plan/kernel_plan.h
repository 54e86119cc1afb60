// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include "lib/plan/plan.h"

#include <string>

namespace dkms {

/// Whether a verb is about a kernel and every module that has to do with it.
bool concerns_kernel(Verb verb);

/// The plan of such a request: see plan(). A kernel that is named to be made complete has to be there. Throws Error
/// NoSuchKernel.
JobPlan plan_for_kernel(const Request& request, const PlanFacts& facts);

/// A child that takes everything away that was built of a module for a kernel, and leaves depmod and the initramfs to
/// whoever asks for it. `asked`: what was asked for, for the record.
JobPlan clearance(const ModuleId& module, const KernelId& kernel, const Options& options, Verb asked);

/// What follows when such children have been there: depmod, once; empty directories and notes about the kernel go.
Step final_tidying(const KernelId& kernel, const Options& options);

} // namespace dkms
