// SPDX-License-Identifier: LGPL-2.1-or-later
#include "lib/config/bad_command.h"

#include "lib/config/line_pattern.h"

#include <array>

namespace dkms {
namespace {

/// Where a command stands: at the beginning, behind a separator, behind a word of the shell's own.
const std::string at_command =
    "((^|[;&|({`!]|\\$\\()[[:blank:]]*|(^|[[:blank:]])(then|do|else|exec|env|if|while)[[:blank:]]+)";
constexpr std::size_t command_group = 5;

struct BadPattern {
    std::string_view rule;
    LinePattern pattern;
};

const std::array<BadPattern, 4>& bad_patterns()
{
    const auto pattern = [](const char* words) { return at_command + "(" + words + ")([[:blank:];&|)]|$)"; };
    static const std::array<BadPattern, 4> patterns{{
        {"network", LinePattern(pattern("curl|wget|ftp|scp|rsync|apt-get|apt|dnf|yum|pacman|zypper|pip3?|npm"))},
        {"network", LinePattern(pattern("git[[:blank:]]+(clone|fetch|pull|submodule)"))},
        {"needs-root", LinePattern(pattern("sudo|su|doas|pkexec"))},
        {"leaves-build", LinePattern(pattern("depmod|modprobe|insmod|rmmod|systemctl|udevadm|update-initramfs|dracut|"
                                             "mkinitcpio|ldconfig"))},
    }};
    return patterns;
}

} // namespace

std::optional<BadCommand> bad_command(std::string_view line)
{
    const auto begin = line.find_first_not_of(" \t");
    if (begin == std::string_view::npos || line[begin] == '#') return std::nullopt;
    for (const BadPattern& bad : bad_patterns())
        if (auto word = bad.pattern.group(line, command_group)) return BadCommand{bad.rule, std::move(*word)};
    return std::nullopt;
}

} // namespace dkms
