// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include "client/console.h"

#include <nlohmann/json_fwd.hpp>

namespace dkms {

/// One line of JSON on standard output; bytes that are not UTF-8 are replaced.
void print_json(Console& console, const nlohmann::json& value);

} // namespace dkms
