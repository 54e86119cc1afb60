// SPDX-License-Identifier: LGPL-2.1-or-later
#include "lib/build/shown_log.h"

#include "lib/build/private_directory.h"

#include <utility>

#include <sys/stat.h>
#include <unistd.h>

namespace dkms {
namespace {

namespace fs = std::filesystem;

constexpr const char* name = "make.log";

bool is_same_file(const fs::path& one, const fs::path& other)
{
    struct stat first {};
    struct stat second {};
    return ::lstat(one.c_str(), &first) == 0 && ::lstat(other.c_str(), &second) == 0 && first.st_dev == second.st_dev &&
           first.st_ino == second.st_ino;
}

/// A log with another name is that of a build that runs.
bool is_shown_log(const fs::path& log)
{
    struct stat facts {};
    return ::lstat(log.c_str(), &facts) == 0 && S_ISREG(facts.st_mode) && facts.st_nlink > 1;
}

} // namespace

ShownLog::ShownLog(const Layout& layout, const ModuleId& module, fs::path log) noexcept
    : directory_(layout.build(module)), log_(std::move(log))
{
    constexpr mode_t open_to_all = 0755;
    made_directory_ = ::mkdir(directory_.c_str(), open_to_all) == 0;
    if (made_directory_) ::chmod(directory_.c_str(), open_to_all); // whatever the umask is
    // By a name of its own first: there may be the log of an earlier build, which is replaced at once.
    const fs::path draft = directory_ / (".make.log." + std::to_string(::getpid()));
    ::unlink(draft.c_str());
    if (::link(log_.c_str(), draft.c_str()) == 0 && ::rename(draft.c_str(), (directory_ / name).c_str()) < 0)
        ::unlink(draft.c_str());
}

ShownLog::~ShownLog()
{
    if (is_same_file(directory_ / name, log_)) ::unlink((directory_ / name).c_str());
    if (made_directory_) ::rmdir(directory_.c_str()); // stays while something is in it
}

void remove_build_directory(const Layout& layout, const ModuleId& module) noexcept
{
    if (!is_shown_log(layout.build(module) / name)) remove_quietly(layout.build(module));
}

} // namespace dkms
