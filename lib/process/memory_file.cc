// SPDX-License-Identifier: LGPL-2.1-or-later
#include "lib/process/memory_file.h"

#include "lib/process/refusal.h"

#include <cerrno>

#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

namespace dkms {

Descriptor memory_file(std::string_view content)
{
    Descriptor file(::memfd_create("text", MFD_CLOEXEC));
    if (!file) refuse_call("memfd_create", errno);
    write_all(file.number(), content);
    if (::lseek(file.number(), 0, SEEK_SET) < 0) refuse_call("lseek", errno);
    return file;
}

std::string content_of(const Descriptor& file, std::size_t most)
{
    struct stat status {};
    if (::fstat(file.number(), &status) < 0) refuse_call("fstat", errno);
    if (!S_ISREG(status.st_mode)) refuse_call("a file in memory", EINVAL);
    if (static_cast<std::uint64_t>(status.st_size) > most) refuse_call("a file in memory", EFBIG);
    std::string content(static_cast<std::size_t>(status.st_size), '\0');
    for (std::size_t at = 0; at < content.size();) {
        const ssize_t got = ::pread(file.number(), &content[at], content.size() - at, static_cast<off_t>(at));
        if (got < 0 && errno == EINTR) continue;
        if (got <= 0) refuse_call("a file in memory", got < 0 ? errno : EIO);
        at += static_cast<std::size_t>(got);
    }
    return content;
}

} // namespace dkms
