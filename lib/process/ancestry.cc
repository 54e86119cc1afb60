// SPDX-License-Identifier: LGPL-2.1-or-later
#include "lib/process/ancestry.h"

#include "lib/model/error.h"
#include "lib/process/descriptor.h"

#include <sstream>

namespace dkms {
namespace {

constexpr int most_ancestors = 10'000;

pid_t parent_of(pid_t process)
{
    try {
        const std::string status = read_file("/proc/" + std::to_string(process) + "/stat", 4096);
        // The program's name stands in parentheses and may hold blanks and parentheses itself.
        std::istringstream rest(status.substr(status.rfind(')') + 1));
        std::string state;
        pid_t parent = 0;
        rest >> state >> parent;
        return parent;
    } catch (const Error&) {
        return 0;
    }
}

/// See starter_of_unit().
pid_t starter_of(pid_t process)
{
    try {
        return starter_of_unit(read_file("/proc/" + std::to_string(process) + "/cgroup", 65536));
    } catch (const Error&) {
        return 0;
    }
}

} // namespace

/// Instances are named N-PID-UID, by newer systemds N-PID_ID-UID, after whoever connected.
pid_t starter_of_unit(const std::string& cgroup)
{
    if (cgroup.find("/user.slice/") != std::string::npos) return 0; // users name units of theirs as they like
    for (const char* unit : {"/dkms-tree@", "/dkms-build@", "/dkms-build-network@", "/dkms-build-root@",
                             "/dkms-build-root-network@", "/dkms-script@"}) {
        const auto at = cgroup.rfind(unit);
        if (at == std::string::npos) continue;
        std::istringstream instance(cgroup.substr(cgroup.find('@', at) + 1));
        unsigned long count = 0;
        char dash = 0;
        pid_t process = 0;
        if (instance >> count >> dash >> process && dash == '-') return process;
    }
    return 0;
}

bool is_ancestor(pid_t ancestor, pid_t process)
{
    // A number that is used again can make a circle of what is read.
    for (int steps = 0; process > 1 && process != ancestor; ++steps) {
        if (steps == most_ancestors) return false;
        const pid_t above = parent_of(process);
        process = above > 1 ? above : starter_of(process);
    }
    return process > 1 && process == ancestor;
}

} // namespace dkms
