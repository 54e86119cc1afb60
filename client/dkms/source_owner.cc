// SPDX-License-Identifier: LGPL-2.1-or-later
#include "client/dkms/source_owner.h"

#include "lib/model/error.h"

#include <charconv>
#include <cstdlib>
#include <set>
#include <string>

#include <fcntl.h>
#include <pwd.h>
#include <sys/stat.h>
#include <unistd.h>

namespace dkms::legacy {
namespace {

namespace fs = std::filesystem;

constexpr uid_t nobody_known = 65534; // what a user namespace shows for users that it does not have

std::set<uid_t> trusted_users()
{
    std::set<uid_t> users{0, ::getuid(), ::geteuid()};
    for (const char* name : {"SUDO_UID", "PKEXEC_UID"}) {
        const char* value = ::getuid() == 0 ? std::getenv(name) : nullptr;
        uid_t user = 0;
        const std::string_view text = value == nullptr ? "" : value;
        const auto read = std::from_chars(text.data(), text.data() + text.size(), user);
        if (!text.empty() && read.ec == std::errc() && read.ptr == text.data() + text.size()) users.insert(user);
    }
    return users;
}

std::string name_of_user(uid_t user)
{
    const passwd* entry = ::getpwuid(user);
    return entry != nullptr ? entry->pw_name : "user " + std::to_string(user);
}

[[noreturn]] void refuse(const fs::path& path, const fs::path& source, const std::string& owner)
{
    std::error_code unknown;
    const fs::path here = fs::current_path(unknown);
    const fs::path name = source.lexically_relative(here);
    throw Error(ErrorCode::source_foreign, {{"path", path.string()}, {"name", name.string()}, {"owner", owner}});
}

/// Whether root of the system is not a user here, so that what belongs to it shows another owner.
bool lacks_real_root()
{
    struct stat top {};
    return ::stat("/", &top) == 0 && top.st_uid == nobody_known;
}

void check_way(const fs::path& real, const fs::path& source, std::set<uid_t> trusted)
{
    if (lacks_real_root()) trusted.insert(nobody_known);
    for (fs::path part = real.parent_path();; part = part.parent_path()) {
        struct stat facts {};
        if (::lstat(part.c_str(), &facts) < 0) refuse(part, source, "someone who hides it");
        if (trusted.count(facts.st_uid) == 0) refuse(part, source, name_of_user(facts.st_uid));
        if ((facts.st_mode & S_IWOTH) != 0 && (facts.st_mode & S_ISVTX) == 0)
            refuse(part, source, "everyone, who may all write there");
        if (part == part.parent_path()) return;
    }
}

} // namespace

void require_own_source(int opened, const fs::path& path)
{
    const std::set<uid_t> trusted = trusted_users();
    std::error_code fault;
    const fs::path real = fs::canonical(path, fault);
    struct stat facts {};
    struct stat seen {};
    const bool same = !fault && ::fstat(opened, &facts) == 0 && ::stat(real.c_str(), &seen) == 0 &&
                      facts.st_dev == seen.st_dev && facts.st_ino == seen.st_ino;
    if (!same) refuse(path, path, "someone who has just replaced it");
    if (trusted.count(facts.st_uid) == 0) refuse(path, path, name_of_user(facts.st_uid));
    if ((facts.st_mode & S_IWOTH) != 0) refuse(path, path, "everyone, who may all write there");
    struct stat conf {};
    if (S_ISDIR(facts.st_mode) && ::fstatat(opened, "dkms.conf", &conf, AT_SYMLINK_NOFOLLOW) == 0 &&
        trusted.count(conf.st_uid) == 0)
        refuse(path / "dkms.conf", path, name_of_user(conf.st_uid));
    check_way(real, path, trusted);
}

} // namespace dkms::legacy
