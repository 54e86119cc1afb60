// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include "lib/config/conf_source.h"

#include <optional>
#include <span>

namespace dkms {

/// Evaluates files that are assignments with quotes, comments and simple variables: in one scope, one after the other,
/// then every wanted value once more. The same as evaluate_with_bash, or nothing: whatever it is not sure of is left to
/// bash. Starts no program, keeps to bounds of time and memory that follow from conf_size_limit.
std::optional<ConfVariables> evaluate_natively(std::span<const ConfSource> sources, const ConfScope& scope);

/// The same without the second expansion: values as an ordinary shell would see them, but for a carriage return at the
/// end. For framework.conf.
std::optional<ConfVariables> evaluate_once_natively(std::span<const ConfSource> sources, const ConfScope& scope);

} // namespace dkms
