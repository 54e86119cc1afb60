// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include "client/console.h"
#include "client/progress.h"

#include <nlohmann/json_fwd.hpp>

namespace dkms {

/// One line of JSON on standard output; bytes that are not UTF-8 are replaced.
void print_json(Console& console, const nlohmann::json& value);

/// What a change prints: {"exit_code":N,"jobs":[…]}, each job a JobView with its "seconds", what it "built",
/// "installed" and "deleted" in files, what was "loaded" (M/V), the "problems" that it found (lib/model/problem.h), and
/// the files that it "packed", each with path, size and sha256; beside them the "error" of the first that failed.
nlohmann::json results_json(const ProgressBoard& board, int exit_code);

} // namespace dkms
