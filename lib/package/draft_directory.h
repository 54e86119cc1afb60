// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include "lib/process/sandbox.h"
#include "lib/process/work.h"

#include <filesystem>
#include <string>
#include <vector>

namespace dkms {

/// A new directory in /var/tmp in which something is put together that will be copied elsewhere: whoever packs for
/// himself need not be able to write to the tree. Only we and the sandbox's user can enter it; removed with everything
/// in it when the object ends.
class DraftDirectory {
public:
    /// `product` is what is made, for errors. Throws Error ArchiveNotWritable, DiskFull.
    DraftDirectory(Work& work, std::string product);
    ~DraftDirectory();
    DraftDirectory(const DraftDirectory&) = delete;
    DraftDirectory& operator=(const DraftDirectory&) = delete;

    const std::filesystem::path& path() const { return path_; }

    /// The programs that follow run in this directory, which is path() or lies below it.
    void work_in(std::filesystem::path directory) { directory_ = std::move(directory); }
    /// Runs a program there to its end, in a sandbox in which it can change nothing else; what it says goes
    /// to the job's log. `environment` is added to the base one; `package` is the Debian package that brings the
    /// program. Throws Error ToolMissing, PackagingFailed, DiskFull, Cancelled.
    void run(std::vector<std::string> argv, const std::string& package, std::vector<std::string> environment = {});
    /// The same; returns what it printed.
    std::string output_of(std::vector<std::string> argv, const std::string& package,
                          std::vector<std::string> environment = {});

private:
    Command command(std::vector<std::string> argv, const std::string& package,
                    std::vector<std::string> environment) const;
    void check(const std::vector<std::string>& argv, const ExitStatus& status, const std::string& said) const;

    Work& work_;
    std::string product_;
    std::filesystem::path path_;
    std::filesystem::path directory_;
};

/// Throws Error ToolMissing unless the program is there, so that nothing is begun in vain. `package` is the Debian
/// package that brings it, `product` what is to be made.
void require_tool(const std::string& product, const std::string& program, const std::string& package);

} // namespace dkms
