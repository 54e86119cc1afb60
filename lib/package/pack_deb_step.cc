// SPDX-License-Identifier: LGPL-2.1-or-later
#include "lib/package/pack_deb_step.h"

#include "lib/model/error.h"
#include "lib/package/deb_build.h"
#include "lib/package/deb_source.h"
#include "lib/package/deb_template.h"
#include "lib/package/product_place.h"

#include <optional>
#include <vector>

namespace dkms {
namespace {

class PackDebStep : public Action {
public:
    explicit PackDebStep(Work& work) : work_(work), format_(work.step.options.format) {}

    void prepare() override;
    Outcome run() override;
    void undo() noexcept override { place_.reset(); }

private:
    std::string product() const { return "The package of " + work_.step.module.text(); }
    Products make() const;
    Products make_one(const KernelId& kernel) const;

    Work& work_;
    PackFormat format_;
    std::optional<PackContent> content_;
    DebTemplate template_;
    std::optional<ProductPlace> place_;
};

void PackDebStep::prepare()
{
    const Options& options = work_.step.options;
    if (format_ == PackFormat::dsc && options.binaries_only)
        throw Error(ErrorCode::invalid_args, {{"reason", "a source package has a source"}});
    if (options.binaries_only && work_.step.kernels.empty())
        throw Error(ErrorCode::invalid_args, {{"reason", "binaries_only needs the kernels whose builds are meant"}});
    if (format_ == PackFormat::bmdeb && options.source_only)
        throw Error(ErrorCode::invalid_args, {{"reason", "a package of built modules has no source"}});
    content_.emplace(work_);
    template_ = find_deb_template(*content_, work_);
    if (template_.directory) require_tool(product(), "dpkg-buildpackage", "dpkg-dev");
    if (format_ != PackFormat::dsc) require_tool(product(), "dpkg-deb", "dpkg");
}

Outcome PackDebStep::run()
{
    work_.reporter.stage(Stage::prepare, 0);
    const Products made = make();
    if (made.empty())
        throw Error(ErrorCode::packaging_failed, {{"product", product()},
                                                  {"program", "dpkg-buildpackage"},
                                                  {"reason", "the template " + template_.name + " made nothing"}});
    place_.emplace(work_, std::string(name_of(format_)));
    for (const Product& product : made) place_->copy(product);
    place_->publish();
    return {};
}

Products PackDebStep::make() const
{
    if (format_ != PackFormat::bmdeb) return make_one({});
    Products made;
    for (const auto& [kernel, build] : content_->builds())
        for (Product& product : make_one(kernel)) made.push_back(std::move(product));
    return made;
}

/// In a draft of its own: what a template has left for one kernel must not be there for the next.
Products PackDebStep::make_one(const KernelId& kernel) const
{
    DraftDirectory draft(work_, product());
    if (template_.directory) return build_from_template(draft, template_, *content_, kernel, work_);
    if (format_ == PackFormat::dsc) return build_dsc(draft, *content_, work_);
    Products made;
    made.push_back(format_ == PackFormat::deb
                       ? build_dkms_deb(draft, *content_, work_)
                       : build_modules_deb(draft, *content_, kernel, work_, ModulesDeb::for_machine));
    return made;
}

} // namespace

std::unique_ptr<Action> make_pack_deb_step(Work& work) { return std::make_unique<PackDebStep>(work); }

} // namespace dkms
