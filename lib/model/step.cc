// SPDX-License-Identifier: LGPL-2.1-or-later
#include "lib/model/step.h"

#include "lib/model/error.h"

#include <nlohmann/json.hpp>

namespace dkms {

using nlohmann::json;

std::vector<Resource> Step::resources(bool private_build) const
{
    // Who looks for what is left over must not see what is under way.
    if (kind == StepKind::check) return {{"trees", true}};
    std::vector<Resource> needed = resources_within(private_build);
    needed.push_back({"trees", false});
    return needed;
}

std::vector<Resource> Step::resources_within(bool private_build) const
{
    const std::string of_module = "module " + module.text();
    const std::string of_build = "build " + module.text() + " " + kernel.text();
    const std::string of_kernel = "kernel " + kernel.release;
    switch (kind) {
    case StepKind::add:
    case StepKind::remove:
    case StepKind::adopt:
        return {{of_module, true}, {"name " + module.name, true}};
    case StepKind::build:
        if (private_build) return {{of_module, false}, {of_build, true}};
        return {{of_module, false}, {of_build, true}, {"directory " + module.text(), true}};
    case StepKind::unbuild:
        return {{of_module, false}, {of_build, true}};
    case StepKind::install:
    case StepKind::uninstall:
        return {{of_module, false}, {of_build, true}, {of_kernel, true}};
    case StepKind::pack:
    case StepKind::pack_rpm:
    case StepKind::pack_deb:
    case StepKind::pack_disk:
        return {{of_module, false}};
    case StepKind::initramfs:
    case StepKind::depmod:
    case StepKind::tidy:
    case StepKind::modprobe:
    case StepKind::post_transaction:
        return {{of_kernel, true}};
    case StepKind::generate_key:
        return {{"signing key", true}};
    case StepKind::load:
    case StepKind::survey:
    case StepKind::survey_preinst:
    case StepKind::check:
        break;
    }
    return {};
}

std::optional<unsigned> place_at_end(StepKind kind)
{
    switch (kind) {
    case StepKind::tidy:
        return 0;
    case StepKind::depmod:
        return 1;
    case StepKind::modprobe:
        return 2;
    case StepKind::initramfs:
        return 3;
    case StepKind::post_transaction:
        return 4;
    default:
        return std::nullopt;
    }
}

json to_json(const Step& step)
{
    json value{{"step", name_of(step.kind)}};
    if (!step.module.name.empty()) value["module"] = step.module.name;
    if (!step.module.version.empty()) value["version"] = step.module.version;
    if (!step.kernel.release.empty()) value["kernel"] = step.kernel.text();
    if (json options = to_json(step.options); !options.empty()) value["options"] = std::move(options);
    for (const KernelId& one : step.kernels) value["kernels"].push_back(one.text());
    if (!step.staged.empty()) value["staged"] = step.staged;
    if (step.implied) value["implied"] = true;
    if (step.handle) value["handle"] = true;
    if (step.part_of) value["part_of"] = name_of(*step.part_of);
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
    if (value.contains("kernels"))
        for (const json& one : value.at("kernels")) step.kernels.push_back(parse_kernel(one.get<std::string>()));
    step.staged = value.value("staged", "");
    step.implied = value.value("implied", false);
    step.handle = value.value("handle", false);
    if (value.contains("part_of")) step.part_of = verb_of(value.at("part_of").get<std::string>());
    return step;
}

} // namespace dkms
