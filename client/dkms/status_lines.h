// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

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

/// Which builds are shown; a module without one of them is shown as added. Without a kernel those whose release begins
/// with a number and a dot.
struct Shown {
    std::vector<std::string> kernels;       ///< patterns on the release, see glob(7)
    std::vector<std::string> architectures; ///< empty: every
};
StatusLines status_lines(std::vector<ModuleStatus> modules, const Shown& shown);

} // namespace dkms::legacy
