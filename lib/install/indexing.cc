// SPDX-License-Identifier: LGPL-2.1-or-later
#include "lib/install/indexing.h"

#include "lib/files/file_kind.h"
#include "lib/install/depmod.h"
#include "lib/process/child.h"
#include "lib/tree/pending.h"

#include <chrono>

namespace dkms {

bool is_indexed(const Work& work)
{
    return !work.step.options.no_depmod && leads_somewhere(modules_dep(work.places, work.step.kernel.release));
}

std::optional<std::string> index_modules(const Work& work, const std::vector<std::string>& files,
                                         const std::vector<std::string>& restored)
{
    if (work.step.options.no_depmod) return std::nullopt;
    const std::string& release = work.step.kernel.release;
    if (!is_indexed(work)) {
        work.reporter.report(Event(EventKind::depmod_skipped, {{"path", modules_dep(work.places, release).string()}}));
        return std::nullopt;
    }
    work.reporter.stage(Stage::depmod, 70);
    auto listed = listed_in_index(work.places, release);
    listed.insert(listed.end(), restored.begin(), restored.end());
    const DepmodCommand depmod(work.places, release);
    work.reporter.command_started("depmod", release, text_of(depmod.argv()));
    const auto began = std::chrono::steady_clock::now();
    const DepmodCommand::Result result = depmod.run();
    const std::chrono::duration<double> seconds = std::chrono::steady_clock::now() - began;
    work.reporter.command_ended("depmod", release, result.failure ? 1 : 0, seconds.count());
    auto fault = result.failure ? result.failure : index_fault(work.places, release, files, listed, result.output);
    if (!fault) remove_pending(Layout(work.places), work.step.kernel, StepKind::depmod);
    return fault;
}

std::optional<std::string> index_again(const Places& places, const KernelId& kernel) noexcept
{
    std::optional<std::string> failure;
    try {
        if (!leads_somewhere(modules_dep(places, kernel.release))) return std::nullopt;
        const auto listed = listed_in_index(places, kernel.release);
        const auto result = DepmodCommand(places, kernel.release).run();
        failure = result.failure ? result.failure : index_fault(places, kernel.release, {}, listed, result.output);
    } catch (const std::exception& fault) {
        failure = fault.what();
    }
    if (!failure) {
        remove_pending(Layout(places), kernel, StepKind::depmod);
        return failure;
    }
    try {
        add_pending(Layout(places), kernel, {{StepKind::depmod, {}, kernel, {}}});
    } catch (const std::exception&) {
        return failure; // whoever checks the trees will see it
    }
    return failure;
}

} // namespace dkms
