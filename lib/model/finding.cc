// SPDX-License-Identifier: LGPL-2.1-or-later
#include "lib/model/finding.h"

#include "lib/model/error.h"
#include "lib/model/names.h"

#include <nlohmann/json.hpp>

namespace dkms {
namespace {

using nlohmann::json;

constexpr NameTable<Severity, 3> severities{{"error", "warning", "note"}};

} // namespace

std::string_view name_of(Severity severity) { return severities.name(severity); }
std::optional<Severity> severity_of(std::string_view name) { return severities.value(name); }

json to_json(const Finding& finding)
{
    json value{{"rule", finding.rule},
               {"severity", name_of(finding.severity)},
               {"file", finding.file},
               {"message", finding.message},
               {"remedy", finding.remedy}};
    if (finding.line > 0) value["line"] = finding.line;
    return value;
}

Finding finding_from_json(const json& value)
{
    const std::string severity = value.at("severity").get<std::string>();
    const auto known = severity_of(severity);
    if (!known) throw Error(ErrorCode::invalid_args, {{"reason", "there is no severity '" + severity + "'"}});
    return {value.at("rule").get<std::string>(),    *known,
            value.at("file").get<std::string>(),    value.value("line", 0U),
            value.at("message").get<std::string>(), value.value("remedy", "")};
}

} // namespace dkms
