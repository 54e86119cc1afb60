// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include "lib/model/places.h"

#include <filesystem>
#include <string>

namespace dkms {

/// What a link at `link` says to lead to the built module `built`: its path; on another root (--root), where that would
/// be a path of this machine, a relative one, which is right from there and from here.
std::string module_link_text(const Places& places, const std::filesystem::path& built,
                             const std::filesystem::path& link);

} // namespace dkms
