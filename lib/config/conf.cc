// SPDX-License-Identifier: LGPL-2.1-or-later
#include "lib/config/conf.h"

#include "lib/config/conf_bash.h"
#include "lib/config/conf_native.h"

namespace dkms {

Conf read_conf(const std::filesystem::path& file, const ConfContext& context, Strictness strictness)
{
    const auto sources = read_conf_sources(file, context);
    const ConfScope scope = conf_scope(context);
    auto variables = evaluate_natively(sources, scope);
    if (variables) return typed_conf(file, std::move(*variables), context, strictness);
    std::vector<BashComplaint> complaints;
    variables = evaluate_with_bash(sources, scope, {}, &complaints);
    return typed_conf(file, std::move(*variables), context, strictness, complaints);
}

std::optional<Conf> read_conf_natively(const std::filesystem::path& file, const ConfContext& context,
                                       Strictness strictness)
{
    auto variables = evaluate_natively(read_conf_sources(file, context), conf_scope(context));
    if (!variables) return std::nullopt;
    return typed_conf(file, std::move(*variables), context, strictness);
}

} // namespace dkms
