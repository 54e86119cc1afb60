// SPDX-License-Identifier: LGPL-2.1-or-later
#include "lib/tree/replacement.h"

#include "lib/tree/directory.h"

#include <cerrno>
#include <cstdio>
#include <utility>

#include <fcntl.h>

namespace dkms {
namespace {

namespace fs = std::filesystem;

bool is_free(const fs::path& path)
{
    std::error_code ignored;
    return !fs::exists(fs::symlink_status(path, ignored));
}

/// The number of the call that failed, or 0. Then both names mean what the other meant.
int exchange(const fs::path& one, const fs::path& other)
{
    if (::renameat2(AT_FDCWD, one.c_str(), AT_FDCWD, other.c_str(), RENAME_EXCHANGE) == 0) return 0;
    if (errno != EINVAL && errno != ENOSYS) return errno;
    const fs::path aside = one.parent_path() / unique_name(one.filename().string() + ".");
    if (::rename(other.c_str(), aside.c_str()) < 0) return errno;
    if (::rename(one.c_str(), other.c_str()) < 0) {
        const int number = errno;
        ::rename(aside.c_str(), other.c_str());
        return number;
    }
    return ::rename(aside.c_str(), one.c_str()) < 0 ? errno : 0;
}

} // namespace

Replacement::Replacement(fs::path fresh, fs::path target, bool replaced)
    : fresh_(std::move(fresh)), target_(std::move(target)), replaced_(replaced)
{
}

Replacement Replacement::put(const fs::path& fresh, const fs::path& target)
{
    if (is_free(target)) {
        if (::rename(fresh.c_str(), target.c_str()) < 0) refuse_change(target, errno);
        return {fresh, target, false};
    }
    if (const int number = exchange(fresh, target)) refuse_change(target, number);
    return {fresh, target, true};
}

void Replacement::undo() const noexcept
{
    if (replaced_)
        exchange(fresh_, target_);
    else
        ::rename(target_.c_str(), fresh_.c_str());
}

} // namespace dkms
