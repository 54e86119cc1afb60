// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <cstring>
#include <string>
#include <utility>
#include <vector>

#include <elf.h>

namespace dkms {

/// The smallest file that is a kernel module: an ELF object with a .modinfo section. `info`: its entries, beside
/// vermagic.
inline std::string module_bytes(const std::vector<std::pair<std::string, std::string>>& info)
{
    std::string modinfo = std::string("vermagic=6.1.0-1-test SMP mod_unload ") + '\0';
    for (const auto& [key, value] : info) modinfo += key + "=" + value + '\0';
    const std::string names = std::string("\0.modinfo\0.shstrtab\0", 20);

    Elf64_Ehdr header{};
    std::memcpy(header.e_ident, ELFMAG, SELFMAG);
    header.e_ident[EI_CLASS] = ELFCLASS64;
    header.e_ident[EI_DATA] = ELFDATA2LSB;
    header.e_ident[EI_VERSION] = EV_CURRENT;
    header.e_type = ET_REL;
    header.e_machine = EM_X86_64;
    header.e_version = EV_CURRENT;
    header.e_ehsize = sizeof(Elf64_Ehdr);
    header.e_shentsize = sizeof(Elf64_Shdr);
    header.e_shnum = 3;
    header.e_shstrndx = 2;
    header.e_shoff = sizeof header;

    Elf64_Shdr sections[3]{};
    sections[1].sh_name = 1;
    sections[1].sh_type = SHT_PROGBITS;
    sections[1].sh_flags = SHF_ALLOC;
    sections[1].sh_offset = sizeof header + sizeof sections;
    sections[1].sh_size = modinfo.size();
    sections[2].sh_name = 10;
    sections[2].sh_type = SHT_STRTAB;
    sections[2].sh_offset = sections[1].sh_offset + modinfo.size();
    sections[2].sh_size = names.size();

    std::string bytes(reinterpret_cast<const char*>(&header), sizeof header);
    bytes.append(reinterpret_cast<const char*>(sections), sizeof sections);
    return bytes + modinfo + names;
}

} // namespace dkms
