// SPDX-License-Identifier: LGPL-2.1-or-later
#include "daemon/device_rules.h"

#include <algorithm>
#include <array>

namespace dkms {
namespace {

constexpr std::string_view head = "# Made by dkms-device-rules: devices whose modules the running kernel lacks.\n"
                                  "ACTION!=\"add\", GOTO=\"dkms_end\"\n"
                                  "ENV{MODALIAS}!=\"?*\", GOTO=\"dkms_end\"\n";
constexpr std::string_view tail = "LABEL=\"dkms_end\"\n";
constexpr std::string_view match_begin = "ENV{MODALIAS}==\"";

constexpr std::size_t longest_alias = 1024; // a line for udev may have 16 KiB

bool is_letter_or_digit(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9'); }

/// Not among them: the quotation mark, the backslash, '|' between alternatives, '$' and '%' of substitutions.
bool is_harmless(char c)
{
    constexpr std::string_view others = ":_.,*?[]=+-()/";
    return is_letter_or_digit(c) || others.find(c) != std::string_view::npos;
}

bool may_be_in_unit(char c)
{
    constexpr std::string_view others = ":_.-";
    return is_letter_or_digit(c) || others.find(c) != std::string_view::npos;
}

} // namespace

bool is_device_alias(std::string_view alias)
{
    // There are others: net-pf-10, fs-ext4, devname:fuse, symbol:…
    constexpr std::array<std::string_view, 2> not_of_devices{"devname:", "symbol:"};
    const auto begins = [alias](std::string_view what) { return alias.substr(0, what.size()) == what; };
    return alias.size() <= longest_alias && alias.find(':') != std::string_view::npos &&
           is_letter_or_digit(alias.front()) && std::all_of(alias.begin(), alias.end(), is_harmless) &&
           std::none_of(not_of_devices.begin(), not_of_devices.end(), begins);
}

std::string device_unit(std::string_view name)
{
    if (!std::all_of(name.begin(), name.end(), may_be_in_unit)) return "";
    return "dkms-device@" + std::string(name) + ".service";
}

std::string rules_text(const std::vector<DeviceModule>& modules)
{
    std::string lines;
    for (const DeviceModule& one : modules) {
        const std::string unit = device_unit(one.name);
        if (unit.empty()) continue;
        const std::set<std::string> aliases(one.aliases.begin(), one.aliases.end());
        for (const std::string& alias : aliases)
            if (is_device_alias(alias))
                lines +=
                    std::string(match_begin) + alias + "\", TAG+=\"systemd\", ENV{SYSTEMD_WANTS}+=\"" + unit + "\"\n";
    }
    return lines.empty() ? "" : std::string(head) + lines + std::string(tail);
}

std::set<std::string> aliases_in(std::string_view rules)
{
    std::set<std::string> aliases;
    while (!rules.empty()) {
        const std::string_view line = rules.substr(0, rules.find('\n'));
        rules.remove_prefix(std::min(line.size() + 1, rules.size()));
        if (line.substr(0, match_begin.size()) != match_begin) continue;
        const std::string_view rest = line.substr(match_begin.size());
        aliases.emplace(rest.substr(0, rest.find('"')));
    }
    return aliases;
}

} // namespace dkms
