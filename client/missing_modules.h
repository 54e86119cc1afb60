// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include "lib/model/state.h"

#include <nlohmann/json_fwd.hpp>

#include <string>

namespace dkms {

/// Those of `gaps` (Transport::kernels_missing_modules) that a status with this filter is about: all, or those of the
/// kernels that it names; of a module's status none.
nlohmann::json gaps_within(const nlohmann::json& gaps, const StatusFilter& filter);

/// A line for each kernel: "6.12.117-amd64 boots next and lacks v4l2loopback."
std::string gap_sentences(const nlohmann::json& gaps);

} // namespace dkms
