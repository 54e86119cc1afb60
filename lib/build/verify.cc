// SPDX-License-Identifier: LGPL-2.1-or-later
#include "lib/build/verify.h"

#include "lib/model/error.h"
#include "lib/process/descriptor.h"

#include <algorithm>
#include <charconv>

namespace dkms {
namespace {

bool has_modversions(const KernelHeaders& headers)
{
    const auto found = headers.config.find("CONFIG_MODVERSIONS");
    return found != headers.config.end() && found->second == "y";
}

} // namespace

std::map<std::string, std::uint64_t, std::less<>> parse_symvers(std::string_view text)
{
    std::map<std::string, std::uint64_t, std::less<>> symbols;
    while (!text.empty()) {
        const auto end = text.find('\n');
        const std::string_view line = text.substr(0, end);
        text.remove_prefix(end == std::string_view::npos ? text.size() : end + 1);
        const auto first = line.find('\t'); // "0x7d5c7a0d<tab>symbol<tab>vmlinux<tab>EXPORT_SYMBOL<tab>namespace"
        const auto second = line.find('\t', first + 1);
        if (first == std::string_view::npos || second == std::string_view::npos || !line.starts_with("0x")) continue;
        if (line.substr(second + 1, line.find('\t', second + 1) - second - 1) != "vmlinux") continue;
        std::uint64_t crc = 0;
        std::from_chars(line.data() + 2, line.data() + first, crc, 16);
        symbols.emplace_hint(symbols.end(), line.substr(first + 1, second - first - 1), crc);
    }
    return symbols;
}

Verifier::Verifier(const KernelId& kernel, const KernelHeaders& headers) : kernel_(kernel)
{
    if (!has_modversions(headers)) return;
    try {
        symbols_ = parse_symvers(read_file(headers.source_dir / "Module.symvers"));
    } catch (const Error&) {
        // headers without it: make has warned, and the kernel itself compares when it loads the module
    }
}

void Verifier::check(const ModuleFacts& facts, const std::string& name) const
{
    const auto refuse = [&](const std::string& reason) {
        throw Error(ErrorCode::verify_failed, {{"file", name}, {"kernel", kernel_.release}, {"reason", reason}});
    };
    const std::string built_for = facts.vermagic.substr(0, facts.vermagic.find(' '));
    if (built_for != kernel_.release) refuse("it was built for kernel " + built_for);
    const auto machines = elf_machines_of(kernel_.arch);
    if (!machines.empty() && std::find(machines.begin(), machines.end(), facts.elf_machine) == machines.end())
        refuse("it is not for " + kernel_.arch + " (ELF machine " + std::to_string(facts.elf_machine) + ")");
    for (const auto& [symbol, crc] : facts.symbol_versions) {
        const auto exported = symbols_.find(symbol);
        if (exported != symbols_.end() && exported->second != crc)
            refuse("it wants another version of the kernel's symbol " + symbol);
    }
}

} // namespace dkms
