// SPDX-License-Identifier: LGPL-2.1-or-later
#include "client/dkms/package_transaction.h"

#include "lib/model/error.h"
#include "lib/process/descriptor.h"

#include <sstream>
#include <vector>

#include <unistd.h>

namespace dkms::legacy {
namespace {

/// Fields of proc_pid_stat(5) from the third on; the name before them may hold anything.
std::vector<std::string> stat_fields(const std::string& process)
{
    try {
        const std::string text = read_file("/proc/" + process + "/stat", 4096);
        std::istringstream rest(text.substr(text.rfind(')') + 1));
        std::vector<std::string> fields;
        for (std::string field; rest >> field;) fields.push_back(field);
        return fields;
    } catch (const Error&) {
        return {};
    }
}

constexpr std::size_t parent_field = 4 - 3;
constexpr std::size_t start_field = 22 - 3;

} // namespace

std::string package_transaction()
{
    const auto caller = stat_fields(std::to_string(::getppid()));
    if (caller.size() <= parent_field) return {};
    const std::string& process = caller[parent_field];
    const auto fields = stat_fields(process);
    return fields.size() > start_field ? process + " " + fields[start_field] : std::string();
}

} // namespace dkms::legacy
