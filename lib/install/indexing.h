// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include "lib/model/places.h"
#include "lib/process/work.h"

#include <optional>
#include <string>
#include <vector>

namespace dkms {

/// Whether depmod is to run in this step: it is wanted, and there is a kernel to run it for.
bool is_indexed(const Work& work);

/// Runs depmod for the step's kernel and reports it; afterwards the index must list `files` (paths below <install
/// tree>/K), and of each of `restored` a module of its name: of several depmod takes one. Nothing when all went well,
/// else what did not. When there is no index, that is reported (depmod-skipped) and all is well.
std::optional<std::string> index_modules(const Work& work, const std::vector<std::string>& files,
                                         const std::vector<std::string>& restored = {});

/// Runs depmod for the kernel where it has an index, after something was taken back. When it fails, that is noted as
/// work that is left (lib/tree/pending), as far as that can be, and returned.
std::optional<std::string> index_again(const Places& places, const KernelId& kernel) noexcept;

} // namespace dkms
