// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include "lib/model/places.h"
#include "lib/process/descriptor.h"

#include <map>
#include <string>

namespace dkms {

/// What the unit does that signs the modules of other units' builds (lib/build/signer.h has what is said): it hears one
/// wish after the other on `connection`, until that ends or SIGTERM comes. Trees and settings are those of this
/// system's own files; of what is said, only the names of module and kernel count, and a module is signed in a copy. A
/// wish that is not understood or cannot be fulfilled is answered by an error.
void serve_signing(const Descriptor& connection, const Places& places,
                   const std::map<std::string, std::string>& settings);

} // namespace dkms
