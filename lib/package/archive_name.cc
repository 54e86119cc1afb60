// SPDX-License-Identifier: LGPL-2.1-or-later
#include "lib/package/archive_name.h"

namespace dkms {
namespace {

std::string list_of(const std::vector<KernelId>& kernels)
{
    constexpr std::size_t longest = 199;
    std::string list;
    for (const KernelId& kernel : kernels)
        list += (list.empty() ? "kernel" : "-kernel") + kernel.release + "-" + kernel.arch;
    if (list.empty()) return "source-only";
    return list.size() > longest ? "manykernels" : list;
}

} // namespace

std::string archive_name(const ModuleId& module, const std::vector<KernelId>& kernels)
{
    return module.name + "-" + module.version + "-" + list_of(kernels) + ".dkms.tar.gz";
}

} // namespace dkms
