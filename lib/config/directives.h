// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <span>
#include <string_view>

namespace dkms {

/// The directives of dkms.conf(5), in the order in which their values are expanded for the second time: a value may
/// look at those before it.
std::span<const std::string_view> conf_directives();

bool is_conf_directive(std::string_view name);

/// A directive that is read, does nothing any more (or is replaced), and is reported.
struct DeprecatedDirective {
    std::string_view name;
    std::string_view instead; ///< may be empty
};
std::span<const DeprecatedDirective> deprecated_directives();

} // namespace dkms
