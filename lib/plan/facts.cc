// SPDX-License-Identifier: LGPL-2.1-or-later
#include "lib/kernel/headers.h"
#include "lib/plan/needs.h"
#include "lib/plan/plan.h"
#include "lib/tree/directory.h"
#include "lib/tree/install_history.h"
#include "lib/tree/layout.h"
#include "lib/tree/record.h"
#include "lib/tree/scan.h"
#include "lib/tree/transaction_mark.h"

namespace dkms {
PlanFacts facts_of(const Places& places)
{
    PlanFacts facts;
    facts.places = places;
    facts.running = {running_release(), running_architecture()};
    facts.module = [places](const ModuleId& module) { return scan_module(places, module); };
    facts.versions = [places](const std::string& name) {
        StatusFilter filter;
        filter.module = name;
        return scan(places, filter, ScanDepth::quick);
    };
    facts.installed_kernels = [places](bool with_headers) { return installed_kernels(places, with_headers); };
    facts.kernel_exists = [places](const KernelId& kernel) {
        return leads_to_directory(places.install_tree / kernel.release);
    };
    facts.has_given_headers = [places](const ModuleId& module, const KernelId& kernel) {
        const auto record = read_build_record(Layout(places), module, kernel);
        const std::filesystem::path headers = record ? record->inputs.value("headers", std::string()) : std::string();
        const bool outside =
            !headers.empty() && !headers.string().starts_with(places.inside(places.install_tree).string() + "/");
        return outside && leads_to_directory(places.root / headers.relative_path());
    };
    facts.sequence = [places](const std::string& name, const KernelId& kernel) {
        const Layout layout(places);
        PlanFacts::Sequence sequence{active_version(layout, name, kernel).value_or(""), ""};
        const InstallHistory history = read_history(layout, name, kernel);
        sequence.before = history.before(sequence.present);
        const bool is_known = !history.entries.empty() && history.entries.back().module.version == sequence.present;
        if (is_known) sequence.by = history.entries.back().job;
        return sequence;
    };
    facts.source_exists = [places](const ModuleId& module) {
        return leads_to_directory(Layout(places).source_in_source_tree(module));
    };
    facts.is_complete = [places](const KernelId& kernel) {
        // Of what was cut off: first that is mended. They are for those who own the tree.
        const auto intents = Directory::open_if_allowed(Layout(places).intents());
        return (!intents || intents->entries().empty()) && needs_of(places, kernel, quick_source(places)).is_complete();
    };
    facts.added_in = [places](const ModuleId& module, const std::string& transaction) {
        return has_transaction_mark(Layout(places), module, transaction);
    };
    return facts;
}

} // namespace dkms
