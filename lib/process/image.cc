// SPDX-License-Identifier: LGPL-2.1-or-later
#include "lib/process/image.h"

#include <cerrno>

#include <sys/stat.h>
#include <unistd.h>

namespace dkms {

bool is_image(const Places& places)
{
    if (places.root != "/") return true;
    const bool systemd_runs = ::access("/run/systemd/system", F_OK) == 0; // as sd_booted(3)
    if (!systemd_runs && ::access("/run/.containerenv", F_OK) == 0) return true;
    struct stat ours {};
    struct stat theirs {};
    if (::stat("/", &ours) < 0) return false;
    if (::stat("/proc/1/root", &theirs) == 0) return ours.st_dev != theirs.st_dev || ours.st_ino != theirs.st_ino;
    if (::geteuid() != 0) return false;
    // Units of ours may not look either. A /proc that shows only what is ours (hidepid) has no process 1 in it.
    if (errno == EACCES || errno == EPERM) return !systemd_runs;
    return errno == ENOENT && ::access("/proc/self", F_OK) != 0;
}

} // namespace dkms
