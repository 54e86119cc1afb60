// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include "lib/model/ids.h"
#include "lib/model/places.h"

#include <chrono>
#include <cstddef>
#include <string>
#include <string_view>

namespace dkms {

/// How far make has come, for people: by the time that the last build of this module took. Where there was none, how
/// much there is to do is not known, and only the objects that compilers have been started for are counted.
class MakeProgress {
public:
    MakeProgress(const Places& places, const ModuleId& module);

    /// Make starts now.
    void begin();

    /// Takes notice of what make printed. True when percent() or objects() has grown.
    bool heard(std::string_view output);

    /// 10…88: what comes before make and after it has the rest. Never goes back. 0: not known.
    unsigned percent() const { return percent_; }
    /// As far as kbuild has named them, or others in its way.
    std::size_t objects() const { return objects_; }

private:
    bool count(std::string_view output);

    double expected_seconds_; ///< 0: not known
    unsigned percent_;
    std::size_t objects_ = 0;
    std::string line_head_; ///< how the line begins that is being printed
    std::chrono::steady_clock::time_point start_ = std::chrono::steady_clock::now();
};

} // namespace dkms
