// SPDX-License-Identifier: LGPL-2.1-or-later
#include "lib/package/redhat_loader_disk.h"

#include "lib/files/inside.h"
#include "lib/kernel/module_image.h"
#include "lib/package/archive_writer.h"
#include "lib/package/crc_cpio.h"
#include "lib/process/refusal.h"

#include <algorithm>
#include <array>
#include <cerrno>
#include <map>
#include <set>

#include <sys/stat.h>

namespace dkms {
namespace {

namespace fs = std::filesystem;

constexpr std::array files_of_source{"modinfo", "disk-info", "modules.dep", "pcitable", "modules.pcimap", "pci.ids"};

/// What the installer asks for by: network cards, disks, or anything else.
std::string kind_of(const PackedModule& module, const Conf& conf)
{
    const auto record = std::find_if(conf.modules.begin(), conf.modules.end(),
                                     [&](const ConfModule& one) { return one.dest_name == module.name; });
    const std::string place = record == conf.modules.end() ? "" : record->dest_location;
    constexpr std::array<std::pair<std::string_view, std::string_view>, 5> places{{{"/drivers/net", "eth"},
                                                                                   {"/drivers/scsi", "scsi"},
                                                                                   {"/drivers/message", "scsi"},
                                                                                   {"/drivers/ide", "ide"},
                                                                                   {"/fs", "fs"}}};
    for (const auto& [below, kind] : places)
        if (place.find(below) != std::string::npos) return std::string(kind);
    return "other";
}

/// A text in double quotes, of which the installer takes no others.
std::string quoted(std::string text)
{
    std::replace(text.begin(), text.end(), '"', '\'');
    std::replace(text.begin(), text.end(), '\n', ' ');
    return "\"" + text + "\"";
}

std::string described(const PackedModule& module)
{
    return quoted(module.facts.description.empty() ? module.name : module.facts.description);
}

/// Four hexadecimal digits of "v00008086" or "d*" at the beginning of `text`; nothing for what is not one device.
std::string id_in(std::string_view text, char mark)
{
    if (text.size() < 9 || text.front() != mark || text.substr(1, 4) != "0000") return {};
    std::string digits(text.substr(5, 4));
    if (digits.find_first_not_of("0123456789abcdefABCDEF") != std::string::npos) return {};
    std::transform(digits.begin(), digits.end(), digits.begin(),
                   [](char c) { return c >= 'A' && c <= 'F' ? static_cast<char>(c - 'A' + 'a') : c; });
    return digits;
}

/// Of all builds: each module once, as its first build has it.
std::vector<PackedModule> modules_of_disk(const DiskDraft& disk)
{
    std::vector<PackedModule> modules;
    std::set<std::string> seen;
    for (const auto& [kernel, built] : disk.modules)
        for (const PackedModule& module : built)
            if (seen.insert(module.name).second) modules.push_back(module);
    return in_load_order(std::move(modules), disk.content.conf());
}

std::string modules_archive(const DiskDraft& disk, int version)
{
    CrcCpio archive(disk.content.time());
    for (const auto& [kernel, modules] : disk.modules)
        for (const PackedModule& module : modules) {
            const Descriptor file = disk.content.open_module(kernel, module);
            const ModuleImage plain = ModuleImage::of(file.number(), module.file);
            archive.file(kernel.release + "/" + (version == 2 ? kernel.arch + "/" : "") + module.name + ".ko",
                         plain.content());
        }
    return archive.finish();
}

/// Names of the files that the source brings.
std::set<std::string> put_files_of_source(DiskDraft& disk)
{
    std::set<std::string> found;
    if (!disk.content.source()) return found;
    const fs::path directory = "redhat_driver_disk";
    for (const char* name : files_of_source) {
        const Descriptor file = open_below(disk.content.source().number(), directory / name, Links::refused);
        struct stat facts {};
        if (!file && !means_absent(errno) && errno != ELOOP && errno != ENXIO) refuse_read(directory / name, errno);
        if (!file || ::fstat(file.number(), &facts) < 0 || !S_ISREG(facts.st_mode)) continue;
        disk.tree.file(name, file);
        found.insert(name);
    }
    return found;
}

} // namespace

std::string loader_modinfo(const std::vector<PackedModule>& modules, const Conf& conf)
{
    std::string text = "Version 0\n";
    for (const PackedModule& module : modules)
        text += module.name + "\n\t" + kind_of(module, conf) + "\n\t" + described(module) + "\n";
    return text;
}

std::string loader_modules_dep(const std::vector<PackedModule>& modules)
{
    std::string text;
    for (const PackedModule& module : modules) {
        if (module.facts.depends.empty()) continue;
        text += module.name + ":";
        for (const std::string& name : module.facts.depends) text += " " + name;
        text += "\n";
    }
    return text;
}

std::string loader_pcitable(const std::vector<PackedModule>& modules)
{
    std::set<std::string> lines;
    for (const PackedModule& module : modules)
        for (const std::string& alias : module.facts.aliases) {
            if (!alias.starts_with("pci:")) continue;
            const std::string vendor = id_in(std::string_view(alias).substr(4), 'v');
            const std::string device = vendor.empty() ? "" : id_in(std::string_view(alias).substr(13), 'd');
            if (!device.empty())
                lines.insert("0x" + vendor + "\t0x" + device + "\t\"" + module.name + "\"\t" + described(module) +
                             "\n");
        }
    std::string text;
    for (const std::string& line : lines) text += line;
    return text;
}

std::string loader_modules_alias(const std::vector<PackedModule>& modules)
{
    std::string text;
    for (const PackedModule& module : modules)
        for (const std::string& alias : module.facts.aliases) text += "alias " + alias + " " + module.name + "\n";
    return text;
}

void put_redhat_loader_disk(DiskDraft& disk, int version)
{
    const ModuleId& module = disk.content.module();
    const std::vector<PackedModule> modules = modules_of_disk(disk);
    disk.tree.text(version == 2 ? "rhdd" : "rhdd-6.1", module.name + "-" + module.version + " driver disk\n");
    disk.tree.filled("modules.cgz",
                     [&](int file) { write_compressed(file, "modules.gz", modules_archive(disk, version)); });
    disk.tree.text("modules.alias", loader_modules_alias(modules));
    const std::set<std::string> found = put_files_of_source(disk);
    const std::map<std::string, std::string> made{{"modinfo", loader_modinfo(modules, disk.content.conf())},
                                                  {"modules.dep", loader_modules_dep(modules)},
                                                  {"pcitable", loader_pcitable(modules)}};
    for (const auto& [name, text] : made)
        if (found.count(name) == 0) disk.tree.text(name, text);
}

} // namespace dkms
