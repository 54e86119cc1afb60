// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <string>
#include <vector>

namespace dkms {

/// What a kernel module file says about itself. Compressed files (.gz, .xz, .zst) are read through libarchive.
struct ModuleFacts {
    std::string vermagic; ///< "6.1.0-1-amd64 SMP preempt mod_unload modversions "
    std::string version;
    std::string description;
    std::string srcversion;
    std::vector<std::string> depends;
    std::vector<std::string> aliases;
    int elf_machine = 0;    ///< e_machine of elf(5)
    bool is_signed = false; ///< ends with the kernel's "~Module signature appended~" marker
    std::map<std::string, std::uint64_t>
        symbol_versions;                          ///< CRC of every symbol it uses; empty without CONFIG_MODVERSIONS
    std::map<std::string, std::uint64_t> exports; ///< CRC of every symbol it has for others; 0 without one
};

/// Throws Error VerifyFailed (parameters file, reason) when it is not a module of any kernel.
ModuleFacts read_module(const std::filesystem::path& file);

/// The e_machine values of elf(5) that modules for `arch` (uname -m) may have; empty for an unknown architecture.
std::vector<int> elf_machines_of(const std::string& arch);

} // namespace dkms
