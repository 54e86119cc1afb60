// SPDX-License-Identifier: LGPL-2.1-or-later
#include "lib/install/version_check.h"

#include "lib/kernel/module_file.h"
#include "lib/model/error.h"
#include "lib/model/ids.h"
#include "lib/process/descriptor.h"
#include "lib/process/refusal.h"
#include "lib/tree/directory.h"
#include "lib/tree/installed.h"

#include <sstream>

namespace dkms {
std::optional<VersionRefusal> refused_version(const std::filesystem::path& built, const std::filesystem::path& existing)
{
    const auto ours = facts_if_module(built);
    const auto theirs = facts_if_module(existing);
    if (!ours || !theirs) return std::nullopt;
    VersionRefusal refusal{"", theirs->version, ours->version, existing};
    const auto order = compare_versions(ours->version, theirs->version);
    const bool unversioned = ours->version.empty() && ours->srcversion.empty();
    if (order < 0)
        refusal.reason = "older";
    else if (order > 0 || ours->srcversion != theirs->srcversion)
        return std::nullopt;
    else if (!unversioned)
        refusal.reason = ours->version.empty() ? "unversioned" : "same";
    else if (same_content(built, existing))
        refusal.reason = "unversioned";
    else
        return std::nullopt;
    return refusal;
}

bool is_obsolete(const std::string& obsolete_by, const std::string& release)
{
    return !obsolete_by.empty() && compare_versions(release, obsolete_by) >= 0;
}

ForceList force_list(const Places& places, const std::string& name)
{
    ForceList result;
    const auto path = places.root / "usr/share/dkms/modules_to_force_install";
    const auto directory = Directory::open(path);
    for (const auto& entry : directory ? directory->entries() : std::vector<Directory::Entry>()) {
        if (entry.kind != Directory::Kind::file) continue;
        try {
            std::istringstream text(read_file(path / entry.name));
            for (std::string word; text >> word;) {
                if (word == name) result.force = true;
                if (word == name + "_version-override") result.version_override = true;
            }
        } catch (const Error& error) {
            if (is_of_system(error)) throw;
            continue; // what cannot be read forces nothing
        }
    }
    return result;
}

} // namespace dkms
