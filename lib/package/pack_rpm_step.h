// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include "lib/process/work.h"

namespace dkms {

/// Makes RPMs of a module: PackFormat rpm (rpm_package.h), kmp (kmp_source.h), kmod (kmod_package.h, one for each
/// kernel). They go to ProductPlace "rpm".
std::unique_ptr<Action> make_pack_rpm_step(Work& work);

} // namespace dkms
