// SPDX-License-Identifier: LGPL-2.1-or-later
#include "lib/files/gate.h"

#include "lib/files/copy_tree.h"
#include "lib/files/inside.h"
#include "lib/files/names_in.h"
#include "lib/model/error.h"
#include "lib/model/ids.h"
#include "lib/process/refusal.h"

#include <algorithm>
#include <cerrno>
#include <utility>

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

namespace dkms {
namespace {

bool is_plain_name(const std::string& name)
{
    const auto is_control = [](unsigned char c) { return c < 0x20 || c == 0x7f; };
    return name.front() != '.' && is_utf8(name) && std::none_of(name.begin(), name.end(), is_control);
}

} // namespace

Gate::Gate(const std::filesystem::path& path, uid_t owner, std::string what)
    : path_(path), directory_(::open(path.c_str(), O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC)), owner_(owner),
      what_(std::move(what))
{
    if (!directory_) refuse_read(path, errno);
}

void Gate::refuse(const std::filesystem::path& name, const std::string& reason) const
{
    throw Error(ErrorCode::result_refused, {{"file", name.string()}, {"module", what_}, {"reason", reason}});
}

std::uint64_t Gate::checked_size(const Descriptor& file, const std::filesystem::path& name, std::uint64_t most) const
{
    struct stat facts {};
    if (::fstat(file.number(), &facts) < 0) refuse_read(path_ / name, errno);
    if (!S_ISREG(facts.st_mode)) refuse(name, "it is not a regular file");
    if (facts.st_uid != owner_) refuse(name, "it belongs to user " + std::to_string(facts.st_uid));
    const auto size = static_cast<std::uint64_t>(facts.st_size);
    if (size > most) refuse(name, "it is larger than " + std::to_string(most >> 20) + " MiB");
    return size;
}

Descriptor Gate::open(const std::filesystem::path& name, std::uint64_t most) const
{
    Descriptor file = open_below(directory_.number(), name, Links::refused);
    if (file) {
        checked_size(file, name, most);
        return file;
    }
    if (means_absent(errno)) return {};
    refuse_opening(name, errno);
}

void Gate::refuse_opening(const std::filesystem::path& name, int number) const
{
    switch (number) {
    case ELOOP:
        refuse(name, "it is a symbolic link, or is reached through one");
    case EXDEV:
        refuse(name, "it is outside of the directory of the build");
    case ENXIO: // a socket
        refuse(name, "it is not a regular file");
    case EACCES:
        refuse(name, "it cannot be read");
    default:
        refuse_read(path_ / name, number);
    }
}

bool Gate::take(const std::filesystem::path& name, int into, const std::string& as, std::uint64_t most) const
{
    const Descriptor file = open(name, most);
    if (!file) return false;
    if (::unlinkat(into, as.c_str(), 0) < 0 && errno != ENOENT) refuse_change(as, errno);
    const Descriptor copy(::openat(into, as.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0644));
    if (!copy) refuse_change(as, errno);
    const auto [copied, failed] = copy_at_most(file.number(), copy.number(), most);
    if (failed != 0) refuse_change(as, failed);
    if (copied > most) refuse(name, "it grows while it is copied");
    if (::fchmod(copy.number(), 0644) < 0) refuse_change(as, errno);
    return true;
}

Gate::Flat Gate::take_flat(const std::filesystem::path& name, int into, std::size_t most_files,
                           std::uint64_t most) const
{
    const Descriptor directory = open_below(directory_.number(), name, Links::refused);
    if (!directory && means_absent(errno)) return {};
    if (!directory) refuse_opening(name, errno);
    Flat flat;
    std::vector<std::string> names;
    const int failed = for_each_name(directory.number(), [&](std::string_view each) {
        const std::string entry(each);
        struct stat facts {};
        const bool looked = ::fstatat(directory.number(), entry.c_str(), &facts, AT_SYMLINK_NOFOLLOW) == 0;
        if (!looked && !means_absent(errno)) refuse_read(path_ / name / entry, errno);
        struct stat ours {};
        const bool taken = ::fstatat(into, entry.c_str(), &ours, AT_SYMLINK_NOFOLLOW) == 0 && S_ISDIR(ours.st_mode);
        if (!looked || !S_ISREG(facts.st_mode) || !is_plain_name(entry) || taken)
            ++flat.ignored;
        else if (names.size() <= most_files)
            names.push_back(entry);
    });
    if (failed != 0) refuse_read(path_ / name, failed);
    if (names.size() > most_files) refuse(name, "it holds more than " + std::to_string(most_files) + " files");
    std::sort(names.begin(), names.end());
    for (const std::string& entry : names) {
        const Descriptor file = open(name / entry, most);
        if (!file) continue;
        most -= checked_size(file, name / entry, most);
        if (take(name / entry, into, entry, largest_file)) flat.taken.push_back(entry);
    }
    return flat;
}

} // namespace dkms
