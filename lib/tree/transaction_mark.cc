// SPDX-License-Identifier: LGPL-2.1-or-later
#include "lib/tree/transaction_mark.h"

#include "lib/files/walk.h"
#include "lib/model/error.h"
#include "lib/process/descriptor.h"
#include "lib/tree/directory.h"
#include "lib/tree/lock.h"

#include <cerrno>
#include <sstream>

#include <unistd.h>

namespace dkms {
namespace {

namespace fs = std::filesystem;

fs::path marks_of(const Layout& layout, const std::string& name) { return layout.transactions() / name; }

std::string content_of(const fs::path& file)
{
    const std::string text = read_file_if_present(file, 4096).value_or("");
    return text.substr(0, text.find('\n'));
}

/// /proc/PID/stat; empty for a process that has ended, also while it was being read (ESRCH).
std::string stat_of(const std::string& process)
{
    try {
        return content_of("/proc/" + process + "/stat");
    } catch (const Error&) {
        return {};
    }
}

/// Whether the process "PID START" still runs: field 22 of proc_pid_stat(5), counted behind the name in brackets.
bool is_running(const std::string& transaction)
{
    const auto blank = transaction.find(' ');
    if (blank == std::string::npos) return false;
    const std::string stat = stat_of(transaction.substr(0, blank));
    const auto bracket = stat.rfind(')');
    if (bracket == std::string::npos) return false;
    std::istringstream fields(stat.substr(bracket + 1));
    std::string field;
    for (int number = 3; number <= 22 && fields >> field; ++number) continue;
    return field == transaction.substr(blank + 1);
}

void delete_old_marks(const Layout& layout)
{
    walk(layout.transactions(), [&](const Found& found) {
        const fs::path mark = layout.transactions() / found.path;
        if (!S_ISREG(found.facts.st_mode) || is_running(content_of(mark))) return;
        if (::unlinkat(found.directory, found.name.c_str(), 0) < 0 && errno != ENOENT) refuse_change(mark, errno);
    });
}

} // namespace

void mark_transaction(const Layout& layout, const ModuleId& module, const std::string& transaction)
{
    delete_old_marks(layout);
    make_own_directory(layout, layout.transactions());
    make_directories(marks_of(layout, module.name));
    write_file_durably(marks_of(layout, module.name) / module.version, transaction + "\n");
}

bool has_transaction_mark(const Layout& layout, const ModuleId& module, const std::string& transaction)
{
    return !transaction.empty() && content_of(marks_of(layout, module.name) / module.version) == transaction;
}

void remove_transaction_mark(const Layout& layout, const ModuleId& module) noexcept
{
    // A mark that stays is deleted with the next one; the directory stays while it has others.
    ::unlink((marks_of(layout, module.name) / module.version).c_str());
    ::rmdir(marks_of(layout, module.name).c_str());
}

} // namespace dkms
