// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include "lib/process/descriptor.h"

#include <filesystem>

namespace dkms {

/// Keeps the journal of one service to one instance. Where a bus starts the service itself, a second one can be started
/// while the first is about to leave, or has lost its connection and still has jobs.
class InstanceLock {
public:
    /// Makes `directory` and locks it (flock(2)); waits some seconds for another instance to end. Throws Error
    /// ServiceUnavailable when it does not. Where the directory cannot be made or locked, the name on the bus alone
    /// keeps a second instance away.
    explicit InstanceLock(const std::filesystem::path& directory);

private:
    Descriptor file_;
};

} // namespace dkms
