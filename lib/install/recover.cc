// SPDX-License-Identifier: LGPL-2.1-or-later
#include "lib/install/recover.h"

#include "lib/files/remove_tree.h"
#include "lib/install/indexing.h"
#include "lib/install/intent.h"
#include "lib/model/error.h"
#include "lib/process/descriptor.h"
#include "lib/tree/directory.h"
#include "lib/tree/lower_layer.h"

#include <nlohmann/json.hpp>

#include <cstdio>
#include <optional>
#include <set>
#include <string>

#include <unistd.h>

namespace dkms {
namespace {

std::optional<Intent> read_intent(const std::filesystem::path& file)
{
    const auto text = read_file_if_present(file);
    if (!text) return std::nullopt;
    try {
        return intent_from_json(nlohmann::json::parse(*text));
    } catch (const nlohmann::json::exception&) {
        return std::nullopt; // written by nobody we know
    }
}

/// Deletes what is in a directory of leftovers, of which builds had parts in hand. What cannot be deleted is told, and
/// stops nothing.
void clear(const std::filesystem::path& directory)
{
    const auto opened = Directory::open(directory);
    if (!opened) return;
    for (const auto& entry : opened->entries()) {
        try {
            if (entry.kind == Directory::Kind::directory)
                remove_private_directory(directory / entry.name);
            else
                remove_tree(directory / entry.name);
        } catch (const Error& error) {
            std::fprintf(stderr, "dkmsd: %s\n", error.message().c_str());
        }
    }
}

void index_all_again(const Places& places, const std::set<KernelId>& kernels)
{
    for (const KernelId& kernel : kernels)
        if (const auto failure = index_again(places, kernel))
            std::fprintf(stderr, "dkmsd: depmod failed for kernel %s: %s\n", kernel.release.c_str(), failure->c_str());
}

/// Intents whose name begins with `prefix`.
std::vector<Recovered> recover_intents(const Places& places, const std::string& prefix)
{
    const Layout layout(places);
    std::vector<Recovered> result;
    std::set<KernelId> to_index;
    std::optional<std::pair<std::filesystem::path, int>> failed;
    const auto intents = Directory::open(layout.intents());
    if (!intents) return result;
    for (const auto& entry : intents->entries()) {
        if (!entry.name.starts_with(prefix)) continue;
        const auto file = layout.intents() / entry.name;
        const auto intent = read_intent(file);
        if (!intent) continue;
        const bool completed = intent->phase == Intent::Phase::committed;
        const int number = completed ? 0 : roll_back(*intent);
        const bool done = completed ? finish(*intent) : number == 0; // what is only left over does not stop others
        if (number != 0) failed.emplace(file, number);
        if (intent->phase == Intent::Phase::applying && intent->depmod) to_index.insert(intent->kernel);
        result.push_back({intent->module, intent->kernel, completed});
        if (done) ::unlink(file.c_str());
    }
    index_all_again(places, to_index);
    // Over what is half done nothing may be installed: one day it would be taken back together with that.
    if (failed) refuse_change(failed->first, failed->second);
    return result;
}

/// Those that were never complete.
void drop_temporaries(const std::filesystem::path& directory)
{
    const auto opened = Directory::open(directory);
    if (!opened) return;
    for (const auto& entry : opened->entries())
        if (entry.name.front() == '.') ::unlink((directory / entry.name).c_str());
}

} // namespace

std::vector<Recovered> recover(const Places& places)
{
    const Layout layout(places);
    finish_lifts(layout);
    drop_temporaries(layout.intents());
    auto result = recover_intents(places, "");
    clear(layout.staging());
    clear(layout.builds());
    return result;
}

std::vector<Recovered> recover_from(pid_t process, const Places& places) noexcept
{
    try {
        finish_lifts(Layout(places), process);
        return recover_intents(places, Intent::name_prefix(process));
    } catch (const std::exception&) {
        return {}; // whoever takes the lock next tries again
    }
}

} // namespace dkms
