// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace dkms {

/// What a filter lets through beyond what it lets through anyway.
struct SystemCallFilter {
    /// Where sockets are made by socketcall(2), whose arguments a filter cannot see (s390x, i386), a program of the
    /// machine's own architecture may make sockets of any kind.
    bool network = false;
};

/// The filter of system calls for everything that runs in a sandbox, as the instructions that seccomp(2) takes (an
/// array of struct sock_filter). Empty where the kernel has no filters, or where this machine's architecture is not
/// known. Made once per process and kind.
///
/// Let through is every call that is known to exist, but for those that a program without rights of its own has no use
/// for: they fail with EPERM. Calls that are not known, of kernels to come, do not exist (ENOSYS); nor does clone3(2),
/// whose flags a filter cannot see, so that the C library takes clone(2). There are no new namespaces. Sockets are TCP,
/// UDP and those that tell the addresses of network devices; there are none of the local kind (AF_UNIX), by which
/// services are reached wherever their sockets lie, except connected pairs. 32-bit programs that the machine also runs
/// have the same rules.
const std::string& system_call_filter(const SystemCallFilter& wanted);

/// The names of the calls that fail with EPERM whatever their arguments.
std::vector<std::string_view> refused_system_calls();

} // namespace dkms
