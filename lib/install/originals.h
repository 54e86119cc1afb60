// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include "lib/config/conf.h"
#include "lib/install/transaction.h"
#include "lib/model/event.h"

#include <optional>
#include <string>
#include <vector>

namespace dkms {

/// Modules of the kernel itself that give way to ours, in <tree>/M/original_module/K/A: a copy, and beside it
/// <file>.origin with the full path it came from. When a kernel has several modules of one name, all of them lie in
/// collisions/<their directory>/.
class Originals {
public:
    Originals(const Places& places, const ModuleId& module, const KernelId& kernel);

    /// Plans to archive the files `paths` (below <install tree>/K), all modules of one name. An older copy in the
    /// archive is replaced.
    std::vector<Event> archive(Transaction& transaction, const std::vector<std::string>& paths) const;

    /// Plans to put everything in the archive back and to empty it. One without .origin goes to the
    /// DEST_MODULE_LOCATION that `conf` or the build record names for it; if none does, it stays where it is. Where the
    /// kernel has got a module again in the meantime, that one stays.
    std::vector<Event> restore(Transaction& transaction, const std::optional<Conf>& conf) const;

private:
    std::filesystem::path origin_of(const std::filesystem::path& archived, const std::optional<Conf>& conf) const;
    void archive_one(Transaction& transaction, const std::string& path, const std::filesystem::path& archived) const;
    std::vector<std::filesystem::path> archived_files() const;

    Places places_;
    Layout layout_;
    ModuleId module_;
    KernelId kernel_;
    std::filesystem::path directory_;
};

} // namespace dkms
