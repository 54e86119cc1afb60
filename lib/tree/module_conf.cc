// SPDX-License-Identifier: LGPL-2.1-or-later
#include "lib/tree/module_conf.h"

#include "lib/files/file_kind.h"
#include "lib/kernel/headers.h"
#include "lib/process/refusal.h"

namespace dkms {
namespace {

std::filesystem::path conf_file(const Work& work, const ModuleId& module)
{
    const auto& named = work.step.options.conf_file;
    return named.empty() ? Layout(work.places).source(module) / "dkms.conf" : named;
}

} // namespace

ConfContext conf_context(const Places& places, const ModuleId& module, const KernelId& kernel, const Options& options)
{
    ConfContext context;
    context.module = module;
    context.kernel = kernel;
    context.kernel_source_dir = headers_for_make(kernel, places, options);
    context.kernel_config = places.inside(kernel_config_file(headers_directory(kernel, places, options), options));
    context.places = places;
    context.directives = options.directives;
    return context;
}

ConfContext conf_context(const Work& work, const ModuleId& module)
{
    const Step& step = work.step;
    const bool has_kernel = !step.kernel.release.empty();
    return conf_context(work.places, module,
                        has_kernel ? step.kernel : KernelId{running_release(), running_architecture()}, step.options);
}

Conf read_module_conf(const Work& work, Strictness strictness)
{
    const ModuleId& module = work.step.module;
    const Layout layout(work.places);
    if (!leads_to_directory(layout.source(module)))
        throw Error(ErrorCode::broken_module,
                    {{"module", module.text()}, {"path", layout.source_link(module).string()}});
    return read_conf(conf_file(work, module), conf_context(work, module), strictness);
}

std::optional<Conf> try_module_conf(const Work& work, const ModuleId& module)
{
    try {
        return read_conf(conf_file(work, module), conf_context(work, module), Strictness::lax);
    } catch (const Error& error) {
        if (is_of_system(error)) throw;
        return std::nullopt;
    }
}

void report_remarks(const Reporter& reporter, const Conf& conf)
{
    for (const Deprecated& one : conf.deprecated) {
        nlohmann::json facts{{"directive", one.directive}, {"file", one.file}};
        if (!one.instead.empty()) facts["instead"] = one.instead;
        reporter.report(Event(EventKind::deprecated, std::move(facts)));
    }
    for (const BashComplaint& one : conf.complaints) reporter.warning("conf-complaint", {}, one.sentence());
    for (const std::string& sentence : conf.warnings) reporter.warning("conf", {}, sentence);
}

} // namespace dkms
