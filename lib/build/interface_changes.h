// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <string>

namespace dkms {

/// What to do about a header, function, type or member that the kernel does not have as the source expects it: says in
/// which version of Linux it changed, and so whether the source or the kernel is the older one. Empty for a name that
/// is not known.
std::string change_hint(const std::string& name, const std::string& release);

/// The same for an error of the compiler or modpost that shows an interface of the kernel to be another one: "too few
/// arguments to function 'f'", "'struct s' has no member named 'm'". Of a name that is not known it says what is
/// different. Empty for any other error.
std::string interface_hint(const std::string& error, const std::string& release);

} // namespace dkms
