// SPDX-License-Identifier: LGPL-2.1-or-later
#include "lib/install/uninstall_step.h"

#include "lib/install/chronicle.h"
#include "lib/install/follow_up.h"
#include "lib/install/indexing.h"
#include "lib/install/modprobe_fragment.h"
#include "lib/install/ownership.h"
#include "lib/install/removal.h"
#include "lib/install/transaction.h"
#include "lib/install/weak_modules.h"
#include "lib/tree/directory.h"
#include "lib/tree/module_conf.h"
#include "lib/tree/pending.h"
#include "lib/tree/record.h"
#include "lib/tree/scan.h"
#include "lib/tree/script.h"

#include <algorithm>
#include <map>
#include <optional>

namespace dkms {
namespace {

class UninstallStep : public Action {
public:
    explicit UninstallStep(Work& work)
        : work_(work), layout_(work.places), module_(work.step.module), kernel_(work.step.kernel)
    {
    }

    void prepare() override;
    Outcome run() override;
    void undo() noexcept override;

private:
    enum class Standing { active, inactive, absent };
    Standing standing() const;
    bool is_only_kernel() const;
    void plan();
    void unlink_weak_modules() const;
    void run_post_remove();
    std::vector<std::string> restored_files() const;
    void note_failed_script() const;
    void link_restored() const;
    Outcome done() const;

    Work& work_;
    Layout layout_;
    ModuleId module_;
    KernelId kernel_;
    Standing standing_ = Standing::absent;
    std::optional<Conf> conf_;
    std::optional<InstallRecord> record_;
    std::optional<Transaction> transaction_; ///< while it can be taken back
    Removal removal_;
    std::vector<Event> restored_;
    std::optional<std::string> failed_script_;
    std::map<std::string, std::vector<std::string>> restored_paths_; ///< Ownership::restored()
};

void UninstallStep::prepare()
{
    if (!leads_to_directory(layout_.version(module_)))
        throw Error(ErrorCode::no_such_module, {{"module", module_.text()}, {"tree", layout_.tree().string()}});
    record_ = read_install_record(layout_, module_.name, kernel_);
    if (record_ && record_->version != module_.version) record_.reset();
    standing_ = standing();
    if (standing_ == Standing::absent) return;
    require_writable(layout_.module(module_.name));
    require_writable(layout_.own());
    require_writable(work_.places.install_tree / kernel_.release);
}

UninstallStep::Standing UninstallStep::standing() const
{
    if (active_version(layout_, module_.name, kernel_) == module_.version) return Standing::active;
    const bool other_is_active = leads_somewhere(layout_.active_link(module_.name, kernel_));
    return record_ && !other_is_active ? Standing::inactive : Standing::absent;
}

Outcome UninstallStep::run()
{
    if (standing_ == Standing::absent) {
        nlohmann::json facts{{"kernel", kernel_.release}};
        const auto conf = try_module_conf(work_, module_);
        if (conf && (!conf->exclusive.empty() || !conf->module_exclusive.empty())) facts["exclusive"] = true;
        work_.reporter.report(Event(EventKind::not_installed, std::move(facts)));
        return {Result::skipped, std::nullopt, {}};
    }
    conf_ = try_module_conf(work_, module_);
    work_.reporter.stage(Stage::install, 0);
    work_.cancellation.check(); // from here to the end nothing asks again
    plan();
    transaction_->stage();
    unlink_weak_modules();
    transaction_->apply();
    for (const Event& event : removal_.events) work_.reporter.report(event);
    report_left_alone(work_, module_, removal_);
    for (const Event& event : restored_) work_.reporter.report(event);
    run_post_remove();
    const auto unindexed = index_modules(work_, {}, restored_files());
    if (unindexed)
        work_.reporter.warning("depmod-failed", {{"kernel", kernel_.release}, {"reason", *unindexed}},
                               "depmod failed for kernel " + kernel_.release + ": " + *unindexed +
                                   ". It is tried once more when the rest has been done.");
    Outcome outcome = done();
    // If that fails as well, so does the job, with everything else done; the next autoinstall tries it again.
    const Step depmod{StepKind::depmod, {}, kernel_, {}};
    auto& later = outcome.follow_up;
    if (unindexed && std::find(later.begin(), later.end(), depmod) == later.end()) later.push_back(depmod);
    add_pending(layout_, kernel_, outcome.follow_up);
    transaction_->commit();
    transaction_.reset();
    note_failed_script();
    link_restored();
    work_.reporter.stage(Stage::depmod, 100);
    return outcome;
}

/// Paths below the kernel's directory of what has come back.
std::vector<std::string> UninstallStep::restored_files() const
{
    std::vector<std::string> files;
    for (const Event& event : restored_)
        if (event.kind == EventKind::original_restored)
            files.push_back(std::filesystem::path(event.facts.at("path").get<std::string>())
                                .lexically_relative(work_.places.install_tree / kernel_.release));
    return files;
}

void UninstallStep::run_post_remove()
{
    if (conf_) failed_script_ = run_last_script(work_, module_, {"post_remove", conf_->post_remove});
}

/// Shown beside the build for as long as that is there.
void UninstallStep::note_failed_script() const
{
    if (!failed_script_ || !leads_to_directory(layout_.built_modules(module_, kernel_))) return;
    TroubleRecord record;
    record.note = *failed_script_ + " failed when it was uninstalled";
    record.job = work_.job;
    record.error = Error(ErrorCode::script_failed,
                         {{"script", "POST_REMOVE"}, {"module", module_.text()}, {"exit_code", *failed_script_}});
    write_trouble_record(layout_, module_, kernel_, record);
}

void UninstallStep::plan()
{
    transaction_.emplace(work_.places, module_, kernel_, ErrorCode::tree_not_writable);
    if (is_indexed(work_)) transaction_->needs_depmod();
    removal_ = plan_removal(*transaction_, work_.places, module_, kernel_, standing_ == Standing::active);
    Ownership ownership(work_.places, module_, kernel_, conf_);
    ownership.give_up_but(*transaction_, {});
    restored_ = ownership.events();
    restored_paths_ = ownership.restored();
    transaction_->remove(layout_.active_link(module_.name, kernel_));
    transaction_->remove(layout_.install_record(module_.name, kernel_));
    ownership.plan(*transaction_);
    if (record_ && !record_->modprobe_fragment.empty() && is_only_kernel())
        transaction_->remove(modprobe_fragment(work_.places, module_.name));
    put_history(*transaction_, work_, history_after_uninstall(work_));
}

/// Whether the module package is installed for no other kernel, in any version.
bool UninstallStep::is_only_kernel() const
{
    const auto directory = Directory::open(layout_.module(module_.name));
    if (!directory) return true;
    const auto own = layout_.active_link(module_.name, kernel_).filename();
    const auto entries = directory->entries();
    return std::none_of(entries.begin(), entries.end(), [&](const Directory::Entry& entry) {
        return entry.kind == Directory::Kind::link && entry.name.compare(0, 7, "kernel-") == 0 && entry.name != own;
    });
}

void UninstallStep::unlink_weak_modules() const
{
    if (conf_ && conf_->no_weak_modules) return;
    update_weak_links(work_, false, removal_.modules);
}

/// Modules of others that have come back are linked into other kernels again.
void UninstallStep::link_restored() const
{
    if (!weak_modules_program(work_.places) || work_.settings.count("NO_WEAK_MODULES") != 0) return;
    for (const auto& [name, paths] : restored_paths_) {
        auto record = read_install_record(layout_, name, kernel_);
        const auto conf = record ? try_module_conf(work_, {name, record->version}) : std::nullopt;
        if (!record || (conf && conf->no_weak_modules)) continue;
        update_weak_links(work_, true, paths);
        for (const std::string& link : weak_links_to(work_.places, paths)) record->weak_links.push_back(link);
        write_install_record(layout_, name, kernel_, *record);
    }
}

Outcome UninstallStep::done() const
{
    const bool changed = !removal_.modules.empty() || !restored_.empty();
    return {Result::done, std::nullopt, follow_up_of(work_, conf_ && conf_->remake_initrd && changed, false)};
}

void UninstallStep::undo() noexcept
{
    if (transaction_) transaction_->roll_back();
}

} // namespace

std::unique_ptr<Action> make_uninstall_step(Work& work) { return std::make_unique<UninstallStep>(work); }

} // namespace dkms
