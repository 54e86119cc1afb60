// SPDX-License-Identifier: LGPL-2.1-or-later
#include "lib/install/follow_up.h"

#include "lib/config/framework.h"
#include "lib/install/indexing.h"

namespace dkms {

std::vector<Step> follow_up_of(const Work& work, bool initramfs, bool installed)
{
    const KernelId& kernel = work.step.kernel;
    const Options& options = work.step.options;
    const Framework framework = read_framework(work.places, work.settings);
    const bool of_the_system = work.places.is_default_install_tree();
    std::vector<Step> steps;
    if (options.batch && is_indexed(work)) steps.push_back({StepKind::depmod, {}, kernel, {}});
    if (initramfs && !options.no_initramfs && of_the_system) steps.push_back({StepKind::initramfs, {}, kernel, {}});
    const bool loads = options.modprobe_on_install || framework.modprobe_on_install;
    if (installed && loads && work.places.root == "/" && of_the_system && kernel.release == running_release())
        steps.push_back({StepKind::modprobe, {}, kernel, {}});
    if (!framework.post_transaction.empty()) steps.push_back({StepKind::post_transaction, {}, kernel, {}});
    return steps;
}

} // namespace dkms
