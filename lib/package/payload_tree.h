// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include "lib/package/staged_tree.h"
#include "lib/process/cancel.h"

#include <ctime>
#include <filesystem>
#include <functional>
#include <string>
#include <string_view>

namespace dkms {

/// A directory that is filled with what a package or a disk brings, before a tool makes one of it. In the end all of it
/// has one time and the modes of StagedTree, so that what is made of it depends on the content alone. Paths are
/// relative; directories above them are made. Throws Error SourceUnreadable, TreeNotWritable, DiskFull, Cancelled.
class PayloadTree {
public:
    /// Makes the directory `root`.
    PayloadTree(std::filesystem::path root, std::time_t time, Cancellation& cancellation);

    const std::filesystem::path& root() const { return root_; }

    void directory(const std::string& path) { tree_.make_directory(path); }
    void text(const std::string& path, std::string_view content, mode_t mode = 0644);
    void link(const std::string& path, const std::string& target) { tree_.make_link(path, target); }
    /// An open file.
    void file(const std::string& path, const Descriptor& content);
    /// Everything below an open directory.
    void tree(const std::string& path, const Descriptor& directory);
    /// A file that `fill` writes to the descriptor it is given.
    void filled(const std::string& path, const std::function<void(int)>& fill);

    /// Gives everything its time. What is changed afterwards has another.
    void finish() const;

private:
    std::filesystem::path root_;
    std::time_t time_;
    Cancellation& cancellation_;
    StagedTree tree_;
};

} // namespace dkms
