// SPDX-License-Identifier: LGPL-2.1-or-later
#include "lib/build/private_directory.h"

#include "lib/model/error.h"
#include "lib/tree/lock.h"

#include <cerrno>
#include <cstdlib>

#include <sys/stat.h>

namespace dkms {

void make_directory(const std::filesystem::path& path, unsigned mode)
{
    if (::mkdir(path.c_str(), mode) == 0) {
        if (::chmod(path.c_str(), mode) < 0) refuse_change(path, errno); // whatever the umask is
        return;
    }
    const int number = errno;
    std::error_code ignored;
    if (number != EEXIST || !std::filesystem::is_directory(path, ignored)) refuse_change(path, number);
}

void remove_quietly(const std::filesystem::path& path) noexcept
{
    std::error_code ignored;
    std::filesystem::remove_all(path, ignored);
}

void for_each_below(const std::filesystem::path& directory,
                    const std::function<void(const std::filesystem::path&)>& visit)
{
    std::error_code stop;
    const auto options = std::filesystem::directory_options::skip_permission_denied;
    for (std::filesystem::recursive_directory_iterator entry(directory, options, stop), end; !stop && entry != end;
         entry.increment(stop))
        visit(entry->path());
}

PrivateDirectory::PrivateDirectory(const Layout& layout, const std::filesystem::path& parent, const std::string& name)
{
    make_own_directory(layout, parent);
    std::string path = (parent / (name.substr(0, 100) + ".XXXXXX")).string();
    if (::mkdtemp(path.data()) == nullptr) refuse_change(parent, errno);
    path_ = path;
}

PrivateDirectory::~PrivateDirectory()
{
    if (!path_.empty()) remove_quietly(path_);
}

} // namespace dkms
