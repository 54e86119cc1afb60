// SPDX-License-Identifier: LGPL-2.1-or-later
#include "lib/model/history.h"

#include <nlohmann/json.hpp>

namespace dkms {

using nlohmann::json;

json to_json(const HistoryEntry& entry)
{
    json value{{"name", entry.module.name},
               {"version", entry.module.version},
               {"kernel", entry.kernel.release},
               {"arch", entry.kernel.arch},
               {"change", entry.installed ? "installed" : "uninstalled"},
               {"request", name_of(entry.request)},
               {"at", entry.at},
               {"uid", entry.uid}};
    if (!entry.replaced.empty()) value["replaced"] = entry.replaced;
    if (!entry.origin.empty()) value["origin"] = entry.origin;
    if (entry.job != 0) value["job"] = entry.job;
    return value;
}

HistoryEntry history_entry_from_json(const json& value)
{
    HistoryEntry entry;
    entry.module = {value.at("name").get<std::string>(), value.at("version").get<std::string>()};
    entry.kernel = {value.at("kernel").get<std::string>(), value.at("arch").get<std::string>()};
    entry.installed = value.at("change").get<std::string>() == "installed";
    entry.request =
        verb_of(value.at("request").get<std::string>()).value_or(entry.installed ? Verb::install : Verb::uninstall);
    entry.at = value.at("at").get<double>();
    entry.uid = value.at("uid").get<unsigned>();
    entry.replaced = value.value("replaced", "");
    entry.origin = value.value("origin", "");
    entry.job = value.value("job", JobId{0});
    return entry;
}

} // namespace dkms
