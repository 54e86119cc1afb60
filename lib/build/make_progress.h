// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include "lib/model/ids.h"
#include "lib/model/places.h"

#include <chrono>
#include <cstddef>
#include <filesystem>
#include <string_view>

namespace dkms {

/// How far make has come, as a guess for people: by the time the last build of this module took, or, where there was
/// none, by the compilers it has started against the C files there are.
class MakeProgress {
public:
    /// `directory` holds the sources that are built.
    MakeProgress(const Places& places, const ModuleId& module, const std::filesystem::path& directory);

    /// Takes notice of what make printed. True when percent() has grown.
    bool heard(std::string_view output);

    /// 10…88: what comes before make and after it has the rest. Never goes back.
    unsigned percent() const { return percent_; }

private:
    double fraction() const;

    double expected_seconds_ = 0; ///< 0: not known
    std::size_t files_ = 0;
    std::size_t compiled_ = 0;
    unsigned percent_ = 10;
    std::chrono::steady_clock::time_point start_ = std::chrono::steady_clock::now();
};

} // namespace dkms
