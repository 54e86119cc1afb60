// SPDX-License-Identifier: LGPL-2.1-or-later
#include "lib/install/recover.h"

#include "lib/files/remove_tree.h"
#include "lib/install/depmod.h"
#include "lib/install/intent.h"
#include "lib/model/error.h"
#include "lib/process/descriptor.h"
#include "lib/tree/directory.h"

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
    try {
        return intent_from_json(nlohmann::json::parse(read_file(file)));
    } catch (const nlohmann::json::exception&) {
        return std::nullopt; // written by nobody we know
    } catch (const Error&) {
        return std::nullopt;
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

void index_again(const Places& places, const std::set<std::string>& releases)
{
    std::error_code ignored;
    for (const std::string& release : releases)
        if (std::filesystem::exists(modules_dep(places, release), ignored)) DepmodCommand(places, release).run();
}

/// Intents whose name begins with `prefix`.
std::vector<Recovered> recover_intents(const Places& places, const std::string& prefix)
{
    const Layout layout(places);
    std::vector<Recovered> result;
    std::set<std::string> to_index;
    const auto intents = Directory::open(layout.intents());
    if (!intents) return result;
    for (const auto& entry : intents->entries()) {
        if (!entry.name.starts_with(prefix)) continue;
        const auto file = layout.intents() / entry.name;
        const auto intent = read_intent(file);
        if (!intent) continue;
        const bool completed = intent->phase == Intent::Phase::committed;
        if (completed)
            finish(*intent);
        else
            roll_back(*intent);
        if (intent->phase == Intent::Phase::applying && intent->depmod) to_index.insert(intent->kernel.release);
        result.push_back({intent->module, intent->kernel, completed});
        ::unlink(file.c_str());
    }
    index_again(places, to_index);
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
    drop_temporaries(layout.intents());
    auto result = recover_intents(places, "");
    clear(layout.staging());
    clear(layout.builds());
    return result;
}

std::vector<Recovered> recover_from(pid_t process, const Places& places) noexcept
{
    try {
        return recover_intents(places, Intent::name_prefix(process));
    } catch (const std::exception&) {
        return {}; // whoever takes the lock next tries again
    }
}

} // namespace dkms
