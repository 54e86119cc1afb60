// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include "lib/build/private_directory.h"
#include "lib/files/gate.h"
#include "lib/process/descriptor.h"

#include <filesystem>
#include <string>
#include <string_view>

namespace dkms {

/// A K/A directory of the tree while it is made: module/, log/ and the record. It is ours alone, and no build ever sees
/// it: what comes in comes through a gate. publish() makes it visible by one rename when it is complete. What is not
/// published is deleted when the object ends.
class Staging {
public:
    /// Throws Error TreeNotWritable, DiskFull, like all of it.
    Staging(const Layout& layout, const ModuleId& module, const KernelId& kernel);

    const std::filesystem::path& directory() const { return directory_; }
    std::filesystem::path modules() const { return directory_ / "module"; }

    /// Takes the file `name` of what a build has left as module/`as`. False if there is none. Throws as Gate::take.
    bool take_module(const Gate& gate, const std::filesystem::path& name, const std::string& as) const;
    /// Takes what a script has left beside module/ for other modules (zfs_config.h). Throws as Gate::take_flat.
    Gate::Flat take_extras(const Gate& gate) const;
    /// Copies a finished log to log/make.log.
    void take_log(const std::filesystem::path& log) const;

    /// A file of ours beside module/; on disk when all of it is.
    void write(const std::string& name, std::string_view content) const;

    /// Puts it where the tree has it. What stood there until then is gone only when the new one is in its place.
    /// Everything is synced first, so that a published build survives a power cut.
    void publish();

private:
    Layout layout_;
    ModuleId module_;
    KernelId kernel_;
    PrivateDirectory own_;
    std::filesystem::path directory_;
    Descriptor top_;
    Descriptor module_directory_;
};

/// Copies an open file, readable for all. Throws Error TreeNotWritable, DiskFull.
void copy_file_to(const Descriptor& file, const std::filesystem::path& target);

} // namespace dkms
