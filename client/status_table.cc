// SPDX-License-Identifier: LGPL-2.1-or-later
#include "client/status_table.h"

#include "client/table.h"
#include "client/text.h"

#include <algorithm>
#include <map>

namespace dkms {
namespace {

constexpr const char* running_mark = " *";

/// "built with network, read /opt/sdk", "built without a sandbox".
std::string opened_text(const std::vector<std::string>& opened)
{
    if (opened.front() == "no sandbox" || opened.front() == "sandbox off") return "built without a sandbox";
    std::string text;
    for (const std::string& one : opened) text += (text.empty() ? "built with " : ", ") + one;
    return text;
}

std::string note_of(const KernelStatus& kernel)
{
    std::vector<std::string> parts;
    if (!kernel.note.empty())
        parts.push_back(kernel.note + (kernel.job ? " (job " + std::to_string(*kernel.job) + ")" : ""));
    if (!kernel.weak_from.empty()) parts.push_back("built for " + kernel.weak_from);
    if (!kernel.opened.empty()) parts.push_back(opened_text(kernel.opened));
    if (!kernel.replaced_by.empty()) parts.push_back("replaced by " + kernel.replaced_by);
    if (kernel.build_missing) parts.emplace_back("a built module is missing from the DKMS tree");
    if (kernel.missing) parts.emplace_back("an installed file is missing from the kernel");
    if (kernel.bad_record) parts.emplace_back("the record of its installation cannot be read");
    if (kernel.differs) parts.emplace_back("an installed file is not the built one");
    if (kernel.stale) parts.emplace_back("built from a source that was replaced since; install builds it again");
    for (const std::string& one : kernel.failed_scripts) parts.push_back(one + " failed");
    std::string note;
    for (const std::string& part : parts) note += (note.empty() ? "" : "; ") + part;
    return printable(note);
}

void add_rows(std::vector<TableRow>& rows, const ModuleStatus& status)
{
    const std::string name = printable(status.module.name);
    const std::string version = printable(status.module.version);
    if (status.broken) rows.push_back({name, version, "–", "broken", "its source is missing"});
    if (status.kernels.empty() && !status.broken) rows.push_back({name, version, "–", "added", ""});
    for (const KernelStatus& kernel : status.kernels)
        rows.push_back({name, version, printable(kernel_text(kernel.kernel)) + (kernel.running ? running_mark : ""),
                        std::string(name_of(kernel.state)), note_of(kernel)});
}

/// Marks of the running kernel one below the other.
void align_marks(std::vector<TableRow>& rows)
{
    std::size_t widest = 0;
    const std::size_t mark = columns_of(running_mark);
    const auto is_marked = [](const std::string& cell) { return cell.size() > 2 && cell.ends_with(running_mark); };
    for (const TableRow& row : rows) widest = std::max(widest, columns_of(row[2]) - (is_marked(row[2]) ? mark : 0));
    for (TableRow& row : rows)
        if (is_marked(row[2])) row[2] = padded(row[2].substr(0, row[2].size() - mark), widest) + running_mark;
}

/// "2 installed, 1 failed", in the order of the states.
std::string counts_text(const std::map<KernelState, std::size_t>& counts)
{
    std::string text;
    for (const auto& [state, count] : counts)
        text += (text.empty() ? "" : ", ") + std::to_string(count) + " " + std::string(name_of(state));
    return text;
}

bool any_running(const std::vector<ModuleStatus>& modules)
{
    return std::any_of(modules.begin(), modules.end(), [](const ModuleStatus& status) {
        return std::any_of(status.kernels.begin(), status.kernels.end(),
                           [](const auto& kernel) { return kernel.running; });
    });
}

} // namespace

std::string status_summary(const std::vector<ModuleStatus>& modules)
{
    if (modules.empty()) return "No modules are registered.\n";
    std::map<std::string, std::map<KernelState, std::size_t>> kernels;
    std::size_t widest = 0;
    for (const ModuleStatus& module : modules)
        for (const KernelStatus& one : module.kernels) {
            const std::string kernel = printable(kernel_text(one.kernel)) + (one.running ? running_mark : "");
            widest = std::max(widest, columns_of(kernel));
            ++kernels[kernel][one.state];
        }
    std::string text = count_text(modules.size(), "module") + (modules.size() == 1 ? " is" : " are") + " registered";
    if (kernels.empty()) return text + ", and not built for any kernel.\n";
    text += " ('dkmsctl status' lists them):\n";
    for (const auto& [kernel, counts] : kernels)
        text += "  " + padded(kernel, widest) + "  " + counts_text(counts) + "\n";
    return text + (any_running(modules) ? "* the running kernel\n" : "");
}

std::string status_table(const std::vector<ModuleStatus>& modules, std::size_t width, const std::string& below)
{
    if (modules.empty()) return below;
    std::vector<TableRow> rows{{"MODULE", "VERSION", "KERNEL", "STATE", "NOTE"}};
    for (const ModuleStatus& status : modules) add_rows(rows, status);
    align_marks(rows);
    std::string footer = below;
    if (any_running(modules)) footer += "* the running kernel\n";
    return table_text(rows, width) + (footer.empty() ? "" : "\n" + footer);
}

} // namespace dkms
