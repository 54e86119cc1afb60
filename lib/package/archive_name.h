// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include "lib/model/ids.h"

#include <string>
#include <vector>

namespace dkms {

/// The file name of an archive of these builds, as callers of the old program expect it:
/// "M-V-kernelK-A-kernelK-A.dkms.tar.gz", "M-V-source-only.dkms.tar.gz" without builds, and
/// "M-V-manykernels.dkms.tar.gz" if that list of kernels is longer than 199 bytes.
std::string archive_name(const ModuleId& module, const std::vector<KernelId>& kernels);

} // namespace dkms
