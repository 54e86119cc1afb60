// SPDX-License-Identifier: LGPL-2.1-or-later
#include "lib/model/problem.h"

#include "lib/model/error.h"
#include "lib/model/names.h"

#include <nlohmann/json.hpp>

namespace dkms {
namespace {

constexpr NameTable<ProblemKind, 13> kinds{{"leftover", "half-built", "half-added", "bad-link", "bad-record",
                                            "orphaned-original", "index-outdated", "module-missing", "module-differs",
                                            "source-missing", "kernel-gone", "unknown-module", "build-damaged"}};

} // namespace

std::string_view name_of(ProblemKind kind) { return kinds.name(kind); }
std::optional<ProblemKind> problem_kind_of(std::string_view name) { return kinds.value(name); }

nlohmann::json to_json(const Problem& problem)
{
    nlohmann::json value{{"problem", name_of(problem.kind)},
                         {"path", problem.path},
                         {"certain", problem.certain},
                         {"repaired", problem.repaired}};
    if (!problem.module.name.empty()) value["module"] = problem.module.text();
    if (!problem.kernel.release.empty()) value["kernel"] = problem.kernel.text();
    if (!problem.reason.empty()) value["reason"] = problem.reason;
    return value;
}

Problem problem_from_json(const nlohmann::json& value)
{
    const auto kind = problem_kind_of(value.at("problem").get<std::string>());
    if (!kind) throw Error(ErrorCode::internal, {{"reason", "unknown problem " + value.at("problem").dump()}});
    Problem problem{*kind, value.at("path").get<std::string>()};
    problem.certain = value.at("certain").get<bool>();
    problem.repaired = value.at("repaired").get<bool>();
    problem.reason = value.value("reason", "");
    if (value.contains("kernel")) problem.kernel = parse_kernel(value.at("kernel").get<std::string>());
    const std::string module = value.value("module", "");
    problem.module = {module.substr(0, module.find('/')),
                      module.find('/') == std::string::npos ? "" : module.substr(module.find('/') + 1)};
    return problem;
}

} // namespace dkms
