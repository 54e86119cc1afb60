// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include "lib/model/error.h"
#include "lib/model/ids.h"
#include "lib/model/state.h"
#include "lib/model/usage.h"
#include "lib/tree/layout.h"

#include <nlohmann/json.hpp>

#include <optional>
#include <string>
#include <vector>

namespace dkms {

/// Of a build's record, in its directory.
inline constexpr const char* build_record_name = ".dkmsd.json";

/// What was built: <K>/<A>/.dkmsd.json, published by the same rename as the modules. A tree without it is as good: then
/// nothing is stale.
struct BuildRecord {
    struct Module {
        std::string file;          ///< in module/, compression suffix included
        std::string sha256;        ///< of that file
        std::string dest_location; ///< DEST_MODULE_LOCATION as the configuration had it
        std::vector<std::string> depends;
        std::vector<std::string> aliases;
    };
    std::vector<Module> modules;
    nlohmann::json inputs =
        nlohmann::json::object(); ///< what a later version may compare: compiler, headers, configuration, patches
    double build_seconds = 0;
    Usage usage; ///< of the whole step, as far as it had come when this was written
    bool sandboxed = true;
    std::vector<std::string> opened = {}; ///< what the administrator's switches opened: BuildSwitches::opened
    std::string signer;                   ///< path of the certificate, empty when unsigned
    std::string unsigned_reason; ///< why modules are unsigned that should not be; empty if all is as it should be
};

/// What was installed, and where: <M>/.kernel-K-A.json beside the link of the old tree.
struct InstallRecord {
    struct File {
        std::string module;           ///< name without suffix
        std::string path;             ///< below the install tree's K: "updates/dkms/foo.ko.xz"
        std::string sha256 = {};      ///< of the file as it was installed; empty if nobody wrote it down
        std::string replaced_by = {}; ///< M of the DKMS module that has put its own module in this one's place

        bool operator==(const File&) const = default;
    };
    std::string version;
    std::vector<File> files;
    std::vector<std::string> weak_links;          ///< absolute paths that weak-modules made for it
    std::string modprobe_fragment;                ///< absolute path; empty if none
    std::vector<std::string> failed_scripts = {}; ///< see KernelStatus::failed_scripts
};

/// Why a module is not there for a kernel: <V>/.trouble-K-A.json. Removed by the next success.
struct TroubleRecord {
    KernelState state = KernelState::failed; ///< failed, waiting or skipped
    std::string note;                        ///< one line for a person
    JobId job = 0;
    Error error = Error(ErrorCode::internal);
};

/// Reading gives nothing when there is no record, or what nobody can have written as one (no JSON, no regular file):
/// records help, they are never needed. Throws Error ReadFailed for one that cannot be looked at, or is far too long.
std::optional<BuildRecord> read_build_record(const Layout& layout, const ModuleId& module, const KernelId& kernel);
std::optional<InstallRecord> read_install_record(const Layout& layout, const std::string& name, const KernelId& kernel);
std::optional<TroubleRecord> read_trouble_record(const Layout& layout, const ModuleId& module, const KernelId& kernel);

/// What status tells of a build's record.
struct BuildNotes {
    std::vector<std::string> opened; ///< BuildRecord::opened, and "no sandbox" where that was not a switch's doing
    std::string unsigned_reason;     ///< as in BuildRecord
    std::vector<std::string> files;  ///< BuildRecord::Module::file of each; empty without a record
};
/// Cheaper than reading the record: of most builds, which have neither, it is not parsed. Throws Error ReadFailed, also
/// where reading the record gives nothing although something is there.
BuildNotes notes_of_build(const Layout& layout, const ModuleId& module, const KernelId& kernel);

/// Text of the build record, for the staging directory.
std::string text_of(const BuildRecord& record);
/// Takes out of the record in a build's directory what it was built from: where that came from elsewhere, the files of
/// this machine say nothing about it, and it is never stale. Nothing happens without a record. Throws Error
/// TreeNotWritable, DiskFull.
void forget_input_files(const std::filesystem::path& build);
/// Text of the install record, for an install's transaction.
std::string text_of(const InstallRecord& record);
void write_install_record(const Layout& layout, const std::string& name, const KernelId& kernel,
                          const InstallRecord& record);
void write_trouble_record(const Layout& layout, const ModuleId& module, const KernelId& kernel,
                          const TroubleRecord& record);
void remove_trouble_record(const Layout& layout, const ModuleId& module, const KernelId& kernel) noexcept;

} // namespace dkms
