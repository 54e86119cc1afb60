// SPDX-License-Identifier: LGPL-2.1-or-later
#include "lib/tree/tree_names.h"

#include <algorithm>
#include <array>
#include <string>

namespace dkms {

std::optional<KernelId> kernel_between(std::string_view name, std::string_view prefix, std::string_view suffix)
{
    if (!name.starts_with(prefix) || !name.ends_with(suffix) || name.size() <= prefix.size() + suffix.size())
        return std::nullopt;
    name = name.substr(prefix.size(), name.size() - prefix.size() - suffix.size());
    const auto dash = name.rfind('-');
    if (dash == std::string_view::npos || dash == 0) return std::nullopt;
    return KernelId{std::string(name.substr(0, dash)), std::string(name.substr(dash + 1))};
}

bool may_be_module(std::string_view name)
{
    // Where the tree is a file system of its own, only root may read lost+found.
    return !name.starts_with('.') && name != "lost+found";
}

bool may_be_kernel(std::string_view name)
{
    static constexpr std::array<std::string_view, 8> others{"build", "source", "tarball", "driver_disk",
                                                            "rpm",   "deb",    "dsc",     "bmdeb"};
    return !name.starts_with('.') && std::find(others.begin(), others.end(), name) == others.end();
}

} // namespace dkms
