// SPDX-License-Identifier: LGPL-2.1-or-later
#include "client/help.h"

#include "client/option_table.h"
#include "client/suggestion.h"
#include "client/text.h"

#include <algorithm>
#include <array>
#include <utility>

namespace dkms {
namespace {

constexpr std::size_t command_columns = 28;
constexpr std::size_t option_columns = 31;

/// A name and what it does; below each other, where the name is too long.
std::string described(const std::string& name, std::string_view summary, std::size_t columns)
{
    const std::string head = "  " + padded(name, columns);
    const bool fits = columns_of(name) <= columns;
    return head + (fits ? "  " : "\n" + std::string(columns + 4, ' ')) + std::string(summary) + "\n";
}

std::string option_text(const OptionRow& row)
{
    std::string text = row.letter.empty() ? "    " : std::string(row.letter) + (row.name.empty() ? "" : ", ");
    text += row.name;
    return row.takes_value() ? text + " " + std::string(row.value) : text;
}

/// What others call our commands, and the actions of dkms(8) that have another name here.
constexpr std::array<std::pair<std::string_view, std::string_view>, 19> synonyms{{
    {"list", "status"},
    {"ls", "status"},
    {"show", "status"},
    {"info", "status"},
    {"delete", "remove"},
    {"rm", "remove"},
    {"purge", "remove"},
    {"upgrade", "switch"},
    {"downgrade", "rollback"},
    {"logs", "log"},
    {"stop", "cancel"},
    {"mktarball", "export"},
    {"mkrpm", "export --format rpm"},
    {"mkdeb", "export --format deb"},
    {"mkdsc", "export --format dsc"},
    {"mkbmdeb", "export --format bmdeb"},
    {"mkkmp", "export --format kmp"},
    {"mkdriverdisk", "export --format driver-disk"},
    {"ldtarball", "import"},
}};

} // namespace

std::string usage_line(const CommandRow& row)
{
    if (row.name.empty()) return "Usage: dkmsctl COMMAND [OPTION...]\n";
    return "Usage: dkmsctl " + std::string(row.name) + (row.arguments.empty() ? "" : " ") + std::string(row.arguments) +
           " [OPTION...]\n";
}

std::string general_help()
{
    std::string text = usage_line(overview()) + "\nBuild, install and monitor out-of-tree kernel modules.\n\n";
    for (const CommandRow& row : command_table())
        text += described(std::string(row.name) + " " + std::string(row.arguments), row.summary, command_columns);
    return text + "\n'dkmsctl help COMMAND' shows a command's options, dkmsctl(1) explains them.\n";
}

std::string command_help(const CommandRow& row)
{
    std::string text = usage_line(row) + std::string(row.summary) + ".\n\nOptions:\n";
    const auto options = option_table();
    text += described(option_text(options.front()), options.front().summary, option_columns);
    for (const OptionRow& one : options.subspan(1))
        if ((one.groups & row.groups) != 0) text += described(option_text(one), one.summary, option_columns);
    return text;
}

UnknownCommand unknown_command(std::string_view word)
{
    const std::string reason = "there is no command '" + printable(word) + "'";
    for (const auto& [name, ours] : synonyms)
        if (name == word) return {reason, "Did you mean '" + std::string(ours) + "'?"};
    std::vector<std::string> names;
    for (const CommandRow& row : command_table()) names.emplace_back(row.name);
    return {reason, did_you_mean(word, names)};
}

} // namespace dkms
