// SPDX-License-Identifier: LGPL-2.1-or-later
#include "lib/build/build_inputs.h"

#include "lib/config/conf_source.h"
#include "lib/files/file_kind.h"
#include "lib/files/names_in.h"
#include "lib/kernel/rooted_path.h"
#include "lib/model/error.h"
#include "lib/process/refusal.h"
#include "lib/tree/module_conf.h"
#include "lib/tree/scan.h"

#include <algorithm>
#include <iterator>

#include <sched.h>

namespace dkms {
namespace {

namespace fs = std::filesystem;

/// Dependencies come from a configuration: what cannot be a module's name is not looked for in the tree.
bool is_installed(const Layout& layout, const std::string& name, const KernelId& kernel)
{
    try {
        check_module_name(name);
    } catch (const Error&) {
        return false;
    }
    return active_version(layout, name, kernel).has_value();
}

fs::path conf_file_of(const Work& work)
{
    const fs::path& named = work.step.options.conf_file;
    return named.empty() ? source_of(work.step.module, work.places) / "dkms.conf" : named;
}

} // namespace

unsigned processors()
{
    cpu_set_t mine;
    CPU_ZERO(&mine);
    if (::sched_getaffinity(0, sizeof mine, &mine) < 0) return 1;
    return static_cast<unsigned>(CPU_COUNT(&mine));
}

int wanted_jobs(const Options& options, const Framework& framework)
{
    return options.parallel_jobs >= 0 ? options.parallel_jobs : framework.parallel_jobs;
}

fs::path source_of(const ModuleId& module, const Places& places)
{
    const fs::path link = Layout(places).source_link(module);
    const fs::path in_root = resolve_below(places.root, link);
    return leads_to_directory(in_root) ? in_root : real_path(link).value_or("");
}

Conf read_conf_for_build(const Work& work, const Framework& framework)
{
    ConfContext context = conf_context(work, work.step.module);
    const int jobs = wanted_jobs(work.step.options, framework);
    context.parallel_jobs = jobs > 0 ? static_cast<unsigned>(jobs) : processors();
    Conf conf = read_conf(conf_file_of(work), context, Strictness::strict);
    report_remarks(work.reporter, conf);
    return conf;
}

std::optional<std::string> make_for_jobs(const Work& work, unsigned jobs)
{
    ConfContext context = conf_context(work, work.step.module);
    context.parallel_jobs = jobs;
    const fs::path file = conf_file_of(work);
    const auto sources = read_conf_sources(file, context);
    const auto names_it = [](const std::string& text) { return text.find("parallel_jobs") != std::string::npos; };
    const bool named = std::any_of(sources.begin(), sources.end(), [&](const auto& one) { return names_it(one.text); });
    const auto& directives = context.directives;
    if (!named && std::none_of(directives.begin(), directives.end(), names_it)) return std::nullopt;
    return read_conf(file, context, Strictness::strict).make;
}

void check_source(const ModuleId& module, const fs::path& source)
{
    std::vector<std::string> names;
    try {
        names = names_in(source).value_or(names);
    } catch (const Error& error) {
        Parameters parameters = error.parameters();
        parameters["module"] = module.text();
        throw Error(ErrorCode::source_unreadable, std::move(parameters));
    }
    if (names.size() < 2) throw Error(ErrorCode::source_empty, {{"module", module.text()}, {"path", source.string()}});
}

void check_dependencies(const Work& work, const Conf& conf)
{
    const Layout layout(work.places);
    std::string missing;
    for (const std::string& name : conf.build_depends)
        if (!is_installed(layout, name, work.step.kernel)) missing += (missing.empty() ? "" : " ") + name;
    if (missing.empty()) return;
    const Error error(
        ErrorCode::missing_dependencies,
        {{"module", work.step.module.text()}, {"kernel", work.step.kernel.release}, {"dependencies", missing}});
    if (!work.step.options.force) throw error;
    work.reporter.warning(error.name(), error.parameters(), error.message());
}

} // namespace dkms
