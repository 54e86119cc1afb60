// SPDX-License-Identifier: LGPL-2.1-or-later
#include "lib/files/file_kind.h"

#include "lib/process/refusal.h"

#include <cerrno>

#include <fcntl.h>
#include <sys/stat.h>

namespace dkms {
namespace {

namespace fs = std::filesystem;

fs::file_type kind(const fs::path& path, int flags)
{
    struct stat facts {};
    if (::fstatat(AT_FDCWD, path.c_str(), &facts, flags) < 0) {
        if (!means_absent(errno)) refuse_read(path, errno);
        return fs::file_type::not_found;
    }
    switch (facts.st_mode & S_IFMT) {
    case S_IFREG:
        return fs::file_type::regular;
    case S_IFDIR:
        return fs::file_type::directory;
    case S_IFLNK:
        return fs::file_type::symlink;
    default:
        return fs::file_type::unknown;
    }
}

} // namespace

fs::file_type kind_of_file(const fs::path& path) { return kind(path, AT_SYMLINK_NOFOLLOW); }

fs::file_type kind_behind(const fs::path& path) { return kind(path, 0); }

bool is_present(const fs::path& path) { return kind_of_file(path) != fs::file_type::not_found; }

bool leads_somewhere(const fs::path& path) { return kind_behind(path) != fs::file_type::not_found; }

bool leads_to_file(const fs::path& path) { return kind_behind(path) == fs::file_type::regular; }

bool leads_to_directory(const fs::path& path) { return kind_behind(path) == fs::file_type::directory; }

std::optional<fs::path> link_text_of(const fs::path& path)
{
    std::error_code failed;
    fs::path text = fs::read_symlink(path, failed);
    if (!failed) return text;
    if (!means_absent(failed.value()) && failed.value() != EINVAL) refuse_read(path, failed.value());
    return std::nullopt;
}

std::optional<fs::path> real_path(const fs::path& path)
{
    std::error_code failed;
    fs::path real = fs::canonical(path, failed);
    if (!failed) return real;
    if (!means_absent(failed.value()) && failed.value() != ELOOP) refuse_read(path, failed.value());
    return std::nullopt;
}

} // namespace dkms
