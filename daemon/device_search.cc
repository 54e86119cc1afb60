// SPDX-License-Identifier: LGPL-2.1-or-later
#include "daemon/device_search.h"

#include <algorithm>
#include <fstream>

#include <fnmatch.h>

namespace dkms {
namespace {

namespace fs = std::filesystem;

/// Its entries; none when it is not there, or vanishes meanwhile.
std::vector<fs::path> entries_of(const fs::path& directory)
{
    std::vector<fs::path> entries;
    std::error_code gone;
    for (fs::directory_iterator entry(directory, gone), end; !gone && entry != end; entry.increment(gone))
        entries.push_back(entry->path());
    return entries;
}

std::string modalias_of(const fs::path& device)
{
    std::string line;
    std::ifstream file(device / "modalias");
    std::getline(file, line);
    return line;
}

bool waits_for(const fs::path& device, const std::set<std::string>& aliases)
{
    std::error_code gone;
    if (fs::exists(device / "driver", gone)) return false;
    const std::string modalias = modalias_of(device);
    return !modalias.empty() && std::any_of(aliases.begin(), aliases.end(), [&](const std::string& alias) {
        return ::fnmatch(alias.c_str(), modalias.c_str(), 0) == 0;
    });
}

} // namespace

std::vector<fs::path> devices_without_driver(const fs::path& sys, const std::set<std::string>& aliases)
{
    std::set<fs::path> found;
    if (aliases.empty()) return {};
    for (const fs::path& bus : entries_of(sys / "bus"))
        for (const fs::path& device : entries_of(bus / "devices")) {
            if (!waits_for(device, aliases)) continue;
            std::error_code gone;
            if (auto real = fs::canonical(device, gone); !gone) found.insert(std::move(real));
        }
    return {found.begin(), found.end()};
}

} // namespace dkms
