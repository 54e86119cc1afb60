// SPDX-License-Identifier: LGPL-2.1-or-later
#include "lib/kernel/module_file.h"

#include "lib/kernel/module_image.h"
#include "lib/model/error.h"

#include <array>
#include <map>
#include <memory>
#include <string_view>

#include <elf.h>
#include <libkmod.h>

namespace dkms {
namespace {

[[noreturn]] void refuse(const std::filesystem::path& file, const std::string& reason)
{
    throw Error(ErrorCode::verify_failed, {{"file", file.string()}, {"reason", reason}});
}

struct Release {
    void operator()(kmod_ctx* context) const { ::kmod_unref(context); }
    void operator()(kmod_module* module) const { ::kmod_module_unref(module); }
};
using Context = std::unique_ptr<kmod_ctx, Release>;
using Module = std::unique_ptr<kmod_module, Release>;

/// A list that libkmod gave, freed by the function that belongs to it.
class List {
public:
    explicit List(void (*release)(kmod_list*)) : release_(release) {}
    List(const List&) = delete;
    List& operator=(const List&) = delete;
    ~List() { release_(first); }

    kmod_list* first = nullptr;

private:
    void (*release_)(kmod_list*);
};

std::vector<std::string> split(std::string_view text, char separator)
{
    std::vector<std::string> parts;
    while (!text.empty()) {
        const auto end = text.find(separator);
        if (end != 0) parts.emplace_back(text.substr(0, end));
        text.remove_prefix(end == std::string_view::npos ? text.size() : end + 1);
    }
    return parts;
}

void take(ModuleFacts& facts, std::string_view key, const std::string& value)
{
    if (key == "vermagic")
        facts.vermagic = value;
    else if (key == "version")
        facts.version = value;
    else if (key == "description")
        facts.description = value;
    else if (key == "srcversion")
        facts.srcversion = value;
    else if (key == "depends")
        facts.depends = split(value, ',');
    else if (key == "alias")
        facts.aliases.push_back(value);
}

bool read_info(kmod_module* module, ModuleFacts& facts)
{
    List infos(::kmod_module_info_free_list);
    if (::kmod_module_get_info(module, &infos.first) < 0) return false;
    for (kmod_list* one = infos.first; one != nullptr; one = ::kmod_list_next(infos.first, one))
        take(facts, ::kmod_module_info_get_key(one), ::kmod_module_info_get_value(one));
    return true;
}

void read_symbol_versions(kmod_module* module, ModuleFacts& facts)
{
    List versions(::kmod_module_versions_free_list);
    if (::kmod_module_get_versions(module, &versions.first) < 0) return;
    for (kmod_list* one = versions.first; one != nullptr; one = ::kmod_list_next(versions.first, one))
        facts.symbol_versions.emplace(::kmod_module_version_get_symbol(one), ::kmod_module_version_get_crc(one));
}

void read_exports(kmod_module* module, ModuleFacts& facts)
{
    List symbols(::kmod_module_symbols_free_list);
    if (::kmod_module_get_symbols(module, &symbols.first) < 0) return;
    for (kmod_list* one = symbols.first; one != nullptr; one = ::kmod_list_next(symbols.first, one))
        facts.exports.emplace(::kmod_module_symbol_get_symbol(one), ::kmod_module_symbol_get_crc(one));
}

int elf_machine_of(std::string_view head)
{
    constexpr std::size_t at = 18; // e_machine, the same place in 32 and 64 bit headers
    if (head.size() < at + 2 || head.substr(0, SELFMAG) != ELFMAG) return 0;
    const auto byte = [&](std::size_t index) { return static_cast<int>(static_cast<unsigned char>(head[index])); };
    const bool little = head[EI_DATA] == ELFDATA2LSB;
    return little ? byte(at) + (byte(at + 1) << 8) : (byte(at) << 8) + byte(at + 1);
}

} // namespace

ModuleFacts read_module(const std::filesystem::path& file)
{
    const ModuleImage image = ModuleImage::open(file);
    ModuleFacts facts;
    facts.elf_machine = elf_machine_of(image.head());
    if (facts.elf_machine == 0) refuse(file, "it is not an object file");
    facts.is_signed = image.tail().ends_with("~Module signature appended~\n");

    const char* no_configuration = nullptr;
    const Context context(::kmod_new("/", &no_configuration));
    kmod_module* opened = nullptr;
    if (!context || ::kmod_module_new_from_path(context.get(), image.path().c_str(), &opened) < 0)
        refuse(file, "it cannot be read");
    const Module module(opened);
    if (!read_info(module.get(), facts) || facts.vermagic.empty()) refuse(file, "it is not a kernel module");
    read_symbol_versions(module.get(), facts);
    read_exports(module.get(), facts);
    return facts;
}

std::vector<int> elf_machines_of(const std::string& arch)
{
    static const std::map<std::string, std::vector<int>> machines{
        {"x86_64", {EM_X86_64}},   {"amd64", {EM_X86_64}}, {"ia32e", {EM_X86_64}},    {"i386", {EM_386}},
        {"i486", {EM_386}},        {"i586", {EM_386}},     {"i686", {EM_386}},        {"aarch64", {EM_AARCH64}},
        {"arm64", {EM_AARCH64}},   {"armv6l", {EM_ARM}},   {"armv7l", {EM_ARM}},      {"arm", {EM_ARM}},
        {"ppc64le", {EM_PPC64}},   {"ppc64", {EM_PPC64}},  {"ppc", {EM_PPC}},         {"s390x", {EM_S390}},
        {"riscv64", {EM_RISCV}},   {"ia64", {EM_IA_64}},   {"mips", {EM_MIPS}},       {"mips64", {EM_MIPS}},
        {"sparc64", {EM_SPARCV9}}, {"loongarch64", {258}}, {"parisc64", {EM_PARISC}}, {"alpha", {EM_ALPHA}},
    };
    const auto found = machines.find(arch);
    return found == machines.end() ? std::vector<int>() : found->second;
}

} // namespace dkms
