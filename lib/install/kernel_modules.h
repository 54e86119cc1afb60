// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include "lib/model/places.h"

#include <map>
#include <set>
#include <string>
#include <vector>

namespace dkms {

/// Regular files that are a module with one of `names` (foo for foo.ko, foo.ko.xz …), anywhere below <install tree>/K:
/// paths below it, sorted. Links are not followed, so build/ and source/ are not searched.
std::map<std::string, std::vector<std::string>> find_kernel_modules(const Places& places, const std::string& release,
                                                                    const std::set<std::string>& names);

} // namespace dkms
