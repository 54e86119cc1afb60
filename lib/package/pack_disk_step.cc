// SPDX-License-Identifier: LGPL-2.1-or-later
#include "lib/package/pack_disk_step.h"

#include "lib/model/error.h"
#include "lib/package/anaconda_disk.h"
#include "lib/package/debian_disk.h"
#include "lib/package/disk_image.h"
#include "lib/package/disk_layout.h"
#include "lib/package/manifest.h"
#include "lib/package/product_place.h"
#include "lib/package/redhat_loader_disk.h"
#include "lib/package/suse_disk.h"

#include <nlohmann/json.hpp>

#include <algorithm>
#include <optional>
#include <vector>

namespace dkms {
namespace {

class PackDiskStep : public Action {
public:
    explicit PackDiskStep(Work& work) : work_(work), options_(work.step.options) {}

    void prepare() override;
    Outcome run() override;
    void undo() noexcept override { place_.reset(); }

private:
    bool has(DiskLayout layout) const
    {
        return std::any_of(targets_.begin(), targets_.end(),
                           [&](const DiskTarget& target) { return target.layout == layout; });
    }
    DiskImage image() const;
    void require_tools() const;
    void fill(DiskDraft& disk) const;
    std::map<KernelId, std::vector<PackedModule>> modules() const;

    Work& work_;
    const Options& options_;
    std::optional<PackContent> content_;
    std::vector<DiskTarget> targets_;
    DiskImage image_;
    std::optional<ProductPlace> place_;
};

void PackDiskStep::prepare()
{
    if (options_.source_only) throw Error(ErrorCode::invalid_args, {{"reason", "a driver disk holds built modules"}});
    std::vector<std::string> architectures;
    for (const KernelId& kernel : work_.step.kernels) architectures.push_back(kernel.arch);
    targets_ = disk_targets(options_.distributions, architectures);
    image_ = image();
    content_.emplace(work_);
    check_image(image_);
    require_tools();
}

DiskImage PackDiskStep::image() const
{
    DiskImage image;
    image.product = "The driver disk of " + work_.step.module.text();
    image.media = disk_media(options_.media);
    image.ext2 = targets_.size() == 1 && wants_ext2(targets_.front().layout);
    image.size = options_.media_size;
    image.label = options_.label;
    const auto is_looked_for = [](const DiskTarget& target) { return wants_label(target.layout); };
    if (image.label.empty() && std::any_of(targets_.begin(), targets_.end(), is_looked_for)) image.label = "OEMDRV";
    return image;
}

void PackDiskStep::require_tools() const
{
    if (has(DiskLayout::anaconda)) require_tool(image_.product, "rpmbuild", "rpm");
    if (has(DiskLayout::debian) || has(DiskLayout::old_ubuntu)) require_tool(image_.product, "dpkg-deb", "dpkg");
}

std::map<KernelId, std::vector<PackedModule>> PackDiskStep::modules() const
{
    std::map<KernelId, std::vector<PackedModule>> modules;
    for (const auto& [kernel, build] : content_->builds()) {
        modules[kernel] = content_->modules(kernel);
        if (modules[kernel].empty())
            throw Error(ErrorCode::not_built,
                        {{"module", content_->module().text()}, {"kernel", kernel.release}, {"arch", kernel.arch}});
    }
    return modules;
}

Outcome PackDiskStep::run()
{
    work_.reporter.stage(Stage::prepare, 0);
    DraftDirectory draft(work_, image_.product);
    PayloadTree tree(draft.input() / "disk", content_->time(), work_.cancellation);
    DiskDraft disk{work_, *content_, modules(), draft, tree};
    fill(disk);
    // Only one of the layouts has the source.
    const Manifest::Scope scope{has(DiskLayout::old_ubuntu)};
    tree.text(manifest_name, text_of(manifest_of(*content_, work_.cancellation, scope)));
    tree.finish();

    const std::string name = disk_name(work_.step.module, work_.step.kernels, targets_) + suffix_of(image_.media);
    const Product made = write_image(draft, tree, image_, content_->time(), name, work_.cancellation);
    place_.emplace(work_, "driver_disk");
    place_->copy(made);
    place_->publish();
    return {};
}

void PackDiskStep::fill(DiskDraft& disk) const
{
    for (const DiskTarget& target : targets_) {
        work_.cancellation.check();
        switch (target.layout) {
        case DiskLayout::loader_v1:
            put_redhat_loader_disk(disk, 1);
            break;
        case DiskLayout::loader_v2:
            put_redhat_loader_disk(disk, 2);
            break;
        case DiskLayout::anaconda:
            put_anaconda_disk(disk);
            break;
        case DiskLayout::suse:
        case DiskLayout::united_linux:
            put_suse_disk(disk, target);
            break;
        case DiskLayout::debian:
            put_debian_disk(disk, target);
            break;
        case DiskLayout::old_ubuntu:
            put_old_ubuntu_disk(disk);
            break;
        }
    }
}

} // namespace

std::unique_ptr<Action> make_pack_disk_step(Work& work) { return std::make_unique<PackDiskStep>(work); }

} // namespace dkms
