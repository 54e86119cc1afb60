// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include "lib/kernel/compression.h"
#include "lib/process/descriptor.h"

#include <cstdint>
#include <filesystem>
#include <map>
#include <optional>
#include <string>
#include <vector>

namespace dkms {

/// What a kernel module file says about itself. It is foreign: nothing in it has been checked.
struct ModuleFacts {
    std::string vermagic; ///< "6.1.0-1-amd64 SMP preempt mod_unload modversions "; of Linux 2.4 its kernel_version
    std::string version;
    std::string description;
    std::string srcversion;
    std::vector<std::string> depends;
    std::vector<std::string> aliases;
    int elf_machine = 0;                         ///< e_machine of elf(5)
    int elf_class = 0;                           ///< ELFCLASS32 or ELFCLASS64
    Compression compression = Compression::none; ///< of the file, by its content
    bool is_signed = false;                      ///< ends with the kernel's "~Module signature appended~" marker
    std::map<std::string, std::uint64_t>
        symbol_versions;                          ///< CRC of every symbol it uses; empty without CONFIG_MODVERSIONS
    std::map<std::string, std::uint64_t> exports; ///< CRC of every symbol it has for others; 0 without one
    std::vector<std::string> imports;             ///< every symbol that it cannot be loaded without, but its own
};

/// Reads a module, compressed or not, in a process without privileges. Throws Error VerifyFailed (parameters file,
/// reason): as open_module; not a module of any kernel.
ModuleFacts read_module(const std::filesystem::path& file);

/// The same; nothing for what is no module. Throws Error ReadFailed, SystemFailed: it cannot be told.
std::optional<ModuleFacts> facts_if_module(const std::filesystem::path& file);

/// The same for a module that open_module has opened; `name` is what an error calls it.
ModuleFacts read_module(const Descriptor& file, const std::filesystem::path& name);

/// The e_machine values of elf(5) that modules for `arch` (uname -m) may have; empty for an unknown architecture.
std::vector<int> elf_machines_of(const std::string& arch);

/// ELFCLASS32 or ELFCLASS64 for `arch` (uname -m); 0 for an unknown architecture.
int elf_class_of(const std::string& arch);

} // namespace dkms
