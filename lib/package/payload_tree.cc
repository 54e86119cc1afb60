// SPDX-License-Identifier: LGPL-2.1-or-later
#include "lib/package/payload_tree.h"

#include "lib/build/private_directory.h"
#include "lib/files/copy_tree.h"
#include "lib/files/walk.h"
#include "lib/package/source_copy.h"
#include "lib/tree/directory.h"

#include <array>
#include <cerrno>

#include <fcntl.h>
#include <sys/stat.h>

namespace dkms {
namespace {

namespace fs = std::filesystem;

fs::path made(fs::path root)
{
    make_directories(root);
    return root;
}

} // namespace

PayloadTree::PayloadTree(fs::path root, std::time_t time, Cancellation& cancellation)
    : root_(made(std::move(root))), time_(time), cancellation_(cancellation), tree_(root_)
{
}

void PayloadTree::text(const std::string& path, std::string_view content, mode_t mode)
{
    const Descriptor file = tree_.make_file(path);
    tree_.write(file, path, content, 0);
    tree_.finish_file(file, path, mode, {time_, 0});
}

void PayloadTree::file(const std::string& path, const Descriptor& content)
{
    struct stat facts {};
    if (::fstat(content.number(), &facts) < 0) refuse_read(path, errno);
    const Descriptor to = tree_.make_file(path);
    if (const int number = copy_content(content.number(), to.number())) refuse_change(root_ / path, number);
    tree_.finish_file(to, path, facts.st_mode, {time_, 0});
}

void PayloadTree::filled(const std::string& path, const std::function<void(int)>& fill)
{
    const Descriptor file = tree_.make_file(path);
    fill(file.number());
    tree_.finish_file(file, path, 0644, {time_, 0});
}

void PayloadTree::tree(const std::string& path, const Descriptor& directory)
{
    if (!path.empty()) tree_.make_directory(path);
    StagedTree into(path.empty() ? root_ : root_ / path);
    copy_source(directory.number(), path, into, cancellation_);
}

void PayloadTree::finish() const
{
    const std::array<timespec, 2> times{{{time_, 0}, {time_, 0}}};
    const auto set = [&](const fs::path& path) {
        if (::utimensat(AT_FDCWD, path.c_str(), times.data(), AT_SYMLINK_NOFOLLOW) < 0) refuse_change(path, errno);
    };
    walk(root_, [&](const Found& found) { set(root_ / found.path); });
    set(root_);
}

} // namespace dkms
