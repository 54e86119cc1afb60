// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include "lib/model/ids.h"
#include "lib/model/pack_format.h"
#include "lib/model/policy.h"
#include "lib/model/verb.h"

#include <nlohmann/json_fwd.hpp>

#include <filesystem>
#include <string>
#include <vector>

namespace dkms {

/// How a request is to be carried out. Every option has the name it has in JSON and in the bus's options dictionary.
struct Options {
    bool force = false;                  ///< do it although it is done, older, or refused by a check
    bool force_version_override = false; ///< install: skip the comparison with the kernel's own module only
    bool no_depmod = false;
    bool no_initramfs = false;        ///< the caller makes the initramfs itself (maintainer scripts, kernel hooks)
    bool all = false;                 ///< every kernel the module is built for (uninstall, unbuild, remove, rebuild)
    bool all_kernels = false;         ///< every installed kernel that has headers
    int parallel_jobs = -1;           ///< -j: -1 not given, 0 without limit
    bool verbose = false;             ///< what commands print is reported, too (event command-output)
    bool modprobe_on_install = false; ///< install: load the modules of devices that are there
    bool symlink_modules = false;     ///< install: links instead of copies
    bool source_only = false;         ///< pack: no builds
    bool binaries_only = false;       ///< pack: no source but dkms.conf
    bool refresh = false;             ///< build, install: also again, where what is there is stale
    bool repair = false;              ///< check: what is certain is repaired
    bool batch = false;               ///< install: what concerns the whole kernel is done at the end of the job
    Policy policy = Policy::optional; ///< install: what it means when it fails; of jobs of an autoinstall
    PackFormat format = PackFormat::tarball; ///< pack: what is made
    std::string archive;                     ///< pack: the archive's file name, which says how it is compressed
    std::string spec;                        ///< pack: name of the spec file in the source
    bool no_postinst = false; ///< pack: the package does not bring what DKMS runs for it after it is unpacked
    /// pack, driver_disk: for which installers, each as "NAME" or "NAME/RELEASE" (lib/package/disk_layout.h).
    std::vector<std::string> distributions;
    std::string media;       ///< pack, driver_disk: kind of image (lib/package/disk_image.h); empty: "img"
    unsigned media_size = 0; ///< pack, driver_disk: size of the image in KiB; 0: as large as it must be
    std::string label; ///< pack, driver_disk: the image's volume label; empty: OEMDRV where an installer looks for that
    std::string template_kernel; ///< match: release of the kernel to take as an example
    /// add and remove: the package transaction they are called from, a process as "PID START" (START: field 22 of
    /// proc_pid_stat(5)). A module that was added in a transaction is not removed in the same one.
    std::string transaction;
    // The rest name files of the caller's and are taken by the bus-less front only.
    std::filesystem::path kernel_source_dir; ///< --kernelsourcedir
    std::filesystem::path kernel_config;     ///< --config
    std::filesystem::path conf_file;         ///< -c: read instead of source/dkms.conf
    std::vector<std::string> directives;     ///< --directive NAME=value, in order

    bool operator==(const Options&) const = default;
    bool names_files() const; ///< whether one of the bus-less options is set
};

/// What somebody wants done: made once from words or from a message, checked, and never changed afterwards.
struct Request {
    Verb verb = Verb::add;
    ModuleId module;
    std::vector<KernelId> kernels; ///< empty: the running kernel, where the verb takes kernels
    Options options;
    bool handle = false; ///< a descriptor lies beside it: what to load, or where to write an archive to

    bool operator==(const Request&) const = default;
};

/// Checks names and the combination of options. Throws Error: InvalidName, InvalidArgs.
void check(const Request& request);

/// {"request":"install","module":"m","version":"v","kernels":["6.1.0/x86_64"],"options":{"force":true}}
/// Options at their default are left out. Reading refuses unknown keys and wrong types (Error InvalidArgs) and checks
/// the result.
nlohmann::json to_json(const Request& request);
Request request_from_json(const nlohmann::json& value);

/// The options alone, as they stand in a request and in the bus's dictionary.
nlohmann::json to_json(const Options& options);
Options options_from_json(const nlohmann::json& value);

} // namespace dkms
