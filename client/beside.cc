// SPDX-License-Identifier: LGPL-2.1-or-later
#include "client/beside.h"

#include "lib/files/file_kind.h"
#include "lib/model/error.h"
#include "lib/process/refusal.h"

#include <algorithm>
#include <array>
#include <cerrno>

#include <fcntl.h>

namespace dkms {
namespace {

namespace fs = std::filesystem;

void check_no_package(const fs::path& path)
{
    const std::string name = path.filename();
    const bool deb = name.ends_with(".deb");
    if (!deb && !name.ends_with(".rpm")) return;
    throw Error(ErrorCode::not_supported, {{"reason", path.string() + " is a package, which is installed by: " +
                                                          (deb ? "apt install " : "dnf install ") + path.string()}});
}

} // namespace

Descriptor open_for_loading(const fs::path& path)
{
    check_no_package(path);
    Descriptor opened(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
    if (opened) return opened;
    if (means_absent(errno)) throw Error(ErrorCode::archive_missing, {{"file", path.string()}});
    throw Error(ErrorCode::archive_unreadable,
                {{"file", path.string()}, {"reason", errno_text(errno)}, {"errno", std::to_string(errno)}});
}

Descriptor open_for_output(const fs::path& path)
{
    std::error_code fault;
    fs::create_directories(path, fault);
    Descriptor opened(::open(path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
    if (!opened)
        throw Error(ErrorCode::archive_not_writable,
                    {{"path", path.string()}, {"reason", errno_text(errno)}, {"errno", std::to_string(errno)}});
    return opened;
}

bool is_path(std::string_view word)
{
    return word == "." || word == ".." || word.starts_with('/') || word.starts_with("./") || word.starts_with("../");
}

bool has_archive_suffix(std::string_view word)
{
    constexpr std::array suffixes{".tar", ".tgz", ".tbz", ".txz", ".zip", ".deb", ".rpm"};
    return word.find(".tar.") != std::string_view::npos ||
           std::any_of(suffixes.begin(), suffixes.end(), [&](const char* one) { return word.ends_with(one); });
}

bool names_file(const fs::path& word)
{
    try {
        return leads_to_file(word);
    } catch (const Error&) {
        return false; // in a directory that is not for this user, say: opening it would tell
    }
}

bool is_loadable(const std::string& word)
{
    if (names_file(word)) return is_path(word) || has_archive_suffix(word);
    return is_path(word) && names_file(fs::path(word) / "dkms.conf");
}

} // namespace dkms
