// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include "lib/plan/gaps.h"

#include <filesystem>
#include <vector>

namespace dkms {

/// Tells whoever logs in which kernels lack modules: the file motd.d/dkms in `run` (/run), where pam_motd(8) looks. It
/// has a line for each of `gaps`, and is taken away when there are none. Where `run` does not exist nothing is told.
/// Whoever reads it meanwhile sees the old text or the new one. Throws Error TreeNotWritable, DiskFull.
void tell_at_login(const std::filesystem::path& run, const std::vector<KernelGap>& gaps);

} // namespace dkms
