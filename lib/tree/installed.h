// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include "lib/config/conf.h"
#include "lib/config/distribution.h"
#include "lib/tree/record.h"

#include <optional>
#include <string>
#include <vector>

namespace dkms {

/// Where the modules of a version that is installed for a kernel lie in the install tree. The install record knows; for
/// trees of the old program, which has none, it is the distribution's place or the one its configuration names,
/// whichever holds the module.
class InstalledFiles {
public:
    explicit InstalledFiles(const Places& places) : places_(places), layout_(places) {}

    /// Directories below <install tree>/K that come into question for `file` of module/, best first: "updates/dkms".
    std::vector<std::string> directories(const ModuleId& module, const KernelId& kernel, const std::string& file);

    /// The path below <install tree>/K where `file` of module/ is installed, if need be with another compression;
    /// nothing if it is missing. For a version without an install record.
    std::optional<std::string> find(const ModuleId& module, const KernelId& kernel, const std::string& file);
    /// The same for a file of an install record.
    std::optional<std::string> find(const KernelId& kernel, const InstallRecord::File& file) const;

    /// Names of the modules that a build of this version should have, as its configuration says; nothing when only bash
    /// could read it, or when that depends on the kernel.
    std::vector<std::string> configured_names(const ModuleId& module, const KernelId& kernel) const;

private:
    const std::optional<std::string>& override_directory();
    std::optional<Conf> conf(const ModuleId& module, const KernelId& kernel) const;
    std::optional<std::string> configured_directory(const ModuleId& module, const KernelId& kernel,
                                                    const std::string& file);

    const Places& places_;
    Layout layout_;
    std::optional<std::optional<std::string>> override_; ///< looked up at the first question
};

/// Whether two files have the same content: they are one file, or size and modification time agree to the nanosecond
/// (an installed file gets the time of the built one), or their bytes do. False when one of them cannot be read.
bool same_content(const std::filesystem::path& a, const std::filesystem::path& b);

/// Whether two module files come from the same build: as same_content, but of large files the ends alone are read. At
/// the beginning of a module stands its build's identity, at the end its signature, or the check sum if it is
/// compressed. So the time this takes does not grow with the modules.
bool same_build(const std::filesystem::path& a, const std::filesystem::path& b);

/// Whether an installed file is the built one: as same_build, or the same module with another compression or signed
/// again. Only when the bytes differ, they are looked at in a process without privileges.
bool is_as_built(const std::filesystem::path& built, const std::filesystem::path& installed);

} // namespace dkms
