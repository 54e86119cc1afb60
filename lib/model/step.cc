// SPDX-License-Identifier: LGPL-2.1-or-later
#include "lib/model/step.h"

#include <nlohmann/json.hpp>

namespace dkms {

using nlohmann::json;

std::vector<Resource> Step::resources(bool private_build) const
{
    const std::string of_module = "module " + module.text();
    const std::string of_build = "build " + module.text() + " " + kernel.text();
    const std::string of_kernel = "kernel " + kernel.release;
    switch (kind) {
    case StepKind::add:
    case StepKind::remove:
        return {{of_module, true}, {"name " + module.name, true}};
    case StepKind::build:
        if (private_build) return {{of_module, false}, {of_build, true}};
        return {{of_module, false}, {of_build, true}, {"directory " + module.text(), true}};
    case StepKind::unbuild:
        return {{of_module, false}, {of_build, true}};
    case StepKind::install:
    case StepKind::uninstall:
        return {{of_module, false}, {of_build, true}, {of_kernel, true}};
    case StepKind::initramfs:
        return {{of_kernel, true}};
    }
    return {};
}

json to_json(const Step& step)
{
    json value{{"step", name_of(step.kind)}};
    if (!step.module.name.empty()) value["module"] = step.module.name;
    if (!step.module.version.empty()) value["version"] = step.module.version;
    if (!step.kernel.release.empty()) value["kernel"] = step.kernel.text();
    if (json options = to_json(step.options); !options.empty()) value["options"] = std::move(options);
    return value;
}

Step step_from_json(const json& value)
{
    Step step;
    const auto kind = step_kind_of(value.at("step").get<std::string>());
    if (!kind) throw Error(ErrorCode::internal, {{"reason", "unknown step " + value.at("step").dump()}});
    step.kind = *kind;
    step.module = {value.value("module", ""), value.value("version", "")};
    if (value.contains("kernel")) step.kernel = parse_kernel(value.at("kernel").get<std::string>());
    if (value.contains("options")) step.options = options_from_json(value.at("options"));
    return step;
}

json to_json(const Outcome& outcome)
{
    json value{{"result", name_of(outcome.result)}};
    if (outcome.error) value["error"] = to_json(*outcome.error);
    for (const Step& step : outcome.follow_up) value["follow_up"].push_back(to_json(step));
    return value;
}

Outcome outcome_from_json(const json& value)
{
    Outcome outcome;
    const auto result = result_of(value.at("result").get<std::string>());
    if (!result) throw Error(ErrorCode::internal, {{"reason", "unknown result " + value.at("result").dump()}});
    outcome.result = *result;
    if (value.contains("error")) outcome.error = error_from_json(value.at("error"));
    if (value.contains("follow_up"))
        for (const json& step : value.at("follow_up")) outcome.follow_up.push_back(step_from_json(step));
    return outcome;
}

} // namespace dkms
