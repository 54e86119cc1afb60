// SPDX-License-Identifier: LGPL-2.1-or-later
#include "lib/config/bad_command.h"

#include "lib/config/line_pattern.h"
#include "lib/config/shell_commands.h"

#include <algorithm>
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

/// A program that signs modules, wherever it lies.
std::optional<std::string> signer_in(std::string_view line)
{
    constexpr std::array<std::string_view, 3> signers{"kmodsign", "sign-file", "sbsign"};
    for (const ShellCommand& command : shell_commands(line))
        for (const std::string& word : command.words) {
            const std::string_view name = std::string_view(word).substr(word.rfind('/') + 1);
            if (std::find(signers.begin(), signers.end(), name) != signers.end()) return std::string(name);
            static const LinePattern before("^(if|then|else|do|!|[{]|exec|env|[A-Za-z_][A-Za-z0-9_]*=.*)$");
            if (word.size() > 200 || !before.fits(word)) break;
        }
    return std::nullopt;
}

} // namespace

std::optional<BadCommand> bad_command(std::string_view line)
{
    const auto begin = line.find_first_not_of(" \t");
    if (begin == std::string_view::npos || line[begin] == '#') return std::nullopt;
    static const LinePattern caught("\\|\\|[[:blank:]]*(true|:|echo|exit 0|/bin/true)");
    for (const BadPattern& bad : bad_patterns())
        if (auto word = bad.pattern.group(line, command_group))
            return BadCommand{bad.rule, std::move(*word), caught.fits(line)};
    if (auto word = signer_in(line)) return BadCommand{"signs-itself", std::move(*word), caught.fits(line)};
    return std::nullopt;
}

std::optional<std::string> writes_source(std::string_view line, const ModuleId& module)
{
    static const LinePattern writer("^(cp|mv|ln|install|touch|mkdir|rm|tee|patch|chmod|chown|rmdir|truncate)$");
    static const LinePattern of_source("^[$]\\{?source_tree\\}?/");
    const std::string source = "/usr/src/" + module.name + "-" + module.version;
    const auto is_inside = [&](const std::string& word) { return word.starts_with(source) || of_source.fits(word); };
    for (const ShellCommand& command : shell_commands(line)) {
        const auto& words = command.words;
        const auto program = std::find_if(words.begin(), words.end(), [](const std::string& word) {
            return writer.fits(word) || word == "sed" || word == "sudo";
        });
        if (program == words.end() || program + 1 == words.end()) continue;
        const bool all = *program == "rm" || *program == "mv" || *program == "touch" || *program == "mkdir" ||
                         *program == "tee" || *program == "chmod" || *program == "chown";
        const bool in_place = *program != "sed" || std::any_of(program + 1, words.end(), [](const std::string& word) {
            return word.starts_with("-i") || word.starts_with("--in-place");
        });
        const bool writes = all ? std::any_of(program + 1, words.end(), is_inside) : is_inside(words.back());
        if (in_place && writes) return *program;
    }
    return std::nullopt;
}

} // namespace dkms
