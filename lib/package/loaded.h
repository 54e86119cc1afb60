// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include "lib/model/error.h"
#include "lib/model/ids.h"
#include "lib/tree/layout.h"

#include <filesystem>
#include <string>
#include <vector>

namespace dkms {

/// What a load step leaves for the adopt step, a directory below <tree>/.dkmsd/staging:
///
///     source/          what is to become <source tree>/M-V; missing if there is only a configuration
///     version/         of an archive in the layout of dkms only: what is to become <tree>/M/V,
///       K/A/           with builds
///       source/        and, of a configuration without source, this with the dkms.conf
class Loaded {
public:
    explicit Loaded(std::filesystem::path directory) : directory_(std::move(directory)) {}
    /// By the name that a step has for it.
    Loaded(const Layout& layout, const std::string& staged) : Loaded(layout.staging() / staged) {}

    const std::filesystem::path& directory() const { return directory_; }
    std::filesystem::path source() const { return directory_ / "source"; }
    std::filesystem::path version() const { return directory_ / "version"; }
    std::filesystem::path conf_only() const { return version() / "source"; }

    bool has_source() const;
    bool is_of_dkms() const; ///< it was an archive in the layout of dkms
    std::vector<KernelId> builds() const;
    /// The dkms.conf that came along.
    std::filesystem::path conf() const;

private:
    std::filesystem::path directory_;
};

/// The error with its paths below `staged` as a person knows them: they came from, or go to, `place`.
Error renamed(const Error& error, const std::filesystem::path& staged, const std::string& place);

/// Throws Error AlreadyAdded if the tree has the module, unless forced. With the exit code that callers know: 8 for an
/// archive in the layout of dkms, 3 for a source.
void check_not_added(const Layout& layout, const ModuleId& module, bool of_dkms, bool force);

} // namespace dkms
