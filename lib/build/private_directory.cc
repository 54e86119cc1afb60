// SPDX-License-Identifier: LGPL-2.1-or-later
#include "lib/build/private_directory.h"

#include "lib/files/remove_tree.h"
#include "lib/model/error.h"
#include "lib/tree/lock.h"

#include <cerrno>
#include <cstdlib>
#include <utility>

#include <sys/stat.h>

namespace dkms {

void make_directory(const std::filesystem::path& path, unsigned mode)
{
    if (::mkdir(path.c_str(), mode) == 0) {
        if (::chmod(path.c_str(), mode) < 0) refuse_change(path, errno); // whatever the umask is
        return;
    }
    const int number = errno;
    if (number != EEXIST || !leads_to_directory(path)) refuse_change(path, number);
}

void remove_quietly(const std::filesystem::path& path) noexcept
{
    try {
        remove_tree(path);
    } catch (const Error&) {
        return;
    }
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
    try {
        remove();
    } catch (const Error&) {
        return; // who wants to know calls remove()
    }
}

void PrivateDirectory::remove()
{
    if (!path_.empty()) remove_private_directory(std::exchange(path_, {}));
}

} // namespace dkms
