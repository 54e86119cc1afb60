// SPDX-License-Identifier: LGPL-2.1-or-later
#include "lib/package/adopt_step.h"

#include "lib/build/private_directory.h"
#include "lib/package/loaded.h"
#include "lib/package/source_placement.h"
#include "lib/tree/build_origin.h"
#include "lib/tree/directory.h"
#include "lib/tree/record.h"
#include "lib/tree/registration.h"
#include "lib/tree/scan.h"
#include "lib/tree/stale_build.h"

#include <algorithm>
#include <vector>

#include <unistd.h>

namespace dkms {
namespace {

namespace fs = std::filesystem;

void report_stale_build(const Work& work, const KernelId& kernel)
{
    const std::string module = work.step.module.text();
    work.reporter.warning("stale-build", {{"module", module}, {"kernel", kernel.release}},
                          module + " for kernel " + kernel.release +
                              " was built from the source that is replaced; installing it builds it again.");
}

class AdoptStep : public Action {
public:
    explicit AdoptStep(Work& work)
        : work_(work), layout_(work.places), module_(work.step.module), loaded_(layout_, work.step.staged),
          source_(layout_, module_), registration_(work)
    {
    }

    void prepare() override;
    Outcome run() override;
    void undo() noexcept override;

private:
    bool force() const { return work_.step.options.force; }
    bool has_source_already() const { return leads_to_directory(layout_.source_in_source_tree(module_)); }
    void choose_conf();
    void place_source();
    void mark_stale_builds();
    void place_builds();
    void place_build(const KernelId& kernel, bool by_itself);
    void finish() noexcept;

    Work& work_;
    Layout layout_;
    ModuleId module_;
    Loaded loaded_;
    SourcePlacement source_;
    Registration registration_;
    std::vector<KernelId> placed_;
    std::vector<Replacement> builds_;
    std::vector<KernelId> stale_; ///< builds that were marked
    std::vector<fs::path> made_;  ///< directories for builds in a version directory that was there
};

void AdoptStep::prepare()
{
    if (work_.step.staged.empty() || !leads_to_directory(loaded_.directory()))
        throw Error(ErrorCode::interrupted, {{"reason", "what was loaded is gone"}});
    try {
        check_not_added(layout_, module_, loaded_.is_of_dkms(), force());
        choose_conf();
        if (loaded_.has_source()) require_writable(layout_.source_in_source_tree(module_).parent_path());
    } catch (const Error& error) {
        const auto place = loaded_.conf().parent_path();
        remove_quietly(loaded_.directory());
        throw renamed(error, place, layout_.source_in_source_tree(module_).string());
    }
}

/// Of a module without source the configuration that came along counts only where there is no source either.
void AdoptStep::choose_conf()
{
    if (!loaded_.has_source() && has_source_already()) {
        remove_quietly(loaded_.conf_only());
        registration_.check(layout_.source_in_source_tree(module_) / "dkms.conf");
    } else {
        registration_.check(loaded_.conf());
    }
}

Outcome AdoptStep::run()
{
    registration_.report_conf();
    work_.cancellation.check();
    make_directories(loaded_.version());
    place_source();
    place_builds();
    if (!leads_to_directory(loaded_.conf_only())) registration_.report_link();
    registration_.publish(loaded_.version());
    registration_.run_post_add();
    finish();
    return {};
}

void AdoptStep::place_source()
{
    const auto loaded = [this](const fs::path& path, bool conf_only) {
        work_.reporter.report(Event(EventKind::source_loaded, {{"path", path.string()}, {"conf_only", conf_only}}));
    };
    if (loaded_.has_source()) {
        if (force() && has_source_already()) work_.reporter.report(Event(EventKind::forcing, {{"what", "add"}}));
        mark_stale_builds(); // before: killed here, it is built once more for nothing
        source_.place(loaded_.source(), force());
        loaded(layout_.source_in_source_tree(module_), false);
    } else if (leads_to_directory(loaded_.conf_only())) {
        loaded(layout_.source_link(module_), true);
    }
}

/// What was built from the source that is being replaced, but for what comes along with the new one.
void AdoptStep::mark_stale_builds()
{
    const fs::path place = layout_.source_in_source_tree(module_);
    const auto status = has_source_already() ? scan_module(work_.places, module_) : std::nullopt;
    if (!status || is_same_source(loaded_.source(), place)) return;
    const auto loaded = loaded_.builds();
    for (const KernelStatus& one : status->kernels) {
        const bool built = one.state == KernelState::built || one.state == KernelState::installed;
        if (!built || std::find(loaded.begin(), loaded.end(), one.kernel) != loaded.end()) continue;
        if (!one.stale) {
            mark_stale(layout_, module_, one.kernel);
            stale_.push_back(one.kernel);
        }
        report_stale_build(work_, one.kernel);
    }
}

void AdoptStep::place_builds()
{
    const bool by_itself = leads_to_directory(layout_.version(module_)); // else they come with the version directory
    for (const KernelId& kernel : loaded_.builds()) {
        const fs::path build = loaded_.version() / kernel.release / kernel.arch;
        forget_input_files(build);
        note_archive(build);
        place_build(kernel, by_itself);
    }
}

void AdoptStep::place_build(const KernelId& kernel, bool by_itself)
{
    const auto target = layout_.kernel(module_, kernel);
    const bool skipped = !force() && leads_to_directory(layout_.built_modules(module_, kernel));
    work_.reporter.report(Event(EventKind::build_loaded, {{"path", target.string()}, {"skipped", skipped}}));
    if (skipped) return;
    placed_.push_back(kernel);
    if (!by_itself) return;
    for (auto& path : make_directories(target.parent_path())) made_.push_back(std::move(path));
    builds_.push_back(Replacement::put(layout_, loaded_.version() / kernel.release / kernel.arch, target));
    sync_directory(target.parent_path());
}

void AdoptStep::finish() noexcept
{
    for (const KernelId& kernel : placed_) remove_trouble_record(layout_, module_, kernel);
    source_.finish();
    remove_quietly(loaded_.directory());
}

void AdoptStep::undo() noexcept
{
    if (!registration_.stays()) {
        registration_.undo();
        for (auto build = builds_.rbegin(); build != builds_.rend(); ++build) build->undo();
        for (auto path = made_.rbegin(); path != made_.rend(); ++path) ::rmdir(path->c_str());
        source_.undo();
        for (const KernelId& kernel : stale_) unmark_stale(layout_, module_, kernel);
        placed_.clear();
    }
    finish();
}

/// What is loaded lies in its place already: what was built from it as it was before is stale.
class SourceInPlaceStep : public Action {
public:
    explicit SourceInPlaceStep(Work& work) : work_(work), layout_(work.places) {}

    void prepare() override {}
    Outcome run() override;
    void undo() noexcept override {} // a mark too many costs a build

private:
    bool is_of_another(const KernelId& kernel, const std::string& stamp) const;

    Work& work_;
    Layout layout_;
};

Outcome SourceInPlaceStep::run()
{
    const ModuleId& module = work_.step.module;
    const auto status = scan_module(work_.places, module);
    const std::string stamp = stamp_of_source(layout_.source_in_source_tree(module));
    for (const KernelStatus& one : status ? status->kernels : std::vector<KernelStatus>()) {
        const bool built = one.state == KernelState::built || one.state == KernelState::installed;
        if (!built || !is_of_another(one.kernel, stamp)) continue;
        if (!one.stale) mark_stale(layout_, module, one.kernel);
        report_stale_build(work_, one.kernel);
    }
    return {};
}

/// Builds of older programs, and such as came built, say nothing about it.
bool SourceInPlaceStep::is_of_another(const KernelId& kernel, const std::string& stamp) const
{
    const auto record = read_build_record(layout_, work_.step.module, kernel);
    const std::string known = record ? record->inputs.value("source_stamp", "") : "";
    return !known.empty() && known != stamp;
}

} // namespace

std::unique_ptr<Action> make_adopt_step(Work& work)
{
    if (work.step.staged.empty()) return std::make_unique<SourceInPlaceStep>(work);
    return std::make_unique<AdoptStep>(work);
}

} // namespace dkms
