// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include "lib/tree/directory.h"
#include "lib/tree/layout.h"

#include <filesystem>
#include <functional>
#include <string>

namespace dkms {

/// A new directory below <tree>/.dkmsd, which nobody but its owner can enter. Removed with everything in it when the
/// object ends.
class PrivateDirectory {
public:
    /// Makes it in `parent`, which is one of the directories that Layout names below own(); both are made where
    /// missing. `name` is a hint for whoever looks into the tree. Throws Error TreeNotWritable, DiskFull.
    PrivateDirectory(const Layout& layout, const std::filesystem::path& parent, const std::string& name);
    ~PrivateDirectory();
    PrivateDirectory(const PrivateDirectory&) = delete;
    PrivateDirectory& operator=(const PrivateDirectory&) = delete;

    const std::filesystem::path& path() const { return path_; }
    /// It stays when the object ends: others go on with it.
    void keep() { path_.clear(); }

private:
    std::filesystem::path path_;
};

/// mkdir(2); a directory that is there already is as good. Throws Error TreeNotWritable, DiskFull.
void make_directory(const std::filesystem::path& path, unsigned mode);

/// Removes `path` and everything below it, as far as it can. Never follows a link.
void remove_quietly(const std::filesystem::path& path) noexcept;

/// Calls `visit` for everything below `directory`, a directory before what is in it; links are not followed. What
/// cannot be read, or vanishes meanwhile, is left out.
void for_each_below(const std::filesystem::path& directory,
                    const std::function<void(const std::filesystem::path&)>& visit);

} // namespace dkms
