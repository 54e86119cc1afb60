// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <cstdint>
#include <cstring>
#include <string>
#include <vector>

#include <elf.h>

namespace dkms {

/// The bytes of an object file with a .modinfo section and nothing else: as much of a kernel module as those see who
/// only read what it says about itself. `info` holds its "key=value" entries.
inline std::string tiny_module(const std::vector<std::string>& info, std::uint16_t machine = EM_X86_64)
{
    const std::string names("\0.modinfo\0.shstrtab\0", 20);
    std::string modinfo;
    for (const std::string& entry : info) modinfo += entry + '\0';

    Elf64_Ehdr header{};
    std::memcpy(header.e_ident, ELFMAG, SELFMAG);
    header.e_ident[EI_CLASS] = ELFCLASS64;
    header.e_ident[EI_DATA] = ELFDATA2LSB;
    header.e_ident[EI_VERSION] = EV_CURRENT;
    header.e_type = ET_REL;
    header.e_machine = machine;
    header.e_version = EV_CURRENT;
    header.e_ehsize = sizeof(Elf64_Ehdr);
    header.e_shentsize = sizeof(Elf64_Shdr);
    header.e_shnum = 3;
    header.e_shstrndx = 2;
    header.e_shoff = sizeof(Elf64_Ehdr);

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

    const auto bytes = [](const auto& value) {
        return std::string(reinterpret_cast<const char*>(&value), sizeof value);
    };
    return bytes(header) + bytes(sections) + modinfo + names;
}

} // namespace dkms
