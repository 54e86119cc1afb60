// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include "lib/package/draft_directory.h"

#include <ctime>
#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

namespace dkms {

/// One run of rpmbuild(8) in a draft, which is for it alone: specs are foreign code. What it makes does not depend on
/// when, where and by whom it is made.
class RpmBuild {
public:
    /// Makes the directories that rpmbuild wants in the draft's input. `time` is that of everything that is made.
    /// Throws Error TreeNotWritable, DiskFull.
    RpmBuild(DraftDirectory& draft, std::time_t time);

    /// Where everything is written before run(): SOURCES and what else the spec is to find.
    const std::filesystem::path& top() const { return top_; }
    std::filesystem::path sources() const { return top_ / "SOURCES"; }
    /// What `path` below top() is called while rpmbuild runs, which works on a copy: for macros.
    std::filesystem::path shown(const std::filesystem::path& path) const;

    /// Writes a file into sources(). Throws Error TreeNotWritable, DiskFull.
    void add_source(const std::string& name, std::string_view content) const;
    /// A macro for the spec; rpmbuild's --define.
    void define(const std::string& name, const std::string& value);

    /// Runs `rpmbuild WHAT` ("-ba", "-bb", "-bs") on a spec with this text, which is called `name`; for a machine
    /// (rpmbuild's --target) unless `target` is empty. Returns the packages, then the source packages, in byte order.
    /// To be called once. Throws as DraftDirectory::run and take_all.
    Products run(const std::string& what, const std::string& name, std::string_view text,
                 const std::string& target = {});

private:
    DraftDirectory& draft_;
    std::filesystem::path top_;
    std::time_t time_;
    std::vector<std::string> defines_;
};

} // namespace dkms
