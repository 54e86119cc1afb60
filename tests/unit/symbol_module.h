// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <cstdint>
#include <cstring>
#include <map>
#include <string>
#include <vector>

#include <elf.h>

namespace dkms {

/// A module's symbols, each with its CRC; 0: none.
using Symbols = std::map<std::string, std::uint32_t>;

/// The bytes of a module with a symbol table, as much of one as those see who compare its symbols: `info` as for
/// tiny_module, the symbols that it uses and those that it has for others.
inline std::string symbol_module(const std::vector<std::string>& info, const Symbols& imports, const Symbols& exports,
                                 const std::vector<std::string>& weak = {})
{
    const auto bytes = [](const auto& value) {
        return std::string(reinterpret_cast<const char*>(&value), sizeof value);
    };
    std::string modinfo, versions, names(1, '\0'), symbols = bytes(Elf64_Sym{});
    for (const std::string& entry : info) modinfo += entry + '\0';
    const auto add = [&](const std::string& name, unsigned bind, std::uint16_t section, std::uint64_t value) {
        Elf64_Sym symbol{};
        symbol.st_name = static_cast<std::uint32_t>(names.size());
        symbol.st_info = static_cast<unsigned char>(ELF64_ST_INFO(bind, STT_NOTYPE));
        symbol.st_shndx = section;
        symbol.st_value = value;
        names += name + '\0';
        symbols += bytes(symbol);
    };
    for (const auto& [name, crc] : imports) {
        add(name, STB_GLOBAL, SHN_UNDEF, 0);
        if (crc == 0) continue;
        std::string entry = bytes(std::uint64_t{crc}) + name;
        entry.resize(64);
        versions += entry;
    }
    for (const std::string& name : weak) add(name, STB_WEAK, SHN_UNDEF, 0);
    for (const auto& [name, crc] : exports) add("__crc_" + name, STB_GLOBAL, SHN_ABS, crc);

    const std::string section_names("\0.modinfo\0.symtab\0.strtab\0__versions\0.shstrtab\0", 47);
    struct Section {
        std::uint32_t name, type, link;
        const std::string* content;
    };
    const Section sections[] = {{1, SHT_PROGBITS, 0, &modinfo},
                                {10, SHT_SYMTAB, 3, &symbols},
                                {18, SHT_STRTAB, 0, &names},
                                {26, SHT_PROGBITS, 0, &versions},
                                {37, SHT_STRTAB, 0, &section_names}};
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
    header.e_shnum = 6;
    header.e_shstrndx = 5;
    header.e_shoff = sizeof(Elf64_Ehdr);
    std::string table = bytes(Elf64_Shdr{}), content;
    for (const Section& one : sections) {
        Elf64_Shdr section{};
        section.sh_name = one.name;
        section.sh_type = one.type;
        section.sh_link = one.link;
        section.sh_offset = sizeof header + 6 * sizeof section + content.size();
        section.sh_size = one.content->size();
        section.sh_entsize = one.type == SHT_SYMTAB ? sizeof(Elf64_Sym) : 0;
        content += *one.content;
        content.resize((content.size() + 7) / 8 * 8);
        table += bytes(section);
    }
    return bytes(header) + table + content;
}

} // namespace dkms
