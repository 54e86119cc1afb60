// SPDX-License-Identifier: LGPL-2.1-or-later
#include "lib/kernel/vermagic.h"

#include "lib/kernel/module_file.h"
#include "lib/model/error.h"
#include "lib/process/descriptor.h"
#include "lib/process/refusal.h"

#include <sstream>

namespace dkms {
namespace {

constexpr int most_looked_for = 64; // modules of modules.order that need not exist: some are packaged separately

bool is_set(const KernelConfig& config, const char* option)
{
    const auto found = config.find(option);
    return found != config.end() && found->second == "y";
}

bool has_word(std::string_view flags, std::string_view word)
{
    const std::string padded = " " + std::string(flags) + " ";
    return padded.find(" " + std::string(word) + " ") != std::string::npos;
}

std::optional<std::string> difference(std::string_view flags, std::string_view word, bool wanted)
{
    if (has_word(flags, word) == wanted) return std::nullopt;
    return wanted ? "it lacks '" + std::string(word) + "' in its vermagic, which the kernel has"
                  : "it has '" + std::string(word) + "' in its vermagic, which the kernel lacks";
}

/// What the kernel calls its kind of preemption; several where that depended on its version. Before 5.16 PREEMPT, since
/// then PREEMPT_BUILD; the patches for real time had names of their own.
std::optional<std::string> preemption_fault(std::string_view flags, const KernelConfig& config)
{
    const bool full = is_set(config, "CONFIG_PREEMPT_BUILD") || is_set(config, "CONFIG_PREEMPT");
    const bool real_time = is_set(config, "CONFIG_PREEMPT_RT") || is_set(config, "CONFIG_PREEMPT_RT_FULL");
    if (full && real_time) return std::nullopt;
    if (auto fault = difference(flags, "preempt", full)) return fault;
    return difference(flags, "preempt_rt", real_time);
}

/// The vermagic flags of a module; nothing if it is not there.
std::optional<std::string> flags_of_file(const std::filesystem::path& file)
{
    try {
        return flags_of_vermagic(read_module(file).vermagic);
    } catch (const Error& error) {
        if (is_of_system(error)) throw;
        return std::nullopt; // missing or damaged: another one tells
    }
}

} // namespace

std::string release_of_vermagic(std::string_view vermagic)
{
    return std::string(vermagic.substr(0, vermagic.find(' ')));
}

std::string flags_of_vermagic(std::string_view vermagic)
{
    const auto space = vermagic.find(' ');
    return space == std::string_view::npos ? std::string() : std::string(vermagic.substr(space + 1));
}

std::optional<std::string> flags_of_kernel(const Places& places, const std::string& release)
{
    const auto directory = places.install_tree / release;
    std::istringstream order(read_file_if_present(directory / "modules.order").value_or(""));
    std::string line;
    for (int looked_for = 0; looked_for < most_looked_for && std::getline(order, line); ++looked_for) {
        const std::filesystem::path path = line;
        if (line.empty() || path.is_absolute() || path.lexically_normal().begin()->string() == "..") continue;
        for (const char* suffix : {"", ".xz", ".zst", ".gz"})
            if (auto flags = flags_of_file(directory / (line + suffix))) return flags;
    }
    return std::nullopt;
}

std::optional<std::string> flags_fault(std::string_view flags, const KernelConfig& config)
{
    const struct {
        const char* option;
        const char* word;
    } rows[] = {{"CONFIG_SMP", "SMP"}, {"CONFIG_MODULE_UNLOAD", "mod_unload"}, {"CONFIG_MODVERSIONS", "modversions"}};
    for (const auto& row : rows)
        if (auto fault = difference(flags, row.word, is_set(config, row.option))) return fault;
    return preemption_fault(flags, config);
}

} // namespace dkms
