// SPDX-License-Identifier: LGPL-2.1-or-later
#include "lib/install/indexing.h"

#include "lib/files/file_kind.h"
#include "lib/install/depmod.h"
#include "lib/process/child.h"

#include <chrono>

namespace dkms {

bool is_indexed(const Work& work)
{
    return !work.step.options.no_depmod && leads_somewhere(modules_dep(work.places, work.step.kernel.release));
}

std::optional<std::string> index_modules(const Work& work, const std::vector<std::string>& files)
{
    if (work.step.options.no_depmod) return std::nullopt;
    const std::string& release = work.step.kernel.release;
    if (!is_indexed(work)) {
        work.reporter.report(Event(EventKind::depmod_skipped, {{"path", modules_dep(work.places, release).string()}}));
        return std::nullopt;
    }
    work.reporter.stage(Stage::depmod, 70);
    const DepmodCommand depmod(work.places, release);
    work.reporter.command_started("depmod", release, text_of(depmod.argv()));
    const auto began = std::chrono::steady_clock::now();
    const DepmodCommand::Result result = depmod.run();
    const std::chrono::duration<double> seconds = std::chrono::steady_clock::now() - began;
    work.reporter.command_ended("depmod", release, result.failure ? 1 : 0, seconds.count());
    return result.failure ? result.failure : index_fault(work.places, release, files, result.output);
}

} // namespace dkms
