// SPDX-License-Identifier: LGPL-2.1-or-later
#include "lib/process/own_usage.h"

#include <sys/resource.h>
#include <unistd.h>

namespace dkms {
namespace {

double seconds(const timeval& time)
{
    return static_cast<double>(time.tv_sec) + 1e-6 * static_cast<double>(time.tv_usec);
}

Usage usage_of(__rusage_who who)
{
    rusage used{};
    ::getrusage(who, &used);
    return {seconds(used.ru_utime) + seconds(used.ru_stime), static_cast<std::uint64_t>(used.ru_maxrss) * 1024};
}

} // namespace

Usage own_usage() { return usage_of(RUSAGE_SELF) + usage_of(RUSAGE_CHILDREN); }

std::uint64_t machine_memory()
{
    return static_cast<std::uint64_t>(::sysconf(_SC_PHYS_PAGES)) * static_cast<std::uint64_t>(::sysconf(_SC_PAGESIZE));
}

} // namespace dkms
