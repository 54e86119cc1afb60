// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <algorithm>
#include <cstdint>

namespace dkms {

/// What a step, or all steps of a job, took of the machine.
struct Usage {
    double cpu_seconds = 0;        ///< of all processes together
    std::uint64_t peak_memory = 0; ///< bytes that its processes had at a time; as far as it was looked at

    bool operator==(const Usage&) const = default;

    /// Of two things that were done one after the other.
    friend Usage operator+(const Usage& a, const Usage& b)
    {
        return {a.cpu_seconds + b.cpu_seconds, std::max(a.peak_memory, b.peak_memory)};
    }
};

} // namespace dkms
