// SPDX-License-Identifier: LGPL-2.1-or-later
#include "client/history_table.h"

#include "client/table.h"
#include "client/text.h"

#include <array>
#include <ctime>

#include <pwd.h>

namespace dkms {
namespace {

std::string time_text(double at)
{
    const auto seconds = static_cast<std::time_t>(at);
    std::tm local{};
    std::array<char, 64> text{};
    if (::localtime_r(&seconds, &local) == nullptr ||
        std::strftime(text.data(), text.size(), "%Y-%m-%d %H:%M:%S", &local) == 0)
        return "?";
    return text.data();
}

std::string user_text(unsigned uid)
{
    std::array<char, 4096> buffer{};
    passwd entry{};
    passwd* found = nullptr;
    const bool known = ::getpwuid_r(uid, &entry, buffer.data(), buffer.size(), &found) == 0 && found != nullptr;
    return known ? printable(entry.pw_name) : std::to_string(uid);
}

std::string note_of(const HistoryEntry& entry)
{
    std::string note;
    const auto add = [&](const std::string& part) { note += (note.empty() ? "" : "; ") + part; };
    if (entry.replaced == entry.module.version)
        add("again");
    else if (!entry.replaced.empty())
        add("replaced " + entry.replaced);
    if (entry.origin == "archive") add("built elsewhere");
    if (entry.origin == "built") add("built here");
    if (entry.job != 0) add("job " + std::to_string(entry.job));
    return printable(note);
}

} // namespace

std::string history_table(const std::vector<HistoryEntry>& entries, std::size_t width)
{
    if (entries.empty()) return "";
    std::vector<TableRow> rows{{"TIME", "MODULE", "VERSION", "KERNEL", "CHANGE", "BY", "USER", "NOTE"}};
    for (const HistoryEntry& entry : entries)
        rows.push_back({time_text(entry.at), printable(entry.module.name), printable(entry.module.version),
                        printable(kernel_text(entry.kernel)), entry.installed ? "installed" : "uninstalled",
                        std::string(name_of(entry.request)), user_text(entry.uid), note_of(entry)});
    return table_text(rows, width);
}

} // namespace dkms
