// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include "lib/package/draft_directory.h"

#include <ctime>
#include <filesystem>
#include <string>
#include <vector>

namespace dkms {

/// One run of rpmbuild(8) in a draft. What it makes does not depend on when, where and by whom it is made.
class RpmBuild {
public:
    /// Makes the directories that rpmbuild wants in draft.path()/`name`, which must not be there. `time` is that of
    /// everything that is made. Throws Error ArchiveNotWritable.
    RpmBuild(DraftDirectory& draft, const std::string& name, std::time_t time);

    std::filesystem::path sources() const { return top_ / "SOURCES"; }
    /// Writes a new file into sources(). Throws Error ArchiveNotWritable, DiskFull.
    void add_source(const std::string& name, std::string_view content) const;
    /// A macro for the spec; rpmbuild's --define.
    void define(const std::string& name, const std::string& value);

    /// Runs `rpmbuild WHAT` ("-ba", "-bb", "-bs") on a spec with this text, which is called `name`; for a machine
    /// (rpmbuild's --target) unless `target` is empty. Returns what it has written, in byte order; it lies in the
    /// draft. Foreign specs are no danger: see DraftDirectory::run, and for errors.
    std::vector<std::filesystem::path> run(const std::string& what, const std::string& name, std::string_view text,
                                           const std::string& target = {});

private:
    DraftDirectory& draft_;
    std::filesystem::path top_;
    std::time_t time_;
    std::vector<std::string> defines_;
};

} // namespace dkms
