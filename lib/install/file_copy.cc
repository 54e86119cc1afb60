// SPDX-License-Identifier: LGPL-2.1-or-later
#include "lib/install/file_copy.h"

#include "lib/process/descriptor.h"

#include <array>
#include <cerrno>

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

namespace dkms {
namespace {

Descriptor new_file(const std::filesystem::path& target)
{
    return Descriptor(::open(target.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600));
}

int write_fully(int descriptor, std::string_view bytes)
{
    while (!bytes.empty()) {
        const ssize_t written = ::write(descriptor, bytes.data(), bytes.size());
        if (written < 0 && errno == EINTR) continue;
        if (written < 0) return errno;
        bytes.remove_prefix(static_cast<std::size_t>(written));
    }
    return 0;
}

int copy_bytes(int from, int to)
{
    std::array<char, 65536> block;
    for (;;) {
        const ssize_t got = ::read(from, block.data(), block.size());
        if (got < 0 && errno == EINTR) continue;
        if (got < 0) return errno;
        if (got == 0) return 0;
        if (const int number = write_fully(to, {block.data(), static_cast<std::size_t>(got)}); number != 0)
            return number;
    }
}

int copy_facts(const struct stat& facts, int to)
{
    const std::array<timespec, 2> times{{{0, UTIME_NOW}, facts.st_mtim}};
    if (::fchmod(to, facts.st_mode & 0777) != 0 || ::futimens(to, times.data()) != 0) return errno;
    return 0;
}

int synced(int number, int descriptor, const std::filesystem::path& target)
{
    if (number == 0 && ::fsync(descriptor) != 0) number = errno;
    if (number != 0) ::unlink(target.c_str());
    return number;
}

} // namespace

int copy_file_durably(const std::filesystem::path& source, const std::filesystem::path& target)
{
    struct stat facts {};
    const Descriptor from(::open(source.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOFOLLOW));
    if (!from || ::fstat(from.number(), &facts) != 0) return errno;
    if (!S_ISREG(facts.st_mode)) return EINVAL;
    const Descriptor to = new_file(target);
    if (!to) return errno;
    int number = copy_bytes(from.number(), to.number());
    if (number == 0) number = copy_facts(facts, to.number());
    return synced(number, to.number(), target);
}

int write_new_file_durably(std::string_view content, const std::filesystem::path& target)
{
    const Descriptor to = new_file(target);
    if (!to) return errno;
    int number = write_fully(to.number(), content);
    if (number == 0 && ::fchmod(to.number(), 0644) != 0) number = errno;
    return synced(number, to.number(), target);
}

} // namespace dkms
