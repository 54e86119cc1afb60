// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <ctime>
#include <string>
#include <string_view>

namespace dkms {

/// Puts an archive together in cpio(5)'s "new ASCII format with checksums" (070702), which old installers of Red Hat
/// want and libarchive does not write: regular files of root's, without directories.
class CrcCpio {
public:
    explicit CrcCpio(std::time_t time) : time_(time) {}

    void file(const std::string& path, std::string_view content);
    /// The whole archive. Nothing comes after it.
    std::string finish();

private:
    void member(const std::string& path, std::string_view content, unsigned mode, std::time_t time);

    std::time_t time_;
    unsigned inode_ = 0;
    std::string bytes_;
};

} // namespace dkms
