// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include "client/dkms/words.h"
#include "lib/process/descriptor.h"

#include <filesystem>

namespace dkms::legacy {

/// The directory that somebody works in, as the source of a module that is in no tree: a package is made of it with
/// trees that are there for that only. They are gone when the object ends.
class WorkingSource {
public:
    /// Whether there is a dkms.conf to be read in the current directory.
    static bool is_here();

    /// Copies the current directory, but for files and directories whose name begins with a dot: what version control
    /// keeps there is not part of the source. Throws Fault (1) when that cannot be done.
    WorkingSource();
    ~WorkingSource();
    WorkingSource(const WorkingSource&) = delete;
    WorkingSource& operator=(const WorkingSource&) = delete;

    /// The same words with these trees.
    Words in_its_trees(Words words) const;
    /// The copy, to be loaded.
    Descriptor source() const;
    /// Where packages go: the directory above.
    static Descriptor results();

private:
    std::filesystem::path path_;
};

} // namespace dkms::legacy
