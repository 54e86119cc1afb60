// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include "lib/model/places.h"

#include <optional>
#include <string>
#include <vector>

namespace dkms {

/// <install tree>/K/modules.dep: without it there is no kernel to index for, only headers or leftovers, and depmod is
/// not run.
std::filesystem::path modules_dep(const Places& places, const std::string& release);

/// The command that indexes the modules of one kernel of the install tree, wherever that lies: depmod itself only knows
/// <base>/lib/modules. Keeps what it had to make for that (links in a directory of <tree>/.dkmsd/staging) until it
/// ends.
class DepmodCommand {
public:
    /// Throws Error TreeNotWritable.
    DepmodCommand(const Places& places, const std::string& release);
    ~DepmodCommand();
    DepmodCommand(const DepmodCommand&) = delete;
    DepmodCommand& operator=(const DepmodCommand&) = delete;

    const std::vector<std::string>& argv() const { return argv_; }
    struct Result {
        std::optional<std::string> failure; ///< why it failed; nothing when it worked
        std::string output;                 ///< what it said
    };
    /// Runs it; what it says goes to our standard error, too. What it has written is synced: an index from before must
    /// not come back when the power fails.
    Result run() const;

private:
    std::vector<std::string> argv_;
    std::filesystem::path kernel_; ///< its directory in the install tree
    std::filesystem::path base_;   ///< empty for the system's own modules
};

/// Files that modules.dep lists, as paths below <install tree>/K; none where it cannot be read.
std::vector<std::string> listed_in_index(const Places& places, const std::string& release);

/// Why the index is not what it should be although depmod has ended well, as it does when it cannot read a directory or
/// write a file. It has to list `files` (paths below <install tree>/K), and each module that it listed before,
/// `listed`, and that is still there; what it lists has to be there; and of `files` depmod has made no complaint.
/// Nothing if all is well. Throws Error ReadFailed.
std::optional<std::string> index_fault(const Places& places, const std::string& release,
                                       const std::vector<std::string>& files, const std::vector<std::string>& listed,
                                       const std::string& depmod_output);

/// The first file (path below <install tree>/K) that modules.dep lists and that is not there; nothing if all are.
std::optional<std::string> gone_from_kernel(const Places& places, const std::string& release);

/// The first of `files` that modules.dep does not list; nothing if all are there.
std::optional<std::string> missing_in_index(const Places& places, const std::string& release,
                                            const std::vector<std::string>& files);

} // namespace dkms
