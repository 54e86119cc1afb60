// SPDX-License-Identifier: LGPL-2.1-or-later
#include "lib/install/intent.h"

#include "lib/files/remove_tree.h"
#include "lib/process/descriptor.h"
#include "lib/process/refusal.h"

#include <nlohmann/json.hpp>

#include <cerrno>
#include <cstdio>
#include <set>

#include <sys/stat.h>
#include <unistd.h>

namespace dkms {
namespace {

using nlohmann::json;
using Path = std::filesystem::path;

/// 0 also when there was nothing.
int deleted(const Path& path) { return ::unlink(path.c_str()) == 0 || means_absent(errno) ? 0 : errno; }

/// The old content is not needed any more. Where there should have been a file, somebody may have made a directory.
int discarded(const Path& backup) noexcept
{
    const int failed = deleted(backup);
    if (failed != EISDIR) return failed;
    try {
        remove_tree(backup);
        return 0;
    } catch (const std::exception&) {
        return failed;
    }
}

/// Puts the old content back, of which there is a backup only if it had come to that.
int restored(const Change& change)
{
    if (::rename(change.backup.c_str(), change.target.c_str()) != 0) return means_absent(errno) ? 0 : errno;
    return deleted(change.backup); // while both names are links to one file, rename has done nothing
}

json texts_of(const std::vector<Path>& paths)
{
    json result = json::array();
    for (const Path& path : paths) result.push_back(path.string());
    return result;
}

std::vector<Path> paths_from(const json& value)
{
    std::vector<Path> result;
    for (const json& one : value) result.emplace_back(one.get<std::string>());
    return result;
}

/// The errno of what failed, or 0.
int take_back(const Change& change)
{
    if (change.existed) {
        if (const int failed = restored(change)) return failed;
    } else if (struct stat facts{}; !change.fresh.empty() && ::lstat(change.fresh.c_str(), &facts) != 0) {
        if (!means_absent(errno)) return errno;
        if (const int failed = deleted(change.target)) return failed; // the temporary has become the target
    }
    return change.fresh.empty() ? 0 : deleted(change.fresh);
}

void sync_all(const std::set<Path>& directories) noexcept
{
    for (const Path& directory : directories) {
        try {
            sync_directory(directory);
        } catch (const std::exception&) {
            continue; // a directory that is gone needs no syncing
        }
    }
}

} // namespace

json to_json(const Intent& intent)
{
    json changes = json::array();
    for (const Change& change : intent.changes)
        changes.push_back({{"target", change.target.string()},
                           {"fresh", change.fresh.string()},
                           {"backup", change.backup.string()},
                           {"existed", change.existed}});
    return {{"phase", static_cast<int>(intent.phase)},
            {"module", intent.module.name},
            {"version", intent.module.version},
            {"kernel", intent.kernel.release},
            {"arch", intent.kernel.arch},
            {"depmod", intent.depmod},
            {"directories", texts_of(intent.directories)},
            {"changes", std::move(changes)},
            {"prune", texts_of(intent.prune)}};
}

Intent intent_from_json(const json& value)
{
    Intent intent;
    intent.phase = static_cast<Intent::Phase>(value.at("phase").get<int>());
    intent.module = {value.at("module").get<std::string>(), value.at("version").get<std::string>()};
    intent.kernel = {value.at("kernel").get<std::string>(), value.at("arch").get<std::string>()};
    intent.depmod = value.at("depmod").get<bool>();
    intent.directories = paths_from(value.at("directories"));
    for (const json& one : value.at("changes"))
        intent.changes.push_back({one.at("target").get<std::string>(), one.at("fresh").get<std::string>(),
                                  one.at("backup").get<std::string>(), one.at("existed").get<bool>()});
    intent.prune = paths_from(value.at("prune"));
    return intent;
}

int roll_back(const Intent& intent) noexcept
{
    std::set<Path> touched;
    int failed = 0;
    for (auto change = intent.changes.rbegin(); change != intent.changes.rend(); ++change) {
        int number = 0;
        if (intent.phase == Intent::Phase::applying)
            number = take_back(*change);
        else if (!change->fresh.empty())
            number = deleted(change->fresh);
        if (failed == 0) failed = number;
        touched.insert(change->target.parent_path());
    }
    for (auto directory = intent.directories.rbegin(); directory != intent.directories.rend(); ++directory)
        ::rmdir(directory->c_str());
    sync_all(touched);
    return failed;
}

bool finish(const Intent& intent, const StopPoint& stop)
{
    bool complete = true;
    for (const Change& change : intent.changes) {
        if (!change.existed) continue;
        complete &= discarded(change.backup) == 0;
        if (stop) stop("backup-deleted");
    }
    for (const Path& directory : intent.prune) ::rmdir(directory.c_str());
    if (stop) stop("directories-pruned");
    return complete;
}

} // namespace dkms
