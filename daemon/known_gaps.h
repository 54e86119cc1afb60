// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include "lib/model/places.h"
#include "lib/plan/gaps.h"

#include <nlohmann/json_fwd.hpp>

#include <chrono>
#include <vector>

namespace dkms {

/// Which kernels lack modules, looked at no more often than it can have changed.
class KnownGaps {
public:
    explicit KnownGaps(Places places) : places_(std::move(places)) {}

    /// The tree or the kernels are not as they were.
    void outdated() { is_current_ = false; }
    /// Looks again when outdated() was called, and a second after the last look: others change things, too. Throws what
    /// kernel_gaps() throws.
    const std::vector<KernelGap>& now();

private:
    Places places_;
    std::vector<KernelGap> gaps_;
    bool is_current_ = false;
    std::chrono::steady_clock::time_point looked_at_;
};

/// As the property KernelsMissingModules and the stdio front show them: a list of objects, to_json() of each and its
/// `sentence`.
nlohmann::json shown(const std::vector<KernelGap>& gaps);

} // namespace dkms
