// SPDX-License-Identifier: LGPL-2.1-or-later
#include "client/dkms/named_kernels.h"

#include <algorithm>

namespace dkms::legacy {

std::vector<KernelId> kernels_of(const Words& words)
{
    const auto& architectures = words.architectures;
    if (words.kernels.empty() && !architectures.empty()) return {{running_release(), architectures.front()}};
    std::vector<KernelId> kernels;
    for (std::size_t next = 0; const NamedKernel& one : words.kernels) {
        KernelId kernel{one.release, one.arch.value_or("")};
        if (!one.arch && !architectures.empty()) kernel.arch = architectures[architectures.size() == 1 ? 0 : next++];
        kernels.push_back(std::move(kernel));
    }
    return kernels;
}

std::vector<std::vector<KernelId>> turns_of(const std::vector<KernelId>& kernels)
{
    std::vector<std::vector<KernelId>> turns;
    for (const KernelId& kernel : kernels) {
        const bool is_new = turns.empty() || std::count(turns.back().begin(), turns.back().end(), kernel) > 0;
        if (is_new) turns.emplace_back();
        turns.back().push_back(kernel);
    }
    return turns;
}

void check_architectures(const Words& words)
{
    const auto left = static_cast<std::size_t>(std::count_if(words.kernels.begin(), words.kernels.end(),
                                                             [](const NamedKernel& kernel) { return !kernel.arch; }));
    const std::size_t given = words.architectures.size();
    if ((given > 1 && given != left) || (given > 0 && left == 0 && !words.kernels.empty()))
        throw Fault{1,
                    "If more than one arch is specified on the command line, then there\n"
                    "must be an equal number of kernel versions also specified (1:1 relationship).",
                    false};
}

void check_kernels_are_named(const Words& words)
{
    const auto& named = words.kernels;
    const bool lacks_arch = std::count(words.architectures.begin(), words.architectures.end(), "") > 0 ||
                            std::any_of(named.begin(), named.end(),
                                        [](const NamedKernel& kernel) { return kernel.arch && kernel.arch->empty(); });
    if (lacks_arch) throw Fault{12, "No architecture was given with -a.", false};
    if (std::any_of(named.begin(), named.end(), [](const NamedKernel& kernel) { return kernel.release.empty(); }))
        throw Fault{16, "No kernel version was given with -k.", false};
}

} // namespace dkms::legacy
