// SPDX-License-Identifier: LGPL-2.1-or-later
#include "lib/files/names_in.h"

#include "lib/process/descriptor.h"
#include "lib/process/refusal.h"

#include <algorithm>
#include <array>
#include <cerrno>

#include <dirent.h>
#include <fcntl.h>
#include <unistd.h>

namespace dkms {

int for_each_entry(int directory, const std::function<void(std::string_view, unsigned char)>& visit)
{
    alignas(dirent64) std::array<char, 32768> block;
    if (::lseek(directory, 0, SEEK_SET) < 0) return errno; // it may have been read before
    for (;;) {
        const ssize_t got = ::getdents64(directory, block.data(), block.size());
        if (got == 0) return 0;
        if (got < 0) return errno;
        for (std::size_t at = 0; at < static_cast<std::size_t>(got);) {
            const auto& entry = *reinterpret_cast<const dirent64*>(block.data() + at);
            at += entry.d_reclen;
            const std::string_view name = static_cast<const char*>(entry.d_name);
            if (name != "." && name != "..") visit(name, entry.d_type);
        }
    }
}

int for_each_name(int directory, const std::function<void(std::string_view)>& visit)
{
    return for_each_entry(directory, [&](std::string_view name, unsigned char) { visit(name); });
}

std::optional<std::vector<std::string>> names_in(const std::filesystem::path& directory)
{
    const Descriptor opened(::open(directory.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
    if (!opened && means_absent(errno)) return std::nullopt;
    if (!opened) refuse_read(directory, errno);
    std::vector<std::string> names;
    const int failed = for_each_name(opened.number(), [&](std::string_view name) { names.emplace_back(name); });
    if (failed != 0 && failed != ENOENT) refuse_read(directory, failed); // one that was deleted meanwhile is empty
    std::sort(names.begin(), names.end());
    return names;
}

} // namespace dkms
