// SPDX-License-Identifier: LGPL-2.1-or-later
#include "lib/tree/remove_step.h"

#include "lib/files/remove_tree.h"
#include "lib/tree/directory.h"
#include "lib/tree/layout.h"
#include "lib/tree/lock.h"
#include "lib/tree/lower_layer.h"
#include "lib/tree/scan.h"
#include "lib/tree/transaction_mark.h"

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdio>
#include <string_view>
#include <utility>

#include <unistd.h>

namespace dkms {
namespace {

constexpr std::array<std::string_view, 8> not_builds{"build", "tarball", "driver_disk", "rpm",
                                                     "deb",   "dsc",     "bmdeb",       "source"};

bool begins_with(const std::string& text, std::string_view prefix)
{
    return text.compare(0, prefix.size(), prefix) == 0;
}

class RemoveStep : public Action {
public:
    explicit RemoveStep(Work& work) : work_(work), layout_(work.places), module_(work.step.module) {}

    void prepare() override;
    Outcome run() override;
    void undo() noexcept override;

private:
    void clear_garbage() const;
    bool builds_are_left() const;
    std::optional<Outcome> take_late_builds_away() const;
    void move_away();
    void delete_moved();
    void remove_empty_module() const;

    Work& work_;
    Layout layout_;
    ModuleId module_;
    std::filesystem::path moved_; ///< where the version directory is until it is deleted
};

void RemoveStep::prepare()
{
    const auto version = layout_.version(module_);
    if (!leads_to_directory(version))
        throw Error(ErrorCode::no_such_module, {{"module", module_.text()}, {"tree", layout_.tree().string()}});
    require_writable(layout_.module(module_.name));
    require_writable(version);
}

/// What a build that was cut off left behind: <K>/.tmp_* and directories without anything in them.
void RemoveStep::clear_garbage() const
{
    const auto version = Directory::open(layout_.version(module_));
    if (!version) return;
    for (const auto& kernel : version->entries()) {
        if (kernel.kind != Directory::Kind::directory || kernel.name.front() == '.' ||
            std::find(not_builds.begin(), not_builds.end(), kernel.name) != not_builds.end())
            continue;
        const auto path = layout_.version(module_) / kernel.name;
        const auto directory = version->open_below(kernel.name);
        for (const auto& entry : directory ? directory->entries() : std::vector<Directory::Entry>()) {
            if (begins_with(entry.name, ".tmp_")) remove_tree(path / entry.name);
            remove_if_empty(path / entry.name);
        }
        remove_if_empty(path);
    }
}

bool RemoveStep::builds_are_left() const
{
    const auto version = Directory::open(layout_.version(module_));
    if (!version) return false;
    const auto entries = version->entries();
    return std::any_of(entries.begin(), entries.end(), [](const Directory::Entry& entry) {
        return entry.kind == Directory::Kind::directory && entry.name.front() != '.' &&
               std::find(not_builds.begin(), not_builds.end(), entry.name) == not_builds.end();
    });
}

/// What a script of a step before this one has built is taken away as well, once: whoever builds it each time does not
/// want it to be removed. Nothing when what is left is no build: it goes with the rest.
std::optional<Outcome> RemoveStep::take_late_builds_away() const
{
    const auto status = scan_module(work_.places, module_, ScanDepth::quick);
    JobPlan plan{{Verb::remove, module_, {}, work_.step.options}, {}, {}};
    for (const KernelStatus& one : status ? status->kernels : std::vector<KernelStatus>()) {
        if (one.state != KernelState::built && one.state != KernelState::installed) continue;
        if (work_.step.implied)
            throw Error(ErrorCode::interrupted,
                        {{"reason", module_.text() + " was built for kernel " + one.kernel.release +
                                        " each time it was being removed, so it stays"}});
        for (const StepKind kind : {StepKind::uninstall, StepKind::unbuild}) {
            plan.steps.push_back({kind, module_, one.kernel, work_.step.options});
            plan.steps.back().options.all = false;
        }
    }
    if (plan.steps.empty()) return std::nullopt;
    plan.steps.push_back(work_.step);
    plan.steps.back().implied = true;
    Outcome outcome;
    outcome.jobs.push_back(std::move(plan));
    return outcome;
}

Outcome RemoveStep::run()
{
    work_.cancellation.check();
    if (has_transaction_mark(layout_, module_, work_.step.options.transaction)) {
        remove_transaction_mark(layout_, module_);
        work_.reporter.report(Event(EventKind::remove_cancelled));
        return {Result::skipped, std::nullopt, {}};
    }
    clear_garbage();
    if (builds_are_left()) {
        if (!work_.step.options.all) return {};
        if (auto late = take_late_builds_away()) return std::move(*late);
    }
    move_away();
    delete_moved();
    remove_empty_module();
    work_.reporter.report(Event(EventKind::version_removed));
    return {};
}

void RemoveStep::move_away()
{
    make_own_directory(layout_, layout_.staging());
    const auto version = layout_.version(module_);
    const auto target = layout_.staging() / unique_name("remove-");
    if (const int failed = move_directory(layout_, version, target)) {
        // a mount point, or on another file system: it has to be deleted where it is
        if (failed != EXDEV && failed != EBUSY) refuse_change(version, failed);
        remove_tree(version);
        sync_directory(layout_.module(module_.name));
        return;
    }
    moved_ = target;
    sync_directory(layout_.module(module_.name));
}

/// The version is out of the tree by now: what cannot be deleted of it does not bring it back.
void RemoveStep::delete_moved()
{
    if (moved_.empty()) return;
    try {
        remove_tree(std::exchange(moved_, {}));
    } catch (const Error& error) {
        work_.reporter.warning(error.name(), error.parameters(), error.message());
    }
}

/// Links and records that speak of a version that is gone do not keep <tree>/M alive.
void RemoveStep::remove_empty_module() const
{
    const auto path = layout_.module(module_.name);
    const auto directory = Directory::open(path);
    if (!directory) return;
    for (const auto& entry : directory->entries()) {
        const bool stale_link = entry.kind == Directory::Kind::link && begins_with(entry.name, "kernel-") &&
                                begins_with(directory->link_text(entry.name), module_.version + "/");
        if (stale_link && ::unlink((path / entry.name).c_str()) < 0) refuse_change(path / entry.name, errno);
    }
    const auto left = directory->entries();
    if (std::any_of(left.begin(), left.end(), [](const auto& entry) { return !begins_with(entry.name, ".kernel-"); }))
        return;
    for (const auto& entry : left) ::unlink((path / entry.name).c_str());
    ::rmdir(path.c_str());
}

void RemoveStep::undo() noexcept
{
    if (!moved_.empty()) ::rename(moved_.c_str(), layout_.version(module_).c_str());
}

} // namespace

std::unique_ptr<Action> make_remove_step(Work& work) { return std::make_unique<RemoveStep>(work); }

} // namespace dkms
