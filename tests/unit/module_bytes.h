// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include "tests/unit/tiny_module.h"

#include <utility>

namespace dkms {

/// A module for kernel 6.1.0-1-test. `info`: its .modinfo entries beside vermagic.
inline std::string module_bytes(const std::vector<std::pair<std::string, std::string>>& info)
{
    std::vector<std::string> entries{"vermagic=6.1.0-1-test SMP mod_unload "};
    for (const auto& [key, value] : info) entries.push_back(key + "=" + value);
    return tiny_module(entries);
}

} // namespace dkms
