// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include "lib/config/conf.h"
#include "lib/kernel/module_file.h"
#include "lib/process/descriptor.h"
#include "lib/process/work.h"
#include "lib/tree/record.h"

#include <ctime>
#include <map>
#include <optional>
#include <string>
#include <vector>

namespace dkms {

/// A module file of a build that goes out.
struct PackedModule {
    std::string file;  ///< in the directory `module` of the build: "foo.ko.xz"
    std::string name;  ///< without suffixes: "foo"
    ModuleFacts facts; ///< what it says about itself
};

/// What a pack step takes from the tree, held open: what is replaced meanwhile goes out as it was.
class PackContent {
public:
    struct Build {
        Descriptor directory;              ///< <tree>/M/V/K/A
        std::optional<BuildRecord> record; ///< of builds that dkmsd made
    };

    /// The module of work.step with its source (with `binaries_only` only its dkms.conf), and the builds of
    /// step.kernels, of which none is wanted with `source_only`, or for a format without builds. Throws Error:
    /// NoSuchModule, BrokenModule, NotBuilt, SourceUnreadable, those of read_conf.
    explicit PackContent(const Work& work);

    const ModuleId& module() const { return module_; }
    const Conf& conf() const { return conf_; }
    /// An open directory; not valid with `binaries_only`.
    const Descriptor& source() const { return source_; }
    /// The open dkms.conf; only valid with `binaries_only`.
    const Descriptor& conf_file() const { return conf_file_; }
    const std::map<KernelId, Build>& builds() const { return builds_; }

    /// The module files of a build, by name. Throws Error VerifyFailed for one that is no module or is not for this
    /// kernel, BuildChanged for one that is not what the build's record says.
    std::vector<PackedModule> modules(const KernelId& kernel) const;

    /// Throws Error BuildChanged if a module of any build is not what the build's record says.
    void check_unchanged() const;

    /// The file of one of them. Throws Error SourceUnreadable when it was replaced meanwhile.
    Descriptor open_module(const KernelId& kernel, const PackedModule& module) const;

    /// The time that everything that is made gets: SOURCE_DATE_EPOCH if the caller has one, else the newest of what is
    /// packed.
    std::time_t time() const;

private:
    void open_source(const Work& work);
    Build open_build(const KernelId& kernel) const;

    Layout layout_;
    ModuleId module_;
    Conf conf_;
    Descriptor source_;
    Descriptor conf_file_;
    std::map<KernelId, Build> builds_;
    std::map<std::string, std::string> settings_;
};

} // namespace dkms
