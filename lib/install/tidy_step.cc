// SPDX-License-Identifier: LGPL-2.1-or-later
#include "lib/install/tidy_step.h"

#include "lib/install/indexing.h"
#include "lib/tree/directory.h"
#include "lib/tree/layout.h"
#include "lib/tree/record.h"
#include "lib/tree/scan.h"

#include <fcntl.h>
#include <unistd.h>

namespace dkms {
namespace {

/// Deletes directories below `directory` that are empty, or become so. Links are not followed.
void delete_empty(const Directory& directory)
{
    for (const auto& entry : directory.entries()) {
        if (entry.kind != Directory::Kind::directory) continue;
        if (const auto below = directory.open_below(entry.name)) delete_empty(*below);
        ::unlinkat(directory.number(), entry.name.c_str(), AT_REMOVEDIR); // fails for one that is not empty
    }
}

/// Why modules are not there for a kernel does not matter any more.
void forget_troubles(const Places& places, const KernelId& kernel)
{
    const Layout layout(places);
    for (const ModuleStatus& module : scan(places, {}, ScanDepth::quick))
        for (const KernelStatus& status : module.kernels)
            if (status.kernel == kernel && status.state != KernelState::built &&
                status.state != KernelState::installed && status.state != KernelState::installed_weak) {
                remove_trouble_record(layout, module.module, kernel);
                ::unlink(layout.failed_log(module.module, kernel).c_str()); // one that stays belongs to no trouble
            }
}

class TidyStep : public Action {
public:
    explicit TidyStep(Work& work) : work_(work) {}

    void prepare() override {}

    Outcome run() override
    {
        const std::string& release = work_.step.kernel.release;
        if (const auto directory = Directory::open(work_.places.install_tree / release)) delete_empty(*directory);
        forget_troubles(work_.places, work_.step.kernel);
        const auto modules = work_.places.install_tree / release;
        if (::access(modules.c_str(), W_OK) != 0) return {Result::skipped, std::nullopt};
        if (const auto reason = index_modules(work_, {}))
            work_.reporter.warning("depmod-failed", {{"kernel", release}, {"reason", *reason}},
                                   "depmod failed for kernel " + release + ": " + *reason);
        return {};
    }

    void undo() noexcept override {} // an index can be made again at any time

private:
    Work& work_;
};

} // namespace

std::unique_ptr<Action> make_tidy_step(Work& work) { return std::make_unique<TidyStep>(work); }

} // namespace dkms
