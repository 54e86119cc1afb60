// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include "lib/config/conf.h"
#include "lib/install/transaction.h"

#include <filesystem>
#include <optional>
#include <string>
#include <vector>

namespace dkms {

/// A module of a kernel that has given way to one of ours.
struct Original {
    std::string module;           ///< name without suffix
    std::filesystem::path origin; ///< absolute path it came from; empty when nobody knows
    std::string owner;            ///< M of the DKMS module whose it is; empty for one of the kernel's own
    std::filesystem::path file;   ///< where its content is now: in an archive or still in the kernel's directory
    bool several = false;         ///< it was one of several of its name

    bool operator==(const Original&) const = default;
};

/// The archive of a module package for a kernel, <tree>/M/original_module/K/A: a copy of each module that gave way to
/// it (a link for what was one), beside it FILE.origin with the full path it came from, and .FILE.owner with the name
/// of the module package if it was one of DKMS. When a kernel has several modules of one name, all of them are stored
/// in collisions/<their directory>/.
class Originals {
public:
    /// Reads it. What has no .origin belongs to the DEST_MODULE_LOCATION that `conf` or the build record of `module`
    /// names. Throws Error ReadFailed.
    Originals(const Places& places, const ModuleId& module, const KernelId& kernel,
              const std::optional<Conf>& conf = std::nullopt);

    const std::vector<Original>& content() const { return content_; }

    /// Plans that the archive holds `wanted` and nothing else. What is copied there is read when the transaction is
    /// staged.
    void become(Transaction& transaction, const std::vector<Original>& wanted) const;

private:
    Original read(const std::filesystem::path& archived, const std::optional<Conf>& conf) const;
    std::filesystem::path origin_of(const std::filesystem::path& archived, const std::string& module,
                                    const std::optional<Conf>& conf) const;
    std::filesystem::path free_place(const Original& one, std::vector<std::filesystem::path>& taken) const;
    void remove(Transaction& transaction, const Original& one) const;

    Places places_;
    ModuleId module_;
    KernelId kernel_;
    std::filesystem::path directory_;
    std::vector<Original> content_; ///< in the order of their files
};

/// Plans that `target` becomes a copy of the module `source`, or a link that says the same.
void put_module(Transaction& transaction, const std::filesystem::path& source, const std::filesystem::path& target);

} // namespace dkms
