// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include "client/transport.h"
#include "lib/model/error.h"

#include <string>

namespace dkms {

/// The same error; where it says that a module, a kernel or a source does not exist, and one of nearly that name does,
/// its hint names that. Throws nothing: what cannot be looked at is not hinted at.
Error with_near_name(const Error& error, Transport& transport) noexcept;

/// "Did you mean 'hello'?", or which versions of the module are registered; empty where nothing is near.
std::string near_module(const ModuleId& module, Transport& transport);

} // namespace dkms
