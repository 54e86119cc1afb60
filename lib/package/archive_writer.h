// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include "lib/process/cancel.h"
#include "lib/process/descriptor.h"

#include <ctime>
#include <memory>
#include <string>
#include <string_view>

namespace dkms {

/// How entries stand in an archive, and what they are called.
enum class ArchiveFormat {
    gnu_tar, ///< "./PATH"
    ustar,   ///< POSIX; for readers that know nothing else. "PATH"
    newc,    ///< cpio, as the kernel's initramfs has it. "PATH"
};

/// Writes an archive in which nothing depends on when, where and by whom it is made: everything belongs to root, has
/// one time, and the mode 0755 or, for files that nobody may execute, 0644. Throws Error ArchiveNotWritable, DiskFull.
class ArchiveWriter {
public:
    /// To `descriptor`. `name` is for errors, and its suffix says how to compress. Everything gets the time `modified`.
    ArchiveWriter(int descriptor, const std::string& name, std::time_t modified,
                  ArchiveFormat format = ArchiveFormat::gnu_tar);
    ~ArchiveWriter();

    // Paths are relative; an empty one is the archive's root, which only a GNU archive has.
    void directory(const std::string& path);
    void text(const std::string& path, const std::string& content);
    void link(const std::string& path, const std::string& target);
    /// An open file. Throws Error SourceUnreadable, also when it is shorter than it was.
    void file(const std::string& path, const Descriptor& content);
    /// Everything below an open directory, in byte order; sockets, pipes and devices are left out. The directory itself
    /// becomes `path`. `left_out` is the path below it of one file that is not wanted.
    void tree(const std::string& path, const Descriptor& directory, Cancellation& cancellation,
              std::string_view left_out = {});
    /// Nothing comes after it. Without it the archive is not complete.
    void close();

private:
    class Implementation;
    std::unique_ptr<Implementation> self_;
};

/// Writes `content` compressed as the suffix of `name` says (gzip: as well as it can), and nothing else. Throws as
/// ArchiveWriter.
void write_compressed(int descriptor, const std::string& name, std::string_view content);

/// The newest time of a file below an open directory, but for `left_out`; 0 if there is none.
std::time_t newest_file_below(const Descriptor& directory, std::string_view left_out = {});

} // namespace dkms
