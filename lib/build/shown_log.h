// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include "lib/model/ids.h"
#include "lib/tree/layout.h"

#include <filesystem>

namespace dkms {

/// While it lives, the log of a build that runs is at <tree>/M/V/build/make.log, where people follow it: another name
/// of the same file. Of several builds of one version it is the log of the one that began last. A build does not fail
/// for it; where it cannot be shown, it is not.
class ShownLog {
public:
    ShownLog(const Layout& layout, const ModuleId& module, std::filesystem::path log) noexcept;
    /// Takes the name away again, unless another log has it by now.
    ~ShownLog();
    ShownLog(const ShownLog&) = delete;
    ShownLog& operator=(const ShownLog&) = delete;

private:
    std::filesystem::path directory_;
    std::filesystem::path log_;
    bool made_directory_ = false;
};

/// Deletes <tree>/M/V/build of a build that has succeeded, unless the log of another one is shown there.
void remove_build_directory(const Layout& layout, const ModuleId& module) noexcept;

} // namespace dkms
