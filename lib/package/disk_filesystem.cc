// SPDX-License-Identifier: LGPL-2.1-or-later
#include "lib/package/disk_filesystem.h"

#include "lib/build/private_directory.h"
#include "lib/files/file_kind.h"
#include "lib/files/walk.h"
#include "lib/model/error.h"

#include <algorithm>
#include <map>
#include <set>

#include <fcntl.h>

namespace dkms {
namespace {

namespace fs = std::filesystem;
using Strings = std::vector<std::string>;

// Any other would do: they tell file systems apart, and the same content is to be the same file.
constexpr const char* filesystem_uuid = "646b6d73-6472-4976-8572-646973000001";
constexpr const char* fat_serial = "646b6d73";
constexpr unsigned kib = 1024;

/// Owner and times of everything: mke2fs takes them from the files that it reads.
std::string debugfs_commands(std::size_t entries, std::time_t time)
{
    constexpr std::size_t root = 2;
    constexpr std::size_t first = 12; // behind those that are reserved, and lost+found
    std::string text = "rmdir lost+found\n";
    const auto set = [&](std::size_t inode) {
        const std::string subject = " <" + std::to_string(inode) + "> ";
        for (const char* field : {"uid", "gid"}) text += std::string("sif") + subject + field + " 0\n";
        for (const char* field : {"atime", "ctime", "mtime"})
            text += std::string("sif") + subject + field + " @" + std::to_string(time) + "\n";
    };
    set(root);
    for (std::size_t inode = first; inode < first + entries; ++inode) set(inode);
    return text;
}

std::string in_lower_case(std::string text)
{
    for (char& c : text)
        if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
    return text;
}

/// Two names that are one there, or one that cannot be there.
void check_fat_names(const DiskContent& content)
{
    std::set<std::string> seen;
    for (const DiskContent::Entry& entry : content.entries) {
        const std::string name = entry.path.filename().string();
        std::string fault;
        if (name.find_first_of("\"*:<>?\\|") != std::string::npos || name.ends_with('.') || name.ends_with(' '))
            fault = "a FAT file system cannot have a file called " + entry.path.string();
        else if (!seen.insert(in_lower_case(entry.path.string())).second)
            fault = "a FAT file system cannot tell " + entry.path.string() + " from another that differs in case only";
        if (!fault.empty())
            throw Error(ErrorCode::packaging_failed,
                        {{"product", "The disk"}, {"program", "mcopy"}, {"reason", fault}});
    }
}

/// A link that stays in there and leads to a file becomes that; others are left out.
bool is_for_fat(const DiskContent& content, const DiskContent::Entry& entry)
{
    if (entry.type == fs::file_type::regular) return true;
    if (entry.type != fs::file_type::symlink) return false;
    if (!leads_to_file(content.root / entry.path)) return false;
    const fs::path target = real_path(content.root / entry.path).value_or("").lexically_relative(content.root);
    return !target.empty() && *target.begin() != "..";
}

} // namespace

DiskContent disk_content(const PayloadTree& tree)
{
    DiskContent content{tree.root(), {}};
    walk(tree.root(), [&](const Found& found) {
        const fs::file_type type = S_ISREG(found.facts.st_mode)   ? fs::file_type::regular
                                   : S_ISDIR(found.facts.st_mode) ? fs::file_type::directory
                                   : S_ISLNK(found.facts.st_mode) ? fs::file_type::symlink
                                                                  : fs::file_type::unknown;
        const auto size = static_cast<std::uintmax_t>(found.facts.st_size);
        content.entries.push_back({found.path, type, type == fs::file_type::regular ? size : 0});
    });
    std::sort(content.entries.begin(), content.entries.end(),
              [](const auto& a, const auto& b) { return a.path < b.path; });
    return content;
}

unsigned DiskContent::estimated_size(bool ext2) const
{
    const std::uint64_t block = ext2 ? kib : 4 * kib;
    std::uint64_t bytes = 64 * std::uint64_t{kib};
    for (const Entry& entry : entries) {
        bytes += (entry.size + block - 1) / block * block + entry.size / 128; // and the list of its blocks
        bytes += entry.type == fs::file_type::directory ? block : 0;
        bytes += ext2 ? 256 + 64 : 32 * (2 + entry.path.filename().string().size() / 13); // inode, name
    }
    bytes += bytes / 32;
    return static_cast<unsigned>((bytes + kib - 1) / kib);
}

unsigned DiskContent::least_size() const
{
    constexpr unsigned smallest_filesystem = 64; // mke2fs and mkfs.vfat make none that is smaller
    std::uint64_t bytes = 0;
    for (const Entry& entry : entries) bytes += entry.size;
    return std::max(static_cast<unsigned>(bytes / kib), smallest_filesystem);
}

void write_ext2(DraftDirectory& draft, const DiskContent& content, const Filesystem& system, const std::string& name)
{
    const Strings clock{"E2FSPROGS_FAKE_TIME=" + std::to_string(system.time), "MKE2FS_CONFIG=/dev/null"};
    const std::string uuid = filesystem_uuid;
    Strings argv{"mke2fs",
                 "-q",
                 "-F",
                 "-t",
                 "ext2",
                 "-b",
                 "1024",
                 "-I",
                 "256",
                 "-m",
                 "0",
                 "-N",
                 std::to_string(content.entries.size() + 16),
                 "-O",
                 "none,filetype,sparse_super",
                 "-U",
                 uuid,
                 "-E",
                 "hash_seed=" + uuid + ",root_owner=0:0",
                 "-d",
                 content.root.string()};
    if (!system.label.empty()) argv.insert(argv.end(), {"-L", system.label});
    argv.insert(argv.end(), {name, std::to_string(system.size)});
    draft.run({std::move(argv), "e2fsprogs", clock});

    const fs::path commands = draft.input() / "debugfs.commands";
    write_file_durably(commands, debugfs_commands(content.entries.size(), system.time));
    draft.run({{"debugfs", "-w", "-f", commands.string(), name}, "e2fsprogs", clock});
}

void write_fat(DraftDirectory& draft, const DiskContent& content, const Filesystem& system, const std::string& name)
{
    check_fat_names(content);
    const Strings settings{"SOURCE_DATE_EPOCH=" + std::to_string(system.time), "TZ=UTC", "MTOOLS_SKIP_CHECK=1",
                           "MTOOLSRC=/dev/null"};
    Strings make{"mkfs.vfat", "--invariant", "-i", fat_serial};
    if (!system.label.empty()) make.insert(make.end(), {"-n", system.label});
    make.insert(make.end(), {"-C", name, std::to_string(system.size)});
    draft.run({std::move(make), "dosfstools", settings});

    std::map<std::string, Strings> files; // by their directory
    Strings directories{"mmd", "-i", name};
    for (const DiskContent::Entry& entry : content.entries)
        if (entry.type == fs::file_type::directory)
            directories.push_back("::/" + entry.path.string());
        else if (is_for_fat(content, entry))
            files[entry.path.parent_path().string()].push_back((content.root / entry.path).string());
    if (directories.size() > 3) draft.run({std::move(directories), "mtools", settings});
    for (auto& [directory, paths] : files) {
        Strings copy{"mcopy", "-m", "-i", name};
        copy.insert(copy.end(), paths.begin(), paths.end());
        copy.push_back("::/" + directory);
        draft.run({std::move(copy), "mtools", settings});
    }
}

} // namespace dkms
