// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include "lib/config/bash_complaints.h"
#include "lib/model/error.h"
#include "lib/model/ids.h"
#include "lib/model/places.h"

#include <filesystem>
#include <map>
#include <optional>
#include <string>
#include <vector>

namespace dkms {

/// The directives of a dkms.conf(5) after both expansions, before their meaning is looked at: name → index → value. A
/// scalar is element 0. Only documented directives are in it.
using ConfVariables = std::map<std::string, std::map<unsigned, std::string>>;

/// What a dkms.conf may look at while it is evaluated.
struct ConfContext {
    ModuleId module;                         ///< $module, $module_version
    KernelId kernel;                         ///< $kernelver, $arch
    std::filesystem::path kernel_source_dir; ///< $kernel_source_dir
    std::filesystem::path kernel_config;     ///< $kernel_config; may be empty
    Places places;                       ///< $dkms_tree, $source_tree, $install_tree; overrides in places.config_dir
    unsigned parallel_jobs = 1;          ///< $parallel_jobs
    std::vector<std::string> directives; ///< --directive NAME=value, in order
};

/// One built module: record # of the configuration. Defaults are filled in.
struct ConfModule {
    unsigned index = 0;
    std::string built_name;     ///< without .ko
    std::string built_location; ///< "" or "sub/directory/"
    std::string dest_name;      ///< without .ko
    std::string dest_location;  ///< "/kernel/drivers/net", as written, without a '/' at its end
    bool strip = true;
};

struct ConfPatch {
    unsigned index = 0;
    std::string file;  ///< below patches/
    std::string match; ///< extended regular expression on the kernel release; empty: always
};

/// Bounds that say for which kernels the module, or one record of it, is meant.
struct Exclusive {
    std::string kernel;     ///< BUILD_EXCLUSIVE_KERNEL, extended regular expression
    std::string kernel_min; ///< inclusive, in the order of compare_versions
    std::string kernel_max; ///< inclusive
    std::string arch;       ///< extended regular expression
    std::string config;     ///< "CONFIG_A !CONFIG_B"
    bool empty() const;
};

/// A directive that is still read but deprecated: its name, the file it stands in, and what to use instead (may be
/// empty).
struct Deprecated {
    std::string directive;
    std::string file;
    std::string instead;
};

/// What a dkms.conf says, typed. Every directive of dkms.conf(5) is here or reported as deprecated.
struct Conf {
    ModuleId module; ///< PACKAGE_NAME, PACKAGE_VERSION
    std::vector<ConfModule> modules;
    std::string make;  ///< the MAKE[#] that is meant for this kernel, as written; empty: the default command
    std::string clean; ///< CLEAN, reported only
    std::vector<ConfPatch> patches; ///< in the order of their index
    std::vector<std::string> build_depends;
    bool build_depends_rebuild = false;
    Exclusive exclusive;                            ///< for the whole package
    std::map<unsigned, Exclusive> module_exclusive; ///< for single records, by index
    std::string obsolete_by;
    bool autoinstall = false;
    bool no_weak_modules = false;
    std::string pre_build, post_build, post_add, pre_install, post_install, post_remove; ///< as written
    bool remake_initrd = false;
    std::map<unsigned, std::string> modules_conf; ///< MODULES_CONF[#]: lines for modprobe.conf, reported only
    std::map<unsigned, std::string> modules_conf_alias_type; ///< MODULES_CONF_ALIAS_TYPE[#]
    std::map<unsigned, std::string> modules_conf_obsoletes;
    std::vector<Deprecated> deprecated;
    std::vector<std::string> warnings;     ///< sentences: zero modules, a value that is ignored …
    std::vector<BashComplaint> complaints; ///< of bash, about lines of the files
    ConfVariables variables;               ///< where all that came from
};

/// How strictly a configuration is read: `strict` (add, build, install) refuses duplicates and reports deprecated
/// directives; `lax` does not.
enum class Strictness { strict, lax };

/// Reads `file` and its overrides (/etc/dkms/M.conf, M-V.conf, M-V-K.conf, M-V-K-A.conf, M--K.conf, M--K-A.conf),
/// expands values twice, and gives them their types. Files that are assignments and simple variables are read natively;
/// the rest by bash in a sandbox without network, within 10 seconds and 1 MiB of output. Both give the same
/// (tests/unit/conf_*). Throws Error: ConfMissing, ConfUnreadable, ConfInvalid, ConfNotUtf8, ConfTooLarge (256 KiB),
/// ConfTimeout.
Conf read_conf(const std::filesystem::path& file, const ConfContext& context, Strictness strictness);

/// The same without ever starting a program: nothing when the file needs bash. For use inside dkmsd.
std::optional<Conf> read_conf_natively(const std::filesystem::path& file, const ConfContext& context,
                                       Strictness strictness);

/// Gives expanded values their types. `complaints` are kept in the result. Throws Error ConfInvalid with all that is
/// wrong as parameter "reason", a sentence a line, and what bash said as parameter "complaints", the same.
Conf typed_conf(const std::filesystem::path& file, ConfVariables variables, const ConfContext& context,
                Strictness strictness, const std::vector<BashComplaint>& complaints = {});

/// Which records of `conf` are meant for this kernel; empty reasons: all of them.
struct Exclusion {
    std::vector<ConfModule> meant;    ///< what is to be built
    std::vector<ConfModule> excluded; ///< what is not
    std::string reason;               ///< first bound that excluded something: "BUILD_EXCLUSIVE_KERNEL_MIN=6.5"
};
/// `config` is the kernel's configuration (CONFIG_X → "y", "m", …); empty if there is none, then BUILD_EXCLUSIVE_CONFIG
/// is ignored. Throws Error ConfInvalid for a bad regular expression.
Exclusion exclusion_for(const Conf& conf, const KernelId& kernel, const std::map<std::string, std::string>& config);

} // namespace dkms
