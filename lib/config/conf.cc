// SPDX-License-Identifier: LGPL-2.1-or-later
#include "lib/config/conf.h"

#include "lib/config/conf_bash.h"
#include "lib/config/conf_native.h"
#include "lib/config/distribution.h"
#include "lib/config/framework.h"

#include <algorithm>

namespace dkms {
namespace {

bool is_named(const std::string& variable, const std::vector<ConfSource>& sources)
{
    return std::any_of(sources.begin(), sources.end(),
                       [&](const ConfSource& source) { return source.text.find(variable) != std::string::npos; });
}

/// Variables for which other files have to be read are for those who name them.
ConfScope scope_for(const std::vector<ConfSource>& sources, const ConfContext& context)
{
    ConfScope scope = conf_scope(context);
    if (is_named("running_distribution", sources))
        scope.variables["running_distribution"] = distribution_name(context.places);
    if (is_named("tmp_location", sources)) {
        const std::string configured = read_framework(context.places).tmp_location;
        scope.variables["tmp_location"] = configured.empty() ? "/tmp" : configured;
    }
    return scope;
}

} // namespace

Conf read_conf(const std::filesystem::path& file, const ConfContext& context, Strictness strictness)
{
    const auto sources = read_conf_sources(file, context);
    const ConfScope scope = scope_for(sources, context);
    auto variables = evaluate_natively(sources, scope);
    if (variables) return typed_conf(file, std::move(*variables), context, strictness);
    std::vector<BashComplaint> complaints;
    variables = evaluate_with_bash(sources, scope, {}, &complaints);
    return typed_conf(file, std::move(*variables), context, strictness, complaints);
}

std::optional<Conf> read_conf_natively(const std::filesystem::path& file, const ConfContext& context,
                                       Strictness strictness)
{
    const auto sources = read_conf_sources(file, context);
    auto variables = evaluate_natively(sources, scope_for(sources, context));
    if (!variables) return std::nullopt;
    return typed_conf(file, std::move(*variables), context, strictness);
}

} // namespace dkms
