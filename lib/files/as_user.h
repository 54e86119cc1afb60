// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include "lib/process/cancel.h"

#include <functional>
#include <utility>

#include <sys/types.h>

namespace dkms {

/// Runs `work` with nothing but the rights of user `owner`: in a child process, of which only the Error comes back.
/// For what has to look around where that user could have planted anything. When that user is the caller, `work` is
/// called here. When `cancellation` is requested, the child is killed. Only for processes with one thread. Throws the
/// Error that `work` throws, Cancelled, and Internal if there can be no such process or it ends in another way.
void as_user(std::pair<uid_t, gid_t> owner, const std::function<void()>& work, Cancellation* cancellation = nullptr);

} // namespace dkms
