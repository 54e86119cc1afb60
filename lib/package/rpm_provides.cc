// SPDX-License-Identifier: LGPL-2.1-or-later
#include "lib/package/rpm_provides.h"

#include "lib/package/rpm_text.h"

namespace dkms {
namespace {

/// An alias is foreign text that becomes part of a spec.
std::string pattern_of(const std::string& alias)
{
    constexpr std::string_view harmless = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789:*?[]-_.+/=#";
    std::string pattern;
    for (const char c : alias) pattern += harmless.find(c) == std::string_view::npos ? '?' : c;
    return pattern;
}

} // namespace

std::set<std::string> modalias_provides(const std::vector<PackedModule>& modules, const std::string& version)
{
    std::set<std::string> provides;
    for (const PackedModule& module : modules) {
        const std::string shown = module.facts.version.empty() ? version : module.facts.version;
        for (const std::string& alias : module.facts.aliases)
            provides.insert("modalias(" + pattern_of(alias) + ") = " + rpm_dependency_version(shown));
    }
    return provides;
}

std::string dependency_lines(const std::string& tag, const std::set<std::string>& dependencies)
{
    std::string lines;
    for (const std::string& one : dependencies) lines += (lines.empty() ? "" : "\n") + tag + ": " + one;
    return lines;
}

} // namespace dkms
