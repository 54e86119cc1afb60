// SPDX-License-Identifier: LGPL-2.1-or-later
#include "lib/files/refusal.h"

#include "lib/model/error.h"

#include <cerrno>

namespace dkms {

void refuse_change(const std::filesystem::path& path, int number)
{
    if (number == ENOSPC || number == EDQUOT) throw Error(ErrorCode::disk_full, {{"path", path.string()}});
    throw Error(ErrorCode::tree_not_writable, {{"path", path.string()}, {"reason", errno_text(number)}});
}

void refuse_read(const std::filesystem::path& path, int number)
{
    throw Error(ErrorCode::read_failed, {{"path", path.string()}, {"reason", errno_text(number)}});
}

bool means_absent(int number) { return number == ENOENT || number == ENOTDIR; }

} // namespace dkms
