// SPDX-License-Identifier: LGPL-2.1-or-later
#include "lib/package/pack_rpm_step.h"

#include "lib/model/error.h"
#include "lib/package/kmod_package.h"
#include "lib/package/kmp_source.h"
#include "lib/package/product_place.h"
#include "lib/package/rpm_package.h"

#include <optional>

namespace dkms {
namespace {

class PackRpmStep : public Action {
public:
    explicit PackRpmStep(Work& work) : work_(work) {}

    void prepare() override;
    Outcome run() override;
    void undo() noexcept override { place_.reset(); }

private:
    std::string product() const;
    Products make() const;
    Products make_kmods() const;

    Work& work_;
    std::optional<PackContent> content_;
    std::optional<ProductPlace> place_;
};

void PackRpmStep::prepare()
{
    if (work_.step.options.format == PackFormat::kmp && work_.step.kernels.size() != 1)
        throw Error(ErrorCode::invalid_args, {{"reason", "a kernel module package is made ready for one kernel"}});
    content_.emplace(work_);
}

std::string PackRpmStep::product() const
{
    const std::string module = work_.step.module.text();
    return work_.step.options.format == PackFormat::kmp ? "The kernel module package of " + module
                                                        : "The RPM of " + module;
}

Products PackRpmStep::make() const
{
    if (work_.step.options.format == PackFormat::kmod) return make_kmods();
    DraftDirectory draft(work_, product());
    if (work_.step.options.format == PackFormat::rpm) return make_dkms_package(work_, *content_, draft);
    return make_kmp_source(work_, *content_, work_.step.kernels.front(), draft);
}

Products PackRpmStep::make_kmods() const
{
    Products made;
    for (const KernelId& kernel : work_.step.kernels) {
        DraftDirectory draft(work_, product());
        made.push_back(make_kmod_package(work_, *content_, kernel, draft));
    }
    return made;
}

Outcome PackRpmStep::run()
{
    work_.reporter.stage(Stage::prepare, 0);
    const Products made = make();
    if (made.empty())
        throw Error(ErrorCode::packaging_failed,
                    {{"product", product()}, {"program", "rpmbuild"}, {"reason", "its spec makes no package"}});
    place_.emplace(work_, "rpm");
    for (const Product& product : made) place_->copy(product);
    place_->publish();
    return {};
}

} // namespace

std::unique_ptr<Action> make_pack_rpm_step(Work& work) { return std::make_unique<PackRpmStep>(work); }

} // namespace dkms
