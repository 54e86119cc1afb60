// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <string>

#include <sys/types.h>

namespace dkms {

/// Whether `ancestor` is `process` or one of the processes above it, by proc(5). Above the first process of a unit that
/// dkmsd's sockets have started stands the one that connected to the socket.
bool is_ancestor(pid_t ancestor, pid_t process);

/// The process that connected to the socket which started the unit that `cgroup` (text of /proc/PID/cgroup) names; 0:
/// it is no such unit.
pid_t starter_of_unit(const std::string& cgroup);

} // namespace dkms
