// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include "lib/process/descriptor.h"

#include <cstdint>
#include <ctime>
#include <filesystem>
#include <stdexcept>
#include <string>
#include <string_view>

#include <sys/types.h>

namespace dkms {

/// A directory that is filled with what others made up. Every path is walked with O_NOFOLLOW, so nothing is ever made
/// outside of it, whatever links are in it. Directories get the mode 0755, files 0644, or 0755 if anybody may execute
/// them. Throws Error TreeNotWritable, DiskFull, and Conflict.
class StagedTree {
public:
    /// A path leads through something that is no directory, or two things want the same name.
    struct Conflict : std::runtime_error {
        using std::runtime_error::runtime_error;
    };

    /// `root` is there already.
    explicit StagedTree(const std::filesystem::path& root);

    // Paths are relative, without "." and ".."; directories above them are made where missing. A file or link replaces
    // one that is there.
    void make_directory(const std::string& path);
    /// Open for writing, empty; finish_file is to be called when it is filled.
    Descriptor make_file(const std::string& path);
    void write(const Descriptor& file, const std::string& path, std::string_view bytes, off_t at) const;
    /// To `size` bytes, with a hole at the end.
    void extend(const Descriptor& file, const std::string& path, std::uint64_t size) const;
    void finish_file(const Descriptor& file, const std::string& path, mode_t mode, timespec modified) const;
    void make_link(const std::string& path, const std::string& target);
    /// Another name for a file that was made before.
    void make_hard_link(const std::string& path, const std::string& existing);

    /// How many directories were made, those that were only on the way to something included.
    std::size_t directories_made() const { return directories_made_; }
    /// Bytes that may be written to its file system before it is full.
    std::uint64_t free_bytes() const;
    /// Writes everything to the disk.
    void sync() const;

private:
    struct Place {
        int directory;
        std::string name;
    };
    Place place_of(const std::string& path);
    int enter(const std::string& directory);
    Descriptor open_or_make(int parent, const std::string& name);
    void make_room(const Place& place, const std::string& path) const;
    [[noreturn]] void refuse(const std::string& path, int number) const;

    std::filesystem::path root_;
    Descriptor opened_;
    std::size_t directories_made_ = 0;
    std::string entered_path_; ///< the directory that was entered last: archives are in order
    Descriptor entered_;
};

} // namespace dkms
