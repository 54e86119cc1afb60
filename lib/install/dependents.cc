// SPDX-License-Identifier: LGPL-2.1-or-later
#include "lib/install/dependents.h"

#include "lib/model/error.h"
#include "lib/process/descriptor.h"
#include "lib/tree/fingerprint.h"
#include "lib/tree/layout.h"
#include "lib/tree/record.h"
#include "lib/tree/scan.h"

namespace dkms {
namespace {

/// The version of `dependency` that a build was made with; empty where none was noted.
std::string noted_version(const std::filesystem::path& build, const std::string& dependency)
{
    const std::string text = read_file_if_present(build / (".dep_" + dependency), 4096).value_or("");
    return text.substr(0, text.find('\n'));
}

/// Whether a build was made with other symbols of `dependency` than there are now.
bool has_other_symbols(const Layout& layout, const Places& places, const ModuleId& module, const KernelId& kernel,
                       const std::string& dependency)
{
    const auto record = read_build_record(layout, module, kernel);
    if (!record) return false;
    auto files = input_files_from_json(record->inputs.value("files", nlohmann::json()));
    const auto symbols = layout.active_link(dependency, kernel).filename() / "module/Module.symvers";
    std::erase_if(files, [&](const InputFile& file) {
        const bool of_it = file.path.parent_path().parent_path().parent_path().filename() == dependency;
        return file.kind != "dependency" || !of_it || !file.path.string().ends_with(symbols.string());
    });
    return first_changed(files, places) != nullptr;
}

JobPlan rebuild(const ModuleId& module, const KernelId& kernel, bool installed, bool force, Options options)
{
    options.force |= force;
    options.refresh = true;
    JobPlan plan{{Verb::rebuild, module, {kernel}, options}, {{StepKind::build, module, kernel, options}}, {}};
    if (installed) plan.steps.push_back({StepKind::install, module, kernel, options});
    if (installed) plan.steps.back().part_of = Verb::rebuild;
    return plan;
}

} // namespace

std::vector<JobPlan> stale_dependents(const Places& places, const ModuleId& dependency, const KernelId& kernel,
                                      const Options& options)
{
    const Layout layout(places);
    std::vector<JobPlan> jobs;
    StatusFilter filter;
    filter.arch = kernel.arch;
    for (const ModuleStatus& one : scan(places, filter, ScanDepth::quick))
        for (const KernelStatus& status : one.kernels) {
            if (status.kernel != kernel) continue;
            if (one.broken || one.module.name == dependency.name) continue; // itself, too, is not built twice
            const std::string noted = noted_version(layout.kernel(one.module, kernel), dependency.name);
            const bool by_version = !noted.empty() && noted != dependency.version;
            if (!by_version && !has_other_symbols(layout, places, one.module, kernel, dependency.name)) continue;
            jobs.push_back(rebuild(one.module, kernel, status.state == KernelState::installed, by_version, options));
        }
    return jobs;
}

} // namespace dkms
