// SPDX-License-Identifier: LGPL-2.1-or-later
#include "lib/package/suse_disk.h"

#include "lib/package/archive_writer.h"
#include "lib/process/child.h"

#include <algorithm>
#include <array>
#include <cstdio>
#include <map>

namespace dkms {
namespace {

using Kernels = std::vector<KernelId>;

bool is_default(const KernelId& kernel) { return kernel.release.ends_with("-default"); }

/// Kernels by the architecture that SUSE's paths name.
std::map<std::string, Kernels> by_architecture(const DiskDraft& disk)
{
    std::map<std::string, Kernels> groups;
    for (const auto& [kernel, modules] : disk.modules) {
        const bool is_small = kernel.arch.size() == 4 && kernel.arch.front() == 'i' && kernel.arch.ends_with("86");
        groups[is_small ? "i386" : kernel.arch].push_back(kernel);
    }
    return groups;
}

/// Names of the modules of all builds, and of what they need, in the order in which they can be loaded.
struct LoadOrder {
    std::vector<std::string> outside;
    std::vector<std::string> own;
};

LoadOrder load_order(const DiskDraft& disk)
{
    std::map<std::string, PackedModule> merged; // a module may need more for one kernel than for another
    for (const auto& [kernel, modules] : disk.modules)
        for (const PackedModule& module : modules) {
            auto& depends = merged.emplace(module.name, module).first->second.facts.depends;
            for (const std::string& name : module.facts.depends)
                if (std::find(depends.begin(), depends.end(), name) == depends.end()) depends.push_back(name);
        }
    std::vector<PackedModule> modules;
    for (auto& [name, module] : merged) modules.push_back(std::move(module));
    modules = in_load_order(std::move(modules), disk.content.conf());
    LoadOrder order{needed_from_outside(modules), {}};
    for (const PackedModule& module : modules) order.own.push_back(module.name);
    return order;
}

std::string lines(const std::vector<std::string>& names)
{
    std::string text;
    for (const std::string& name : names) text += name + "\n";
    return text;
}

/// One numbered directory of one architecture.
class Update {
public:
    Update(DiskDraft& disk, const DiskTarget& target, const std::string& arch, std::size_t number)
        : disk_(disk), path_(path(target, arch, number))
    {
    }

    void put_config(const DiskTarget& target, const std::string& arch, std::size_t number, const std::string& what);
    void put_order(const std::vector<std::string>& names)
    {
        disk_.tree.text(path_ + "modules/module.order", lines(names));
    }
    void put_module(const std::string& name, const KernelId& kernel);
    void put_installation(const std::string& name, const Kernels& kernels);

private:
    static std::string numbered(std::size_t number)
    {
        std::array<char, 24> text{};
        std::snprintf(text.data(), text.size(), "%02zu", number);
        return text.data();
    }
    static std::string path(const DiskTarget& target, const std::string& arch, std::size_t number)
    {
        return numbered(number) + "/linux/" + target.distribution + "/" + arch + "-" + target.release + "/";
    }
    const PackedModule* module_for(const std::string& name, const KernelId& kernel) const
    {
        const auto& modules = disk_.modules.at(kernel);
        const auto found = std::find_if(modules.begin(), modules.end(),
                                        [&](const PackedModule& module) { return module.name == name; });
        return found == modules.end() ? nullptr : &*found;
    }

    DiskDraft& disk_;
    std::string path_;
};

void Update::put_config(const DiskTarget& target, const std::string& arch, std::size_t number, const std::string& what)
{
    const std::string module = disk_.content.module().name + "-" + disk_.content.module().version;
    disk_.tree.text(path_ + "dud.config", "UpdateID: " + module + "-" + arch + "-" + target.release + "-" +
                                              numbered(number) + "\nUpdateName: " + module + ": " + what + "\n");
}

void Update::put_module(const std::string& name, const KernelId& kernel)
{
    if (const PackedModule* const module = module_for(name, kernel))
        disk_.tree.file(path_ + "modules/" + module->file, disk_.content.open_module(kernel, *module));
}

void Update::put_installation(const std::string& name, const Kernels& kernels)
{
    disk_.tree.filled(path_ + "install/update.tar.gz", [&](int file) {
        ArchiveWriter writer(file, "update.tar.gz", disk_.content.time(), ArchiveFormat::ustar);
        for (const KernelId& kernel : kernels)
            if (const PackedModule* const module = module_for(name, kernel))
                writer.file("lib/modules/" + kernel.release + "/updates/" + module->file,
                            disk_.content.open_module(kernel, *module));
        writer.close();
    });
    disk_.tree.text(path_ + "install/update.post", suse_update_post(kernels), 0755);
}

void warn_of_flavours(const DiskDraft& disk, const KernelId& kernel)
{
    disk.work.reporter.warning("no-installer-kernel", {{"kernel", kernel.release}},
                               "None of the kernels is of flavour 'default', as those of SUSE's installers are; these "
                               "get the modules for " +
                                   kernel.release + ".");
}

} // namespace

KernelId installer_kernel(const Kernels& kernels)
{
    return *std::max_element(kernels.begin(), kernels.end(), [](const KernelId& a, const KernelId& b) {
        if (is_default(a) != is_default(b)) return is_default(b);
        return compare_versions(a.release, b.release) < 0;
    });
}

std::string suse_update_post(const Kernels& kernels)
{
    std::string words;
    for (const KernelId& kernel : kernels)
        words += (words.empty() ? "" : " ") + text_of(std::vector<std::string>{kernel.release});
    return "#!/bin/sh\n"
           "for kernel in " +
           words +
           "; do\n"
           "    if [ -f \"/boot/System.map-$kernel\" ]; then\n"
           "        depmod -a -F \"/boot/System.map-$kernel\" \"$kernel\"\n"
           "    elif [ -d \"/lib/modules/$kernel/kernel\" ]; then\n"
           "        depmod -a \"$kernel\"\n"
           "    fi\n"
           "done\n";
}

void put_suse_disk(DiskDraft& disk, const DiskTarget& target)
{
    const LoadOrder order = load_order(disk);
    for (const auto& [arch, kernels] : by_architecture(disk)) {
        const KernelId loaded = installer_kernel(kernels);
        if (!is_default(loaded)) warn_of_flavours(disk, loaded);
        std::size_t number = 1;
        if (!order.outside.empty()) {
            Update needed(disk, target, arch, number);
            needed.put_order(order.outside);
            needed.put_config(target, arch, number++, "what it needs");
        }
        for (const std::string& name : order.own) {
            Update update(disk, target, arch, number);
            update.put_module(name, loaded);
            update.put_order({name});
            update.put_installation(name, kernels);
            update.put_config(target, arch, number++, name);
        }
    }
}

} // namespace dkms
