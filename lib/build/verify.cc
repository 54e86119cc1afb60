// SPDX-License-Identifier: LGPL-2.1-or-later
#include "lib/build/verify.h"

#include "lib/kernel/vermagic.h"
#include "lib/model/error.h"
#include "lib/process/descriptor.h"

#include <algorithm>

namespace dkms {
namespace {

constexpr std::size_t longest_symvers = std::size_t{64} * 1024 * 1024;

bool is_set(const KernelConfig& config, const char* option)
{
    const auto found = config.find(option);
    return found != config.end() && found->second == "y";
}

/// Headers without it are as good as none: make has warned, and the kernel itself compares when it loads the module.
std::string symvers_text(const KernelHeaders& headers)
{
    if (headers.source_dir.empty()) return {};
    return read_file_if_present(headers.source_dir / "Module.symvers", longest_symvers).value_or("");
}

/// Whether a module must have __versions, the table that libkmod reads.
bool wants_versions(const KernelConfig& config)
{
    const bool has_another_table =
        is_set(config, "CONFIG_EXTENDED_MODVERSIONS") && !is_set(config, "CONFIG_BASIC_MODVERSIONS");
    return is_set(config, "CONFIG_MODVERSIONS") && !has_another_table;
}

std::optional<std::string> machine_fault(const ModuleFacts& facts, const std::string& arch)
{
    const auto machines = elf_machines_of(arch);
    if (machines.empty()) return std::nullopt;
    if (std::find(machines.begin(), machines.end(), facts.elf_machine) == machines.end())
        return "it is not for " + arch + " (ELF machine " + std::to_string(facts.elf_machine) + ")";
    if (facts.elf_class != elf_class_of(arch))
        return "it is not for " + arch + " (ELF class " + std::to_string(facts.elf_class) + ")";
    return std::nullopt;
}

} // namespace

Verifier::Verifier(const KernelId& kernel, const KernelHeaders& headers, std::optional<std::string> flags)
    : kernel_(kernel), config_(headers.config), flags_(std::move(flags)), symvers_(symvers_text(headers))
{
}

std::optional<std::string> Verifier::vermagic_fault(const ModuleFacts& facts) const
{
    const std::string release = release_of_vermagic(facts.vermagic);
    if (release != kernel_.release) return "it was built for kernel " + release;
    if (compare_versions(release, "2.6") < 0) return std::nullopt; // those have no flags in a form that is still read
    const std::string flags = flags_of_vermagic(facts.vermagic);
    if (flags_ && *flags_ != flags) return "its vermagic is '" + flags + "', and the kernel's is '" + *flags_ + "'";
    // One without CONFIG_MODULES is not the whole configuration of a kernel that has modules.
    if (flags_ || !is_set(config_, "CONFIG_MODULES")) return std::nullopt;
    return flags_fault(flags, config_);
}

std::optional<std::string> Verifier::version_fault(const ModuleFacts& facts) const
{
    if (!is_set(config_, "CONFIG_MODVERSIONS")) return std::nullopt;
    if (facts.symbol_versions.empty() && wants_versions(config_)) return "it has no versions of the symbols it uses";
    for (const auto& [symbol, crc] : facts.symbol_versions) {
        const auto exported = symvers_.find(symbol);
        if (exported && exported->of_kernel && exported->crc != 0 && exported->crc != crc)
            return "it wants another version of the kernel's symbol " + symbol;
    }
    return std::nullopt;
}

std::vector<Objection> Verifier::objections(const ModuleFacts& facts) const
{
    std::vector<Objection> found;
    if (auto fault = machine_fault(facts, kernel_.arch)) found.push_back({std::move(*fault), false});
    if (auto fault = vermagic_fault(facts)) found.push_back({std::move(*fault)});
    if (auto fault = version_fault(facts)) found.push_back({std::move(*fault)});
    return found;
}

void Verifier::check(const ModuleFacts& facts, const std::string& name) const
{
    const std::vector<Objection> found = objections(facts);
    if (found.empty()) return;
    throw Error(ErrorCode::verify_failed,
                {{"file", name}, {"kernel", kernel_.release}, {"reason", found.front().reason}});
}

} // namespace dkms
