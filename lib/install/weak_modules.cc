// SPDX-License-Identifier: LGPL-2.1-or-later
#include "lib/install/weak_modules.h"

#include "lib/config/distribution.h"
#include "lib/process/wide_command.h"
#include "lib/tree/directory.h"

#include <algorithm>

#include <sys/mman.h>
#include <unistd.h>

namespace dkms {
namespace {

bool has_weak_modules(const Places& places)
{
    try {
        const Distribution one = distribution(places);
        return one == Distribution::rhel || one == Distribution::suse;
    } catch (const Error& error) {
        if (error.code() != ErrorCode::conf_missing) throw;
        return false;
    }
}

void add_links(const std::filesystem::path& directory, const std::vector<std::string>& modules,
               std::vector<std::string>& links)
{
    const auto opened = Directory::open(directory);
    if (!opened) return;
    for (const auto& entry : opened->entries()) {
        if (entry.kind == Directory::Kind::directory) add_links(directory / entry.name, modules, links);
        if (entry.kind != Directory::Kind::link) continue;
        if (std::find(modules.begin(), modules.end(), opened->link_text(entry.name)) != modules.end())
            links.push_back(directory / entry.name);
    }
}

} // namespace

std::optional<std::filesystem::path> weak_modules_program(const Places& places)
{
    if (places.root != "/" || !places.is_default_install_tree() || !has_weak_modules(places)) return std::nullopt;
    if (auto found = find_program("weak-modules")) return found;
    return find_program("/usr/lib/module-init-tools/weak-modules");
}

bool run_weak_modules(const std::filesystem::path& program, bool add, const std::vector<std::string>& modules)
{
    std::string lines;
    for (const std::string& module : modules) lines += module + "\n";
    const Descriptor input(::memfd_create("modules", MFD_CLOEXEC));
    write_all(input.number(), lines);
    ::lseek(input.number(), 0, SEEK_SET);
    Command command;
    command.argv = {program, "--no-initramfs", add ? "--add-modules" : "--remove-modules"};
    command.environment = base_environment();
    command.input = input.number();
    command.output = STDOUT_FILENO;
    return run_wide(command).ok();
}

bool update_weak_links(const Work& work, bool add, const std::vector<std::string>& modules)
{
    const auto program = modules.empty() ? std::nullopt : weak_modules_program(work.places);
    if (!program) return false;
    work.reporter.report(Event(EventKind::weak_modules, {{"action", add ? "add" : "remove"}}));
    if (!run_weak_modules(*program, add, modules))
        work.reporter.warning("weak-modules", {}, "weak-modules failed; its output is in the log.");
    return true;
}

std::vector<std::string> weak_links_to(const Places& places, const std::vector<std::string>& modules)
{
    std::vector<std::string> links;
    const auto tree = Directory::open(places.install_tree);
    for (const auto& kernel : tree ? tree->entries() : std::vector<Directory::Entry>())
        add_links(places.install_tree / kernel.name / "weak-updates", modules, links);
    std::sort(links.begin(), links.end());
    return links;
}

} // namespace dkms
