// SPDX-License-Identifier: LGPL-2.1-or-later
#include "client/dkms/status_lines.h"

#include "client/dkms/error_text.h"

#include <algorithm>

#include <fnmatch.h>

namespace dkms::legacy {
namespace {

bool is_wanted(const KernelId& kernel, const Shown& shown)
{
    const auto& list = shown.architectures;
    const bool of_list = list.empty() || std::find(list.begin(), list.end(), kernel.arch) != list.end();
    if (shown.kernels.empty()) return of_list;
    return std::any_of(shown.kernels.begin(), shown.kernels.end(), [&](const NamedKernel& pattern) {
        return (pattern.arch ? *pattern.arch == kernel.arch : of_list) &&
               ::fnmatch(pattern.release.c_str(), kernel.release.c_str(), 0) == 0;
    });
}

std::string notes_of(const KernelStatus& kernel)
{
    std::string notes;
    if (kernel.originals) notes += " (Original modules exist)";
    if (kernel.stale) notes += " (Source was replaced since it was built)";
    if (kernel.build_missing) notes += " (Built modules are missing in the kernel modules folder)";
    if (kernel.missing || kernel.differs) notes += " (Differences between built and installed modules)";
    return notes;
}

/// Empty for a state that the old program does not know.
std::string kernel_line(const ModuleId& module, const KernelStatus& kernel)
{
    const std::string place = kernel.kernel.release + ", " + kernel.kernel.arch + ": ";
    switch (kernel.state) {
    case KernelState::built:
        return module.text() + ", " + place + "built" + notes_of(kernel) + "\n";
    case KernelState::installed:
        return module.text() + ", " + place + "installed" + notes_of(kernel) + "\n";
    case KernelState::installed_weak:
        return module.name + ", " + module.version + ", " + place + "installed-weak from " + kernel.weak_from + "\n";
    default:
        return {};
    }
}

/// The order of a shell's pattern: by the bytes of the names.
void sort_as_shell(std::vector<ModuleStatus>& modules)
{
    std::sort(modules.begin(), modules.end(), [](const auto& a, const auto& b) { return a.module < b.module; });
    for (ModuleStatus& module : modules)
        std::sort(module.kernels.begin(), module.kernels.end(),
                  [](const auto& a, const auto& b) { return a.kernel < b.kernel; });
}

} // namespace

StatusLines status_lines(std::vector<ModuleStatus> modules, const Shown& shown)
{
    sort_as_shell(modules);
    StatusLines lines;
    for (const ModuleStatus& module : modules) {
        if (module.broken) {
            lines.err += framed(module.module.text() +
                                ": Missing the module source directory or the symbolic link pointing to it.\n"
                                "Manual intervention is required!");
            lines.out += module.module.text() + ": broken\n";
            continue;
        }
        std::string of_module;
        for (const KernelStatus& kernel : module.kernels)
            if (is_wanted(kernel.kernel, shown)) of_module += kernel_line(module.module, kernel);
        lines.out += of_module.empty() ? module.module.text() + ": added\n" : of_module;
    }
    return lines;
}

} // namespace dkms::legacy
