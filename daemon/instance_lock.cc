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

/// Not when the directory was removed while we waited.
bool is_still_there(const Descriptor& file)
{
    struct stat status {};
    return ::fstat(file.number(), &status) == 0 && status.st_nlink > 0;
}

} // namespace

/// The directory itself can be locked where nothing can be written in it.
InstanceLock::InstanceLock(const std::filesystem::path& directory)
{
    try {
        make_directories(directory);
    } catch (const Error&) { // what cannot be made now is made when the first job is accepted, or refuses that
    }
    file_ = Descriptor(::open(directory.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW));
    if (!file_) return;
    const auto deadline = std::chrono::steady_clock::now() + patience;
    while (::flock(file_.number(), LOCK_EX | LOCK_NB) < 0) {
        if (errno != EWOULDBLOCK && errno != EINTR) return; // a file system without locks
        if (std::chrono::steady_clock::now() > deadline)
            throw Error(ErrorCode::service_unavailable, {{"reason", "another dkmsd works on " + directory.string()}});
        std::this_thread::sleep_for(pause);
    }
    if (!is_still_there(file_))
        throw Error(ErrorCode::service_unavailable, {{"reason", directory.string() + " was removed"}});
}

} // namespace dkms
