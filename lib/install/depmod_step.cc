// SPDX-License-Identifier: LGPL-2.1-or-later
#include "lib/install/depmod_step.h"

#include "lib/install/indexing.h"
#include "lib/install/placed.h"
#include "lib/tree/scan.h"

namespace dkms {
namespace {

/// Paths below <install tree>/K of everything that is installed for the kernel.
std::vector<std::string> installed_files(const Places& places, const KernelId& kernel)
{
    std::vector<std::string> files;
    StatusFilter filter;
    filter.kernel = kernel.release;
    filter.arch = kernel.arch;
    for (const ModuleStatus& module : scan(places, filter, ScanDepth::quick))
        for (const KernelStatus& status : module.kernels)
            if (status.state == KernelState::installed)
                for (const PlacedModule& one : placed_modules(places, module.module, kernel))
                    if (!one.path.empty()) files.push_back(one.path);
    return files;
}

class DepmodStep : public Action {
public:
    explicit DepmodStep(Work& work) : work_(work) {}

    void prepare() override {}

    Outcome run() override
    {
        const KernelId& kernel = work_.step.kernel;
        if (!is_indexed(work_)) {
            index_modules(work_, {}); // says that there is none
            return {Result::skipped, std::nullopt};
        }
        if (const auto reason = index_modules(work_, installed_files(work_.places, kernel)))
            throw Error(
                ErrorCode::index_failed,
                {{"kernel", kernel.release}, {"reason", *reason}, {"errno", std::to_string(errno_in(*reason))}});
        return {};
    }

    void undo() noexcept override {} // an index can be made again at any time

private:
    Work& work_;
};

} // namespace

std::unique_ptr<Action> make_depmod_step(Work& work) { return std::make_unique<DepmodStep>(work); }

} // namespace dkms
