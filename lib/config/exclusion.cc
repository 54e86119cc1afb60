// SPDX-License-Identifier: LGPL-2.1-or-later
#include "lib/config/conf.h"

#include "lib/config/conf_values.h"
#include "lib/config/expression.h"

#include <compare>

namespace dkms {
namespace {

using KernelConfig = std::map<std::string, std::string>;

bool is_enabled(const KernelConfig& config, const std::string& option)
{
    const auto found = config.find(option);
    return found != config.end() && (found->second == "y" || found->second == "m");
}

bool config_fits(const KernelConfig& config, const std::string& wanted)
{
    for (const std::string& word : words_of(wanted)) {
        const bool negated = word.front() == '!';
        if (is_enabled(config, negated ? word.substr(1) : word) == negated) return false;
    }
    return true;
}

/// What is no expression fits nothing, as in bash.
bool fits(const std::string& expression, const std::string& text)
{
    return expression_fits(expression, text).value_or(false);
}

/// The first bound that `kernel` does not keep, as it was written; empty if it keeps all.
std::string broken_bound(const Exclusive& bounds, const std::string& index, const KernelId& kernel,
                         const KernelConfig& config)
{
    const auto named = [&](const char* directive, const std::string& value) { return directive + index + "=" + value; };
    if (!bounds.kernel.empty() && !fits(bounds.kernel, kernel.release))
        return named("BUILD_EXCLUSIVE_KERNEL", bounds.kernel);
    if (!bounds.kernel_min.empty() && std::is_lt(compare_versions(kernel.release, bounds.kernel_min)))
        return named("BUILD_EXCLUSIVE_KERNEL_MIN", bounds.kernel_min);
    if (!bounds.kernel_max.empty() && std::is_gt(compare_versions(kernel.release, bounds.kernel_max)))
        return named("BUILD_EXCLUSIVE_KERNEL_MAX", bounds.kernel_max);
    if (!bounds.arch.empty() && !fits(bounds.arch, kernel.arch)) return named("BUILD_EXCLUSIVE_ARCH", bounds.arch);
    if (!bounds.config.empty() && !config.empty() && !config_fits(config, bounds.config))
        return named("BUILD_EXCLUSIVE_CONFIG", bounds.config);
    return {};
}

} // namespace

Exclusion exclusion_for(const Conf& conf, const KernelId& kernel, const std::map<std::string, std::string>& config)
{
    Exclusion result;
    result.reason = broken_bound(conf.exclusive, "", kernel, config);
    if (!result.reason.empty()) {
        result.excluded = conf.modules;
        return result;
    }
    for (const ConfModule& module : conf.modules) {
        const auto own = conf.module_exclusive.find(module.index);
        const std::string index = "[" + std::to_string(module.index) + "]";
        const std::string reason =
            own == conf.module_exclusive.end() ? std::string() : broken_bound(own->second, index, kernel, config);
        (reason.empty() ? result.meant : result.excluded).push_back(module);
        if (result.reason.empty()) result.reason = reason;
    }
    return result;
}

} // namespace dkms
