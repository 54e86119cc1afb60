// SPDX-License-Identifier: LGPL-2.1-or-later
#include "lib/kernel/signature_enforcement.h"

#include "lib/model/error.h"
#include "lib/process/descriptor.h"

#include <algorithm>
#include <array>

namespace dkms {
namespace {

namespace fs = std::filesystem;

constexpr const char* efi_variables = "sys/firmware/efi/efivars/";
constexpr const char* secure_boot = "SecureBoot-8be4df61-93ca-11d2-aa0d-00e098032b8c";
constexpr const char* shim_does_not_check = "MokSBStateRT-605dab50-e046-4300-abb6-3dd810dd8b23";

/// The text of a file of the kernel's; nothing if there is none.
std::optional<std::string> text_of(const fs::path& file)
{
    try {
        return read_file(file, 4096);
    } catch (const Error&) {
        return std::nullopt; // not mounted, not of this architecture, not for this user
    }
}

bool is_set(const KernelConfig& config, const char* option)
{
    const auto found = config.find(option);
    return found != config.end() && found->second == "y";
}

/// A variable of the firmware: four bytes of attributes, then its value.
bool is_one(const fs::path& variable)
{
    const auto content = text_of(variable);
    return content && content->size() == 5 && content->back() == 1;
}

bool boots_securely(const fs::path& system)
{
    return is_one(system / efi_variables / secure_boot) && !is_one(system / efi_variables / shim_does_not_check);
}

bool obeys_secure_boot(const KernelConfig& config)
{
    constexpr std::array options{"CONFIG_LOCK_DOWN_IN_EFI_SECURE_BOOT", "CONFIG_EFI_SECURE_BOOT_LOCK_DOWN",
                                 "CONFIG_EFI_SECURE_BOOT_SIG_ENFORCE", "CONFIG_IMA_ARCH_POLICY"};
    return config.empty() ||
           std::any_of(options.begin(), options.end(), [&](const char* option) { return is_set(config, option); });
}

std::optional<std::string> of_running(const fs::path& system)
{
    const auto enforce = text_of(system / "sys/module/module/parameters/sig_enforce");
    if (enforce && (enforce->starts_with('Y') || enforce->starts_with('1')))
        return "it was booted with module.sig_enforce";
    const auto lockdown = text_of(system / "sys/kernel/security/lockdown");
    for (const char* level : {"integrity", "confidentiality"})
        if (lockdown && lockdown->find("[" + std::string(level) + "]") != std::string::npos)
            return "it is locked down (" + std::string(level) + ")";
    return std::nullopt;
}

} // namespace

std::optional<std::string> signature_enforcement(const KernelId& kernel, const KernelConfig& config,
                                                 const fs::path& system, const std::string& running)
{
    if (is_set(config, "CONFIG_MODULE_SIG_FORCE")) return "it was configured with CONFIG_MODULE_SIG_FORCE";
    if (system.empty() || kernel.arch != running_architecture()) return std::nullopt;
    if (kernel.release == running)
        if (auto reason = of_running(system)) return reason;
    if (boots_securely(system) && obeys_secure_boot(config)) return "this machine boots with Secure Boot";
    return std::nullopt;
}

} // namespace dkms
