// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include "lib/process/descriptor.h"

#include <filesystem>
#include <string>
#include <string_view>

namespace dkms {

// Paths to what is open. By proc(5) every descriptor has one. Chroots in which images are made often have no /proc, so
// nothing but this file knows of /proc/self/fd.

/// Whether /proc shows this process.
bool has_proc();

/// /proc/self/fd/N: for where it need not lead anywhere.
std::string path_of_open(int descriptor);

/// What is open, for people: the path that the kernel knows it by; without /proc that of a directory, and of anything
/// else "an open file".
std::string name_of_open(int descriptor);

/// A path to an open directory. It leads to that directory and to nothing else; without /proc, it is the name that the
/// directory has at this moment. Throws Error ReadFailed: it has none.
std::filesystem::path path_of_directory(int descriptor);

/// The program that this process runs; empty if that cannot be told.
std::filesystem::path own_program();

/// A file of our own that libraries and programs want to have by a path, and that anyone may read by it: in memory, or
/// without /proc below /var/tmp. Gone with the object.
class NamedFile {
public:
    /// Filled with `content`, to be read from its beginning. Throws Error SystemFailed, DiskFull, TreeNotWritable.
    explicit NamedFile(std::string_view content = {});
    ~NamedFile();
    NamedFile(NamedFile&& other) noexcept;
    NamedFile& operator=(NamedFile&&) = delete;
    NamedFile(const NamedFile&) = delete;
    NamedFile& operator=(const NamedFile&) = delete;

    int number() const { return file_.number(); }
    /// For this process, and for those that it forks without another program.
    std::filesystem::path path() const { return path_as(number()); }
    /// For a program that inherits the file as descriptor `theirs`, whatever user it runs as.
    std::filesystem::path path_as(int theirs) const;

private:
    Descriptor file_;
    std::filesystem::path name_; ///< empty: it is in memory
};

} // namespace dkms
