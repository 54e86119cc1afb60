// SPDX-License-Identifier: LGPL-2.1-or-later
#include "lib/process/refusal.h"

#include <cerrno>
#include <cstdlib>

#include <sys/statvfs.h>

namespace dkms {
namespace {

/// Whether it is file names, not bytes, that have run out where `path` is to be written.
bool lacks_inodes(const std::filesystem::path& path)
{
    struct statvfs facts {};
    return ::statvfs(path.parent_path().c_str(), &facts) == 0 && facts.f_files != 0 && facts.f_favail == 0;
}

} // namespace

bool means_absent(int number) { return number == ENOENT || number == ENOTDIR; }

void refuse_change(const std::filesystem::path& path, int number)
{
    Parameters parameters{{"path", path.string()}, {"reason", errno_text(number)}, {"errno", std::to_string(number)}};
    if (number != ENOSPC && number != EDQUOT) throw Error(ErrorCode::tree_not_writable, std::move(parameters));
    if (number == ENOSPC && lacks_inodes(path))
        parameters["remedy"] = "Its file system has no free inodes: delete some files there, whatever their size.";
    throw Error(ErrorCode::disk_full, std::move(parameters));
}

void refuse_read(const std::filesystem::path& path, int number)
{
    throw Error(ErrorCode::read_failed,
                {{"path", path.string()}, {"reason", errno_text(number)}, {"errno", std::to_string(number)}});
}

void refuse_call(const std::string& what, int number)
{
    throw Error(ErrorCode::system_failed,
                {{"reason", what + ": " + errno_text(number)}, {"errno", std::to_string(number)}});
}

bool is_of_system(const Error& error)
{
    const std::string number = error.parameter("errno");
    return error.code() == ErrorCode::system_failed ||
           (!number.empty() && !errno_remedy(std::atoi(number.c_str())).empty());
}

void refuse_command(const std::vector<std::string>& argv, const std::string& output)
{
    Parameters parameters{{"reason", argv.front() + ": " + (output.empty() ? "it failed without a message" : output)}};
    if (const int number = errno_in(output)) parameters["errno"] = std::to_string(number);
    throw Error(ErrorCode::system_failed, std::move(parameters));
}

} // namespace dkms
