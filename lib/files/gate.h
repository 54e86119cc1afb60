// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include "lib/process/descriptor.h"

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include <sys/types.h>

namespace dkms {

/// The only way out of a directory that another user, the one who builds, could change.
///
/// Whatever ran in there may have put anything there: links to files of ours, pipes that are never written to, files
/// that have no end, a million of them. So nothing in it is walked, taken over or written; what is wanted is named
/// beforehand, opened beneath the directory without a link on the way (openat2(2)), looked at, and copied into a new
/// file of ours. The rest is deleted as that user (remove_tree.h).
///
/// A file is let through if it is a regular one on the directory's own file system, belongs to that user, and has a
/// plausible size.
class Gate {
public:
    /// For the directory at `path`, whose parent only we can change; `owner` is the user who could write in it, `what`
    /// says for errors whose it is ("m/1.0"). Throws Error ReadFailed, also when `path` is a link.
    Gate(const std::filesystem::path& path, uid_t owner, std::string what);

    /// The file for reading; not valid if there is none of that name. Throws Error ResultRefused for what is not let
    /// through, or larger than `most` bytes; ReadFailed.
    Descriptor open(const std::filesystem::path& name, std::uint64_t most = largest_file) const;

    /// Copies the file into a new one, `as` in the open directory `into` of ours, mode 0644; what was there of that
    /// name is deleted first. False if there is no such file. Throws as open(), and Error DiskFull, TreeNotWritable.
    bool take(const std::filesystem::path& name, int into, const std::string& as,
              std::uint64_t most = largest_file) const;

    /// What take_flat leaves behind, and takes.
    struct Flat {
        std::vector<std::string> taken;
        std::size_t ignored = 0; ///< entries that are no plain files, hidden, odd by their name, or called like a
                                 ///< directory of ours in `into`
    };
    /// Takes the regular files that lie directly in the directory `name` ("." for the gate's own), whatever their names
    /// are, as far as these do not begin with a dot and are printable UTF-8. Throws Error ResultRefused when there are
    /// more than `most_files`, or more than `most` bytes in all; otherwise as take(). A missing directory holds
    /// nothing.
    Flat take_flat(const std::filesystem::path& name, int into, std::size_t most_files, std::uint64_t most) const;

    /// No module of a kernel is larger, with all that debuggers want to know.
    static constexpr std::uint64_t largest_file = std::uint64_t{2} << 30;

private:
    [[noreturn]] void refuse(const std::filesystem::path& name, const std::string& reason) const;
    /// For an errno of open_below.
    [[noreturn]] void refuse_opening(const std::filesystem::path& name, int number) const;
    /// Its size if it is a regular file of the owner's.
    std::uint64_t checked_size(const Descriptor& file, const std::filesystem::path& name, std::uint64_t most) const;

    std::filesystem::path path_;
    Descriptor directory_;
    uid_t owner_;
    std::string what_;
};

} // namespace dkms
