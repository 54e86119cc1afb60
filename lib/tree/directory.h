// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include "lib/files/file_kind.h"
#include "lib/process/descriptor.h"
#include "lib/process/refusal.h"

#include <filesystem>
#include <optional>
#include <string>
#include <vector>

namespace dkms {

/// An open directory that is read with as few system calls as there can be: a status of many modules is mostly this.
class Directory {
public:
    /// Nothing when it is not there or not a directory, be it behind links that dangle or go in a circle: symbolic
    /// links are followed. Throws Error ReadFailed for one that is there and cannot be opened.
    static std::optional<Directory> open(const std::filesystem::path& path);
    /// The same below this one.
    std::optional<Directory> open_below(const std::string& name) const;
    /// As open(); nothing also when this user may not read it. For what only those look into who may.
    static std::optional<Directory> open_if_allowed(const std::filesystem::path& path);

    int number() const { return descriptor_.number(); }

    enum class Kind { directory, link, file, other };
    struct Entry {
        std::string name;
        Kind kind;
    };
    /// Everything in it but "." and "..", in no order. Names that are not UTF-8 are left out: they are none of ours.
    /// Throws Error ReadFailed.
    std::vector<Entry> entries() const;

    /// Whether `name` in it is a directory, or a link to one. Throws Error ReadFailed when that cannot be told.
    bool has_directory(const std::string& name) const;
    /// Whether there is anything of that name. Throws Error ReadFailed when that cannot be told.
    bool has(const std::string& name) const;
    /// The text of the symbolic link `name`; empty if it is none. Throws Error ReadFailed.
    std::string link_text(const std::string& name) const;

private:
    Directory(Descriptor descriptor, std::filesystem::path path)
        : descriptor_(std::move(descriptor)), path_(std::move(path))
    {
    }
    enum class Forbidden { error, absent };
    static std::optional<Directory> open_at(int parent, const std::string& name, std::filesystem::path path,
                                            Forbidden forbidden = Forbidden::error);
    Descriptor descriptor_;
    std::filesystem::path path_; ///< for errors
};

/// Makes `path` and the directories above it that are missing, mode 0755. Returns those that were made, outermost
/// first. Throws Error: TreeNotWritable, DiskFull, ReadFailed; then none of them is left.
std::vector<std::filesystem::path> make_directories(const std::filesystem::path& path);

/// Deletes a directory with nothing in it. Nothing happens to another one, or where there is none. Throws Error
/// TreeNotWritable.
void remove_if_empty(const std::filesystem::path& directory);

/// Throws Error TreeNotWritable unless entries of the directory `path` may be changed; for one that is missing, of the
/// nearest directory above it.
void require_writable(const std::filesystem::path& path);

/// A name for a temporary that nobody else has: the prefix and 16 random digits. Only a name.
std::string unique_name(const std::string& prefix);

} // namespace dkms
