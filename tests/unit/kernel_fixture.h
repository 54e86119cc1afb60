// SPDX-License-Identifier: LGPL-2.1-or-later
// What tests share that build for a kernel of this machine.
#pragma once

#include "lib/kernel/headers.h"
#include "tests/catch.h"
#include "tests/unit/build_fixture.h"

#include <optional>

namespace dkms {

/// A kernel of this machine that modules can be built for. Without one the test fails, unless it was told that there is
/// none.
inline std::optional<KernelId> kernel_with_headers()
{
    const auto kernels = installed_kernels(Places{}, true);
    if (!kernels.empty()) return kernels.front();
    const char* told = std::getenv("DKMS_TEST_NO_HEADERS");
    if (told == nullptr || std::string(told) != "1")
        FAIL("no kernel in /lib/modules has headers; install a linux-headers package, or set DKMS_TEST_NO_HEADERS=1");
    return std::nullopt;
}

inline void give_headers(const Trees& trees, const KernelId& kernel)
{
    std::filesystem::create_directories(trees.places.install_tree / kernel.release);
    std::filesystem::create_symlink(std::filesystem::canonical("/lib/modules/" + kernel.release + "/build"),
                                    trees.places.install_tree / kernel.release / "build");
}

inline Step build_step(const ModuleId& module, const KernelId& kernel)
{
    Step step;
    step.kind = StepKind::build;
    step.module = module;
    step.kernel = kernel;
    return step;
}

inline bool contains(const std::string& text, const std::string& part) { return text.find(part) != std::string::npos; }

inline bool nothing_is_left_of_builds(const Trees& trees)
{
    const Layout layout = trees.layout();
    std::error_code missing;
    return (!std::filesystem::exists(layout.builds()) || std::filesystem::is_empty(layout.builds(), missing)) &&
           (!std::filesystem::exists(layout.staging()) || std::filesystem::is_empty(layout.staging(), missing));
}

} // namespace dkms
