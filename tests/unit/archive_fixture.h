// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include "tests/unit/tree_fixture.h"

#include <cstdint>
#include <string>
#include <vector>

#include <archive.h>
#include <archive_entry.h>
#include <fcntl.h>

namespace dkms {

/// An entry of an archive, good or bad.
struct Packed {
    std::string path;
    std::string content = {}; ///< of a file; the target of a link
    unsigned kind = AE_IFREG; ///< 0: a hard link
    unsigned mode = 0644;
    std::int64_t size = -1; ///< -1: that of the content; else as many bytes, the rest zeros
};

inline Packed directory_entry(const std::string& path) { return {path, {}, AE_IFDIR, 0755}; }
inline Packed link_entry(const std::string& path, const std::string& target) { return {path, target, AE_IFLNK, 0777}; }
inline Packed hard_link_entry(const std::string& path, const std::string& target) { return {path, target, 0}; }

inline void put_entry(archive* writer, const Packed& packed)
{
    archive_entry* entry = archive_entry_new();
    const auto size = packed.size < 0 ? static_cast<std::int64_t>(packed.content.size()) : packed.size;
    archive_entry_set_pathname(entry, packed.path.c_str());
    archive_entry_set_filetype(entry, packed.kind == 0 ? AE_IFREG : packed.kind);
    archive_entry_set_perm(entry, packed.mode);
    archive_entry_set_mtime(entry, 1'000'000'000, 0);
    archive_entry_set_size(entry, packed.kind == AE_IFREG ? size : 0);
    if (packed.kind == AE_IFLNK) archive_entry_set_symlink(entry, packed.content.c_str());
    if (packed.kind == 0) archive_entry_set_hardlink(entry, packed.content.c_str());
    archive_write_header(writer, entry);
    if (packed.kind == AE_IFREG) {
        archive_write_data(writer, packed.content.data(), packed.content.size());
        const std::string zeros(1 << 20, '\0');
        for (auto left = size - static_cast<std::int64_t>(packed.content.size()); left > 0;)
            left -= archive_write_data(writer, zeros.data(),
                                       std::min<std::size_t>(zeros.size(), static_cast<std::size_t>(left)));
    }
    archive_entry_free(entry);
}

/// Writes a tar archive. `filter` is one of libarchive's archive_write_add_filter_* functions.
inline std::filesystem::path put_archive(const std::filesystem::path& path, const std::vector<Packed>& entries,
                                         int (*filter)(archive*) = archive_write_add_filter_none)
{
    std::filesystem::create_directories(path.parent_path());
    archive* writer = archive_write_new();
    archive_write_set_format_gnutar(writer);
    filter(writer);
    archive_write_open_filename(writer, path.c_str());
    for (const Packed& entry : entries) put_entry(writer, entry);
    archive_write_close(writer);
    archive_write_free(writer);
    return path;
}

inline std::string conf_text(const ModuleId& module, const std::string& more = {})
{
    return "PACKAGE_NAME=\"" + module.name + "\"\nPACKAGE_VERSION=\"" + module.version +
           "\"\nBUILT_MODULE_NAME=foo\nDEST_MODULE_LOCATION=/extra\n" + more;
}

/// What `dkms mktarball` of 3.x writes for a module and these kernels ("K/A").
inline std::vector<Packed> dkms_entries(const ModuleId& module, const std::vector<std::string>& kernels = {})
{
    std::vector<Packed> entries{directory_entry("./"), directory_entry("./dkms_main_tree/")};
    for (const std::string& kernel : kernels) {
        entries.push_back({"./dkms_main_tree/" + kernel + "/log/make.log", "log"});
        entries.push_back({"./dkms_main_tree/" + kernel + "/module/foo.ko", "built for " + kernel});
    }
    entries.push_back(directory_entry("./dkms_source_tree/"));
    entries.push_back({"./dkms_source_tree/Makefile", "all:\n"});
    entries.push_back({"./dkms_source_tree/dkms.conf", conf_text(module)});
    return entries;
}

} // namespace dkms
