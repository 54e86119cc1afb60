// SPDX-License-Identifier: LGPL-2.1-or-later
#include "lib/build/staging.h"

#include "lib/build/copy_tree.h"
#include "lib/model/error.h"
#include "lib/tree/directory.h"
#include "lib/tree/replacement.h"

#include <cerrno>

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

namespace dkms {
namespace {

namespace fs = std::filesystem;

void sync_file(const fs::path& path)
{
    const Descriptor opened(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK));
    if (opened && ::fsync(opened.number()) < 0) refuse_change(path, errno);
}

void sync_all(const fs::path& directory)
{
    for_each_below(directory, sync_file);
    sync_file(directory);
}

} // namespace

void copy_file_to(const Descriptor& file, const fs::path& target)
{
    const Descriptor copy(::open(target.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW | O_CLOEXEC, 0644));
    if (!copy) refuse_change(target, errno);
    if (const int number = copy_content(file.number(), copy.number())) refuse_change(target, number);
    if (::fchmod(copy.number(), 0644) < 0) refuse_change(target, errno);
}

Staging::Staging(const Layout& layout, const ModuleId& module, const KernelId& kernel)
    : layout_(layout), module_(module), kernel_(kernel),
      own_(layout, layout.staging(), module.name + "-" + kernel.release), directory_(own_.path() / "new")
{
    make_directory(directory_, 0755);
    make_directory(modules(), 0755);
    make_directory(directory_ / "log", 0755);
}

fs::path Staging::take(const Descriptor& file, const std::string& name) const
{
    copy_file_to(file, modules() / name);
    return modules() / name;
}

void Staging::take_log(const fs::path& log) const
{
    const Descriptor file(::open(log.c_str(), O_RDONLY | O_CLOEXEC));
    if (!file) refuse_change(log, errno);
    copy_file_to(file, directory_ / "log" / "make.log");
}

void Staging::publish()
{
    sync_all(directory_);
    const fs::path target = layout_.kernel(module_, kernel_);
    make_directories(target.parent_path());
    try {
        Replacement::put(directory_, target);
    } catch (const Error&) {
        ::rmdir(target.parent_path().c_str()); // if it was made for nothing
        throw;
    }
    sync_file(target.parent_path());
}

} // namespace dkms
