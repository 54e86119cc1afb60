// SPDX-License-Identifier: LGPL-2.1-or-later
#include "lib/package/pack_step.h"

#include "lib/files/walk.h"
#include "lib/package/archive_name.h"
#include "lib/package/inner_path.h"
#include "lib/package/module_archive.h"
#include "lib/package/pack_content.h"
#include "lib/package/product_place.h"
#include "lib/process/open_path.h"
#include "lib/tree/layout.h"

#include <cerrno>
#include <optional>

#include <sys/stat.h>
#include <unistd.h>

namespace dkms {
namespace {

namespace fs = std::filesystem;

class PackStep : public Action {
public:
    explicit PackStep(Work& work) : work_(work), layout_(work.places) {}

    void prepare() override;
    Outcome run() override;
    void undo() noexcept override;

private:
    bool writes_to_file() const; ///< of the caller's
    void announce() const;
    void warn_of_links() const;
    void empty_handle() const;
    void write(int descriptor, const std::string& shown) const;
    [[noreturn]] static void refuse(const fs::path& path, int number);

    Work& work_;
    Layout layout_;
    std::optional<PackContent> content_;
    std::string name_; ///< of the archive's file
    std::optional<ProductPlace> place_;
};

void PackStep::refuse(const fs::path& path, int number)
{
    throw Error(ErrorCode::archive_not_writable,
                {{"path", path.string()}, {"reason", errno_text(number)}, {"errno", std::to_string(number)}});
}

void PackStep::prepare()
{
    const Options& options = work_.step.options;
    content_.emplace(work_);
    name_ = options.archive.empty()
                ? archive_name(work_.step.module, options.source_only ? std::vector<KernelId>{} : work_.step.kernels)
                : fs::path(options.archive).filename().string();
    if (name_.empty() || name_ == "." || name_ == "..") refuse(options.archive, EISDIR);
}

bool PackStep::writes_to_file() const { return work_.handle >= 0 && !is_directory(work_.handle); }

Outcome PackStep::run()
{
    work_.reporter.stage(Stage::prepare, 0);
    announce();
    if (!work_.step.options.binaries_only) warn_of_links();
    if (writes_to_file()) {
        empty_handle();
        write(work_.handle, name_);
        work_.reporter.report(Event(EventKind::packed, {{"path", name_of_open(work_.handle)}}));
        return {};
    }
    place_.emplace(work_, "tarball");
    write(place_->create(name_), place_->shown(name_));
    place_->publish();
    return {};
}

/// Kernels in the order in which they were asked for; the archive has an order of its own.
void PackStep::announce() const
{
    const auto packing = [this](const nlohmann::json& facts) {
        work_.reporter.report(Event(EventKind::packing, facts));
    };
    if (!work_.step.options.source_only)
        for (const KernelId& kernel : work_.step.kernels) packing({{"what", "kernel"}, {"kernel", kernel.text()}});
    if (work_.step.options.binaries_only)
        packing({{"what", "binaries-structure"}});
    else
        packing({{"what", "source"}, {"path", layout_.source_link(work_.step.module)}});
}

/// Here the source may lean on what is beside it; an archive with a link that leaves it is refused wherever it comes
/// to.
void PackStep::warn_of_links() const
{
    walk(content_->source().number(), [this](const Found& found) {
        if (!S_ISLNK(found.facts.st_mode) || link_stays(depth_of(found.path), found.link_text())) return;
        work_.reporter.warning("LinkLeaves", {{"path", found.path}, {"target", found.link_text()}},
                               "The link " + found.path + " leads out of the source, to " + found.link_text() +
                                   ": nobody takes such an archive in. Put a copy in its place.");
    });
}

/// What is no file, a pipe or a device, takes the bytes as they come.
void PackStep::empty_handle() const
{
    struct stat facts {};
    if (::fstat(work_.handle, &facts) == 0 && S_ISREG(facts.st_mode) &&
        (::ftruncate(work_.handle, 0) < 0 || ::lseek(work_.handle, 0, SEEK_SET) < 0))
        refuse(name_of_open(work_.handle), errno);
}

void PackStep::write(int descriptor, const std::string& shown) const
{
    write_module_archive(*content_,
                         work_.step.options.binaries_only ? ArchivedSource::conf_only : ArchivedSource::whole,
                         descriptor, shown, work_.cancellation);
}

void PackStep::undo() noexcept
{
    place_.reset();
    struct stat facts {};
    if (work_.handle < 0 || ::fstat(work_.handle, &facts) < 0 || !S_ISREG(facts.st_mode)) return;
    if (::ftruncate(work_.handle, 0) < 0) return; // half of it is no archive, as whoever reads it will see
}

} // namespace

std::unique_ptr<Action> make_pack_step(Work& work) { return std::make_unique<PackStep>(work); }

} // namespace dkms
