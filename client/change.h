// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include "client/commands.h"
#include "client/transport.h"

#include <memory>
#include <optional>

namespace dkms {

/// What became of a request.
struct Submitted {
    std::unique_ptr<Transport> transport;
    std::optional<JobId> job; ///< to be followed; none with --no-wait
};

/// Has the request of a change verb accepted; with --no-wait its number is printed. Throws Error, NotSupported for
/// --no-wait without the service.
Submitted submit_change(const Invocation& invocation, Console& console);

} // namespace dkms
