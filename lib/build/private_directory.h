// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include "lib/tree/directory.h"
#include "lib/tree/layout.h"

#include <filesystem>
#include <string>

namespace dkms {

/// A new directory below <tree>/.dkmsd, which only its owner can enter. Deleted with everything in it when the object
/// ends; directories in it that were handed over to the user who builds are emptied as that user
/// (lib/files/remove_tree.h).
class PrivateDirectory {
public:
    /// Makes it in `parent`, which is one of the directories that Layout names below own(); both are made where
    /// missing. `name` is a hint for whoever looks into the tree. Throws Error TreeNotWritable, DiskFull.
    PrivateDirectory(const Layout& layout, const std::filesystem::path& parent, const std::string& name);
    ~PrivateDirectory();
    PrivateDirectory(const PrivateDirectory&) = delete;
    PrivateDirectory& operator=(const PrivateDirectory&) = delete;

    const std::filesystem::path& path() const { return path_; }
    /// Deletes it now. Throws Error LeftoversRemain; then it is not tried again.
    void remove();
    /// It stays when the object ends: others go on with it.
    void keep() { path_.clear(); }

private:
    std::filesystem::path path_;
};

/// mkdir(2); a directory that is there already is as good. Throws Error TreeNotWritable, DiskFull.
void make_directory(const std::filesystem::path& path, unsigned mode);

/// remove_tree, where nothing can be done about what stays: in destructors, and for drafts that the next try replaces.
void remove_quietly(const std::filesystem::path& path) noexcept;

} // namespace dkms
