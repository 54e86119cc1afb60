// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include "lib/package/pack_content.h"
#include "lib/process/cancel.h"

#include <nlohmann/json_fwd.hpp>

#include <filesystem>
#include <memory>
#include <optional>
#include <string>

namespace dkms {

/// What a package, an archive or a driver disk holds, beside it in a file of this name, so that whoever takes it in can
/// see that all of it came through. It says nothing about who made it.
inline constexpr const char* manifest_name = "dkms_manifest.json";

/// {"format":1,"module":"m","version":"v","source":{"files":7,"sha256":"…"},
///  "builds":[{"kernel":"6.1.0","arch":"x86_64","compiler":"gcc 12.2.0","signer":"/var/lib/dkms/mok.pub",
///             "modules":[{"file":"m.ko.xz","sha256":"…"}]}]}
/// The digest of a source is that of its listing: a line "DIGEST  PATH" for each file and "-> TARGET  PATH" for each
/// link, in byte order of the paths. `compiler` and `signer` only where the record of the build has them; no `source`
/// where none is packed. Starts a program. Throws Error SourceUnreadable, SystemFailed.
class Manifest {
public:
    /// What of the content goes into one product.
    struct Scope {
        bool source = true;
        std::optional<KernelId> kernel = {}; ///< the build for this kernel alone; absent: every build
    };
    /// Begins to read what goes out, while that is packed. `content` must outlive it.
    explicit Manifest(const PackContent& content, const Scope& scope);
    ~Manifest();
    Manifest(const Manifest&) = delete;
    Manifest& operator=(const Manifest&) = delete;

    /// Waits; to be called once.
    nlohmann::json value();

private:
    class Implementation;
    std::unique_ptr<Implementation> self_;
};

/// The same at once. Throws Error Cancelled, too.
nlohmann::json manifest_of(const PackContent& content, Cancellation& cancellation, const Manifest::Scope& scope);

/// As it stands in a file.
std::string text_of(const nlohmann::json& manifest);

/// Compares an unpacked archive with the manifest in it; an archive without one is as good. `root` has the layout of
/// dkms mktarball; `name` is the archive's, for the error. Throws Error ArchiveRefused with the first difference.
void check_manifest(const std::filesystem::path& root, const std::string& name);

} // namespace dkms
