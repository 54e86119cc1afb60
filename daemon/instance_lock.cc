// SPDX-License-Identifier: LGPL-2.1-or-later
#include "daemon/instance_lock.h"

#include "lib/model/error.h"
#include "lib/tree/directory.h"

#include <cerrno>
#include <chrono>
#include <thread>

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>

namespace dkms {
namespace {

constexpr auto patience = std::chrono::seconds(10);
constexpr auto pause = std::chrono::milliseconds(20);

Descriptor open_lock(const std::filesystem::path& directory)
{
    make_directories(directory);
    Descriptor file(::open((directory / "lock").c_str(), O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600));
    if (!file) refuse_change(directory, errno);
    return file;
}

/// Not when the directory was removed while we waited.
bool is_still_there(const Descriptor& file)
{
    struct stat status {};
    return ::fstat(file.number(), &status) == 0 && status.st_nlink > 0;
}

} // namespace

InstanceLock::InstanceLock(const std::filesystem::path& directory) : file_(open_lock(directory))
{
    const auto deadline = std::chrono::steady_clock::now() + patience;
    while (::flock(file_.number(), LOCK_EX | LOCK_NB) < 0) {
        if (std::chrono::steady_clock::now() > deadline)
            throw Error(ErrorCode::service_unavailable, {{"reason", "another dkmsd works on " + directory.string()}});
        std::this_thread::sleep_for(pause);
    }
    if (!is_still_there(file_))
        throw Error(ErrorCode::service_unavailable, {{"reason", directory.string() + " was removed"}});
}

} // namespace dkms
