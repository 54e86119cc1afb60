// SPDX-License-Identifier: LGPL-2.1-or-later
#include "lib/kernel/module_file.h"

#include "lib/kernel/module_image.h"
#include "lib/model/error.h"
#include "lib/process/open_path.h"
#include "lib/process/refusal.h"
#include "lib/process/unprivileged.h"

#include <nlohmann/json.hpp>

#include <algorithm>
#include <array>
#include <cerrno>
#include <map>
#include <memory>
#include <string_view>

#include <elf.h>
#include <libkmod.h>
#include <unistd.h>

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
    else if (key == "kernel_version" && facts.vermagic.empty()) // Linux 2.4
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

/// Symbols that some architectures leave undefined and that no kernel has to have: see modpost.
bool is_no_import(std::string_view symbol)
{
    constexpr std::array whole{"_GLOBAL_OFFSET_TABLE_", ".TOC.", "TOC.", "__this_module"};
    constexpr std::array beginnings{"_restgpr", "_savegpr", "_rest32gpr_",         "_save32gpr_",
                                    "_restvr_", "_savevr_", "__s390_indirect_jump"};
    return symbol.empty() || std::find(whole.begin(), whole.end(), symbol) != whole.end() ||
           std::any_of(beginnings.begin(), beginnings.end(), [&](auto* one) { return symbol.starts_with(one); });
}

void read_imports(kmod_module* module, ModuleFacts& facts)
{
    List symbols(::kmod_module_dependency_symbols_free_list);
    if (::kmod_module_get_dependency_symbols(module, &symbols.first) < 0) return;
    for (kmod_list* one = symbols.first; one != nullptr; one = ::kmod_list_next(symbols.first, one)) {
        const char* symbol = ::kmod_module_dependency_symbol_get_symbol(one);
        const bool weak = ::kmod_module_dependency_symbol_get_bind(one) == KMOD_SYMBOL_WEAK;
        if (!weak && !is_no_import(symbol)) facts.imports.emplace_back(symbol);
    }
}

std::string bytes_at(int descriptor, off_t offset)
{
    std::array<char, 64> bytes;
    const ssize_t got = ::pread(descriptor, bytes.data(), bytes.size(), offset);
    return got < 0 ? std::string() : std::string(bytes.data(), static_cast<std::size_t>(got));
}

void read_header(int image, ModuleFacts& facts)
{
    constexpr std::size_t at = 18; // e_machine, the same place in 32 and 64 bit headers
    const std::string head = bytes_at(image, 0);
    if (head.size() < at + 2 || !head.starts_with(ELFMAG)) return;
    const auto byte = [&](std::size_t index) { return static_cast<int>(static_cast<unsigned char>(head[index])); };
    const bool little = head[EI_DATA] == ELFDATA2LSB;
    facts.elf_machine = little ? byte(at) + (byte(at + 1) << 8) : (byte(at) << 8) + byte(at + 1);
    facts.elf_class = byte(EI_CLASS);
    const off_t size = ::lseek(image, 0, SEEK_END);
    const std::string tail = bytes_at(image, std::max<off_t>(0, size - 64));
    facts.is_signed = tail.ends_with("~Module signature appended~\n");
}

ModuleFacts facts_of(int image, const std::filesystem::path& path, const std::filesystem::path& name)
{
    ModuleFacts facts;
    read_header(image, facts);
    if (facts.elf_machine == 0) refuse(name, "it is not an object file");
    const char* no_configuration = nullptr;
    const Context context(::kmod_new("/", &no_configuration));
    kmod_module* opened = nullptr;
    if (!context || ::kmod_module_new_from_path(context.get(), path.c_str(), &opened) < 0)
        refuse(name, "it cannot be read");
    const Module module(opened);
    if (!read_info(module.get(), facts) || facts.vermagic.empty()) refuse(name, "it is not a kernel module");
    read_symbol_versions(module.get(), facts);
    read_exports(module.get(), facts);
    read_imports(module.get(), facts);
    return facts;
}

/// As the child sends them.
std::string packed(const ModuleFacts& facts)
{
    const nlohmann::json value{facts.vermagic,  facts.version,         facts.description, facts.srcversion,
                               facts.depends,   facts.aliases,         facts.elf_machine, facts.elf_class,
                               facts.is_signed, facts.symbol_versions, facts.exports,     facts.imports};
    const std::vector<std::uint8_t> bytes = nlohmann::json::to_cbor(value);
    return {bytes.begin(), bytes.end()};
}

ModuleFacts unpacked(const std::string& bytes)
{
    const auto value = nlohmann::json::from_cbor(bytes);
    ModuleFacts facts;
    value.at(0).get_to(facts.vermagic);
    value.at(1).get_to(facts.version);
    value.at(2).get_to(facts.description);
    value.at(3).get_to(facts.srcversion);
    value.at(4).get_to(facts.depends);
    value.at(5).get_to(facts.aliases);
    value.at(6).get_to(facts.elf_machine);
    value.at(7).get_to(facts.elf_class);
    value.at(8).get_to(facts.is_signed);
    value.at(9).get_to(facts.symbol_versions);
    value.at(10).get_to(facts.exports);
    value.at(11).get_to(facts.imports);
    return facts;
}

} // namespace

ModuleFacts read_module(const std::filesystem::path& file) { return read_module(open_module(file), file); }

ModuleFacts read_module(const Descriptor& file, const std::filesystem::path& name)
{
    const NamedFile image;
    try {
        ModuleFacts facts = unpacked(run_unprivileged({file.number(), image.number()}, [&] {
            unpack_module(file.number(), image.number(), name);
            return packed(facts_of(image.number(), image.path(), name));
        }));
        facts.compression = compression_of_content(bytes_at(file.number(), 0));
        return facts;
    } catch (const nlohmann::json::exception&) {
        refuse(name, "it is not a kernel module");
    } catch (const Error& error) {
        if (error.code() != ErrorCode::internal) throw;
        refuse(name, "it cannot be read: " + error.parameter("reason")); // the reader died of it
    }
}

std::optional<ModuleFacts> facts_if_module(const std::filesystem::path& file)
{
    try {
        return read_module(file);
    } catch (const Error& error) {
        if (is_of_system(error)) throw;
        return std::nullopt;
    }
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

int elf_class_of(const std::string& arch)
{
    constexpr std::array wide{"x86_64",  "amd64", "ia32e",   "aarch64", "arm64",       "ppc64le",  "ppc64", "s390x",
                              "riscv64", "ia64",  "sparc64", "mips64",  "loongarch64", "parisc64", "alpha"};
    if (elf_machines_of(arch).empty()) return ELFCLASSNONE;
    return std::find(wide.begin(), wide.end(), arch) == wide.end() ? ELFCLASS32 : ELFCLASS64;
}

} // namespace dkms
