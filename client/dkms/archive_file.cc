// SPDX-License-Identifier: LGPL-2.1-or-later
#include "client/dkms/archive_file.h"

#include "client/dkms/fault.h"
#include "lib/files/file_kind.h"
#include "lib/model/error.h"

#include <cerrno>
#include <cstdio>
#include <utility>

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

namespace dkms::legacy {
namespace {

[[noreturn]] void refuse(const std::filesystem::path& path, int number)
{
    throw Fault{9, "Will not be able to create " + path.string() + ": " + errno_text(number) + ".", false};
}

} // namespace

ArchiveFile::ArchiveFile(std::filesystem::path target) : target_(std::move(target))
{
    // A link stays a link: what it leads to is replaced.
    target_ = real_path(target_).value_or(target_);
    if (struct stat facts{}; ::stat(target_.c_str(), &facts) == 0 && !S_ISREG(facts.st_mode)) {
        // A device or a pipe is written to as it stands.
        file_ = Descriptor(::open(target_.c_str(), O_WRONLY | O_CLOEXEC));
        if (!file_) refuse(target_, errno);
        return;
    }
    const auto directory = target_.parent_path();
    std::error_code error;
    std::filesystem::create_directories(directory, error);
    if (error) refuse(directory, error.value());
    draft_ = directory / ("." + target_.filename().string() + "." + std::to_string(::getpid()));
    file_ = Descriptor(::open(draft_.c_str(), O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0644));
    if (!file_) refuse(target_, errno);
}

ArchiveFile::~ArchiveFile()
{
    if (!draft_.empty()) ::unlink(draft_.c_str());
}

Descriptor ArchiveFile::descriptor() const { return Descriptor(::fcntl(file_.number(), F_DUPFD_CLOEXEC, 0)); }

void ArchiveFile::publish()
{
    if (draft_.empty()) return;
    if (::rename(draft_.c_str(), target_.c_str()) != 0) refuse(target_, errno);
    draft_.clear();
}

} // namespace dkms::legacy
