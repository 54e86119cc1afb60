// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include "client/dkms/words.h"
#include "lib/model/state.h"

#include <string>
#include <vector>

namespace dkms::legacy {

/// What `dkms status` prints, which a great many scripts parse: it never changes. `out` for standard output, `err` for
/// what is said of broken modules.
struct StatusLines {
    std::string out;
    std::string err;
};

/// Which builds are shown; a module without one of them is shown as added.
struct Shown {
    std::vector<NamedKernel> kernels;       ///< releases are patterns, see glob(7); empty: every
    std::vector<std::string> architectures; ///< of kernels that are named without one; empty: every
};
StatusLines status_lines(std::vector<ModuleStatus> modules, const Shown& shown);

} // namespace dkms::legacy
