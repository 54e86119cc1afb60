// SPDX-License-Identifier: LGPL-2.1-or-later
#include "lib/build/staging.h"

#include "lib/files/copy_tree.h"
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

constexpr std::size_t most_extras = 100;
constexpr std::uint64_t largest_extras = std::uint64_t{256} << 20;

void sync_opened(const Descriptor& opened, const fs::path& path)
{
    if (!opened || ::fsync(opened.number()) < 0) refuse_change(path, errno);
}

Descriptor opened_directory(const fs::path& path)
{
    Descriptor opened(::open(path.c_str(), O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
    if (!opened) refuse_change(path, errno);
    return opened;
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
    top_ = opened_directory(directory_);
    module_directory_ = opened_directory(modules());
}

bool Staging::take_module(const Gate& gate, const fs::path& name, const std::string& as) const
{
    return gate.take(name, module_directory_.number(), as);
}

Gate::Flat Staging::take_extras(const Gate& gate) const
{
    return gate.take_flat(".", top_.number(), most_extras, largest_extras);
}

void Staging::take_log(const fs::path& log) const
{
    const Descriptor file(::open(log.c_str(), O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC));
    if (!file) refuse_change(log, errno);
    copy_file_to(file, directory_ / "log" / "make.log");
}

void Staging::write(const std::string& name, std::string_view content) const
{
    const fs::path path = directory_ / name;
    const Descriptor file(
        ::openat(top_.number(), name.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW | O_CLOEXEC, 0644));
    if (!file || ::fchmod(file.number(), 0644) < 0) refuse_change(path, errno);
    while (!content.empty()) {
        const ssize_t written = ::write(file.number(), content.data(), content.size());
        if (written < 0 && errno == EINTR) continue;
        if (written < 0) refuse_change(path, errno);
        content.remove_prefix(static_cast<std::size_t>(written));
    }
}

void Staging::publish()
{
    sync_tree(directory_);
    const fs::path target = layout_.kernel(module_, kernel_);
    make_directories(target.parent_path());
    try {
        Replacement::put(layout_, directory_, target);
    } catch (const Error&) {
        ::rmdir(target.parent_path().c_str()); // if it was made for nothing
        throw;
    }
    sync_opened(opened_directory(target.parent_path()), target.parent_path());
}

} // namespace dkms
