// SPDX-License-Identifier: LGPL-2.1-or-later
#include "lib/package/disk_layout.h"

#include "lib/model/error.h"
#include "lib/package/archive_name.h"

#include <algorithm>
#include <array>
#include <set>

namespace dkms {
namespace {

[[noreturn]] void refuse(const std::string& reason) { throw Error(ErrorCode::invalid_args, {{"reason", reason}}); }

struct Known {
    std::string_view name;
    DiskLayout layout;
};
constexpr std::array<Known, 7> known{{{"redhat1", DiskLayout::loader_v1},
                                      {"redhat2", DiskLayout::loader_v2},
                                      {"redhat3", DiskLayout::anaconda},
                                      {"suse", DiskLayout::suse},
                                      {"UnitedLinux", DiskLayout::united_linux},
                                      {"debian", DiskLayout::debian},
                                      {"ubuntu", DiskLayout::old_ubuntu}}};

// Codenames of releases whose installer knows driver disks, and beginnings of what SUSE calls its releases.
constexpr std::array debian_releases{"buster", "bullseye", "bookworm", "trixie", "forky", "sid"};
constexpr std::array ubuntu_releases{"trusty", "xenial", "bionic", "focal", "jammy", "noble"};
constexpr std::array suse_beginnings{"sle", "leap", "tw", "opensuse", "micro"};

bool is_small_pc(const std::string& arch) { return arch.size() == 4 && arch.front() == 'i' && arch.ends_with("86"); }

/// The old loader knows one directory a kernel; boot kernels of the smaller PC may lie beside another's.
void check_loader_v1(const std::vector<std::string>& architectures)
{
    std::set<std::string> others;
    for (const std::string& arch : architectures)
        if (!is_small_pc(arch)) others.insert(arch);
    if (others.size() > 1) refuse("a disk for redhat1 holds one architecture beside i386; use redhat2");
}

DiskTarget target_of(const std::string& name, const std::string& release, const std::vector<std::string>& architectures)
{
    const std::set<std::string> different(architectures.begin(), architectures.end());
    const std::string wanted = name != "redhat" ? name : different.size() > 1 ? "redhat2" : "redhat1";
    const auto found = std::find_if(known.begin(), known.end(), [&](const Known& one) { return one.name == wanted; });
    if (found == known.end()) {
        std::string names = "redhat, all";
        for (const Known& one : known) names += ", " + std::string(one.name);
        refuse("'" + name + "' is no distribution with driver disks; there are " + names);
    }
    DiskTarget target{found->layout, wanted, release};
    if (target.layout == DiskLayout::old_ubuntu && !release.empty()) target.layout = DiskLayout::debian;
    const bool needs_release = target.layout == DiskLayout::suse || target.layout == DiskLayout::united_linux ||
                               target.layout == DiskLayout::debian;
    if (needs_release && release.empty())
        refuse("a disk for " + name + " needs a release (-r), such as " +
               (target.layout == DiskLayout::debian ? "bookworm" : "sles15"));
    if (target.layout == DiskLayout::loader_v1) check_loader_v1(architectures);
    return target;
}

DiskTarget target_of_release(const std::string& release)
{
    const auto is_one_of = [&](const auto& list) { return std::find(list.begin(), list.end(), release) != list.end(); };
    if (is_one_of(debian_releases)) return {DiskLayout::debian, "debian", release};
    if (is_one_of(ubuntu_releases)) return {DiskLayout::debian, "ubuntu", release};
    for (const std::string_view beginning : suse_beginnings)
        if (release.starts_with(beginning)) return {DiskLayout::suse, "suse", release};
    refuse("nothing is known of a release '" + release + "'; name its distribution, too (-d)");
}

std::string plain(std::string name)
{
    std::replace(name.begin(), name.end(), '-', '_');
    return name;
}

} // namespace

std::vector<DiskTarget> disk_targets(const std::vector<std::string>& distributions,
                                     const std::vector<std::string>& architectures)
{
    std::vector<DiskTarget> targets;
    const auto add = [&](const DiskTarget& target) {
        if (std::find(targets.begin(), targets.end(), target) == targets.end()) targets.push_back(target);
    };
    for (const std::string& text : distributions) {
        const auto slash = text.find('/');
        const std::string name = text.substr(0, slash);
        const std::string release = slash == std::string::npos ? "" : text.substr(slash + 1);
        if (release.find('/') != std::string::npos || release.starts_with('.'))
            refuse("'" + release + "' is no release: it becomes the name of a directory");
        if (name == "all") {
            add({DiskLayout::anaconda, "redhat3", ""});
            if (!release.empty()) add(target_of_release(release));
        } else {
            add(target_of(name, release, architectures));
        }
    }
    if (targets.empty()) refuse("a driver disk is for a distribution (-d): redhat3, suse, debian …");
    return targets;
}

bool wants_label(DiskLayout layout)
{
    return layout == DiskLayout::anaconda || layout == DiskLayout::suse || layout == DiskLayout::debian;
}

bool wants_ext2(DiskLayout layout)
{
    return layout == DiskLayout::suse || layout == DiskLayout::united_linux || layout == DiskLayout::old_ubuntu;
}

std::string disk_name(const ModuleId& module, const std::vector<KernelId>& kernels,
                      const std::vector<DiskTarget>& targets)
{
    const std::string name = module.name + "-" + module.version;
    const DiskTarget& first = targets.front();
    if (targets.size() > 1 || first.layout == DiskLayout::anaconda) return name + "-dd";
    if (first.layout == DiskLayout::loader_v1 || first.layout == DiskLayout::loader_v2) {
        const std::string archive = archive_name(module, kernels);
        return archive.substr(0, archive.rfind(".dkms.tar.gz")) + "-dd";
    }
    return name + "-" + first.distribution + (first.release.empty() ? "" : "-" + first.release) + "-dd";
}

std::vector<PackedModule> in_load_order(std::vector<PackedModule> modules, const Conf& conf)
{
    const auto place = [&](const PackedModule& module) {
        return std::find_if(conf.modules.begin(), conf.modules.end(),
                            [&](const ConfModule& one) { return plain(one.dest_name) == plain(module.name); });
    };
    std::stable_sort(modules.begin(), modules.end(),
                     [&](const PackedModule& a, const PackedModule& b) { return place(a) < place(b); });
    std::vector<PackedModule> ordered;
    while (!modules.empty()) {
        const auto waits = [&](const PackedModule& module) {
            return std::any_of(modules.begin(), modules.end(), [&](const PackedModule& other) {
                const auto& depends = module.facts.depends;
                return std::find_if(depends.begin(), depends.end(), [&](const std::string& name) {
                           return plain(name) == plain(other.name);
                       }) != depends.end();
            });
        };
        auto next = std::find_if_not(modules.begin(), modules.end(), waits);
        if (next == modules.end()) next = modules.begin(); // a circle: there is no right order
        ordered.push_back(std::move(*next));
        modules.erase(next);
    }
    return ordered;
}

std::vector<std::string> needed_from_outside(const std::vector<PackedModule>& modules)
{
    std::set<std::string> seen;
    for (const PackedModule& module : modules) seen.insert(plain(module.name));
    std::vector<std::string> needed;
    for (const PackedModule& module : modules)
        for (const std::string& name : module.facts.depends)
            if (seen.insert(plain(name)).second) needed.push_back(name);
    return needed;
}

} // namespace dkms
