// SPDX-License-Identifier: LGPL-2.1-or-later
#include "lib/tree/room.h"

#include "lib/process/descriptor.h"
#include "lib/process/refusal.h"

#include <array>
#include <cerrno>

#include <fcntl.h>
#include <unistd.h>

namespace dkms {
namespace {

bool means_full(int number) { return number == ENOSPC || number == EDQUOT; }

std::optional<Error> refusal(const std::filesystem::path& path, int number)
{
    try {
        refuse_change(path, number);
    } catch (const Error& error) {
        return error;
    }
}

} // namespace

std::optional<Error> shortage_of(const Layout& layout)
{
    const Descriptor file(::open(layout.own().c_str(), O_WRONLY | O_TMPFILE | O_CLOEXEC, 0600));
    if (!file) return means_full(errno) ? refusal(layout.own(), errno) : std::nullopt;
    const std::array<char, 4096> block{1}; // more than what is kept in an inode
    if (::write(file.number(), block.data(), block.size()) >= 0) return std::nullopt;
    return means_full(errno) ? refusal(layout.own(), errno) : std::nullopt;
}

} // namespace dkms
