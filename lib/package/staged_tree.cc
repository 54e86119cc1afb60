// SPDX-License-Identifier: LGPL-2.1-or-later
#include "lib/package/staged_tree.h"

#include "lib/tree/directory.h"

#include <algorithm>
#include <array>
#include <cerrno>

#include <fcntl.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

namespace dkms {
namespace {

constexpr int directory_flags = O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC;

} // namespace

StagedTree::StagedTree(const std::filesystem::path& root)
    : root_(root), opened_(::open(root.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC))
{
    if (!opened_) refuse_change(root, errno);
}

void StagedTree::refuse(const std::string& path, int number) const
{
    if (number == ENOTDIR || number == ELOOP || number == EISDIR || number == EEXIST) throw Conflict(path);
    refuse_change(root_ / path, number);
}

/// Without one errno says why.
Descriptor StagedTree::open_or_make(int parent, const std::string& name)
{
    Descriptor opened(::openat(parent, name.c_str(), directory_flags));
    if (opened || errno != ENOENT) return opened;
    if (::mkdirat(parent, name.c_str(), 0755) < 0) return opened;
    ++directories_made_;
    return Descriptor(::openat(parent, name.c_str(), directory_flags));
}

int StagedTree::enter(const std::string& directory)
{
    if (directory.empty()) return opened_.number();
    if (entered_ && directory == entered_path_) return entered_.number();
    Descriptor current;
    for (std::size_t at = 0; at < directory.size();) {
        const std::size_t end = std::min(directory.find('/', at), directory.size());
        Descriptor next = open_or_make(current ? current.number() : opened_.number(), directory.substr(at, end - at));
        if (!next) refuse(directory, errno);
        current = std::move(next);
        at = end + 1;
    }
    entered_ = std::move(current);
    entered_path_ = directory;
    return entered_.number();
}

StagedTree::Place StagedTree::place_of(const std::string& path)
{
    const auto slash = path.rfind('/');
    if (slash == std::string::npos) return {opened_.number(), path};
    return {enter(path.substr(0, slash)), path.substr(slash + 1)};
}

/// tar's rule: what comes later counts. But a directory does not make way.
void StagedTree::make_room(const Place& place, const std::string& path) const
{
    if (::unlinkat(place.directory, place.name.c_str(), 0) < 0 && errno != ENOENT) refuse(path, errno);
}

void StagedTree::make_directory(const std::string& path) { enter(path); }

Descriptor StagedTree::make_file(const std::string& path)
{
    const Place place = place_of(path);
    constexpr int flags = O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC;
    Descriptor file(::openat(place.directory, place.name.c_str(), flags, 0600));
    if (!file && errno == EEXIST) {
        make_room(place, path);
        file = Descriptor(::openat(place.directory, place.name.c_str(), flags, 0600));
    }
    if (!file) refuse(path, errno);
    return file;
}

void StagedTree::write(const Descriptor& file, const std::string& path, std::string_view bytes, off_t at) const
{
    while (!bytes.empty()) {
        const ssize_t written = ::pwrite(file.number(), bytes.data(), bytes.size(), at);
        if (written < 0 && errno == EINTR) continue;
        if (written < 0) refuse(path, errno);
        bytes.remove_prefix(static_cast<std::size_t>(written));
        at += written;
    }
}

void StagedTree::extend(const Descriptor& file, const std::string& path, std::uint64_t size) const
{
    if (::ftruncate(file.number(), static_cast<off_t>(size)) < 0) refuse(path, errno);
}

void StagedTree::finish_file(const Descriptor& file, const std::string& path, mode_t mode, timespec modified) const
{
    modified.tv_sec = std::max<std::time_t>(modified.tv_sec, 0);
    const std::array<timespec, 2> times{modified, modified};
    if (::fchmod(file.number(), (mode & 0111) != 0 ? 0755 : 0644) < 0 || ::futimens(file.number(), times.data()) < 0)
        refuse(path, errno);
}

void StagedTree::make_link(const std::string& path, const std::string& target)
{
    const Place place = place_of(path);
    make_room(place, path);
    if (::symlinkat(target.c_str(), place.directory, place.name.c_str()) < 0) refuse(path, errno);
}

void StagedTree::make_hard_link(const std::string& path, const std::string& existing)
{
    if (path == existing) throw Conflict(path);
    const Place from = place_of(existing);
    const Descriptor file(::openat(from.directory, from.name.c_str(), O_PATH | O_NOFOLLOW | O_CLOEXEC));
    struct stat facts {};
    if (!file || ::fstat(file.number(), &facts) < 0 || !S_ISREG(facts.st_mode)) throw Conflict(existing);
    const Descriptor directory(::fcntl(from.directory, F_DUPFD_CLOEXEC, 0)); // the next call may enter another one
    const Place to = place_of(path);
    make_room(to, path);
    if (::linkat(directory.number(), from.name.c_str(), to.directory, to.name.c_str(), 0) < 0) refuse(path, errno);
}

std::uint64_t StagedTree::free_bytes() const
{
    struct statvfs facts {};
    if (::fstatvfs(opened_.number(), &facts) < 0) return 0;
    const std::uint64_t available = std::uint64_t{facts.f_bavail} * facts.f_frsize;
    return available - available / 20; // the tree needs some itself
}

void StagedTree::sync() const
{
    if (::syncfs(opened_.number()) < 0) refuse_change(root_, errno);
}

} // namespace dkms
