// SPDX-License-Identifier: LGPL-2.1-or-later
#include "lib/install/install_step.h"

#include "lib/build/trouble.h"
#include "lib/config/framework.h"
#include "lib/install/chronicle.h"
#include "lib/install/dependents.h"
#include "lib/install/follow_up.h"
#include "lib/install/indexing.h"
#include "lib/install/kept_versions.h"
#include "lib/install/kernel_modules.h"
#include "lib/install/modprobe_fragment.h"
#include "lib/install/module_check.h"
#include "lib/install/module_link.h"
#include "lib/install/ownership.h"
#include "lib/install/placed.h"
#include "lib/install/removal.h"
#include "lib/install/selection.h"
#include "lib/install/transaction.h"
#include "lib/install/version_check.h"
#include "lib/install/weak_modules.h"
#include "lib/kernel/module_name.h"
#include "lib/tree/digest.h"
#include "lib/tree/directory.h"
#include "lib/tree/module_conf.h"
#include "lib/tree/pending.h"
#include "lib/tree/record.h"
#include "lib/tree/scan.h"
#include "lib/tree/script.h"

#include <algorithm>
#include <optional>

namespace dkms {
namespace {

class InstallStep : public Action {
public:
    explicit InstallStep(Work& work)
        : work_(work), layout_(work.places), module_(work.step.module), kernel_(work.step.kernel),
          kernel_directory_(work.places.install_tree / kernel_.release), force_(force_list(work.places, module_.name))
    {
        listed_ = force_;
        force_.force |= work.step.options.force;
        force_.version_override |= force_.force || work.step.options.force_version_override;
    }

    void prepare() override;
    Outcome run() override;
    void undo() noexcept override;

private:
    bool is_intact() const;
    void note_choice();
    void require_built_and_kernel() const;
    void run_pre_install();
    void choose();
    void change_files();
    void add_links(const std::set<std::string>& names);
    void plan_previous();
    void plan_originals();
    std::set<std::string> own_paths() const;
    void plan_modules();
    Outcome leave_to_others(const Error& error) const;
    void plan_tree();
    void plan_history();
    void check_staged() const;
    void report(const std::vector<Event>& events) const;
    void report_lost() const;
    std::set<std::string> replaced_us_elsewhere() const;
    void run_previous_post_remove() const;
    void unlink_previous_weak_modules();
    void link_weak_modules();
    void index();
    void complete_record() const;
    std::vector<std::string> installed_paths() const;
    Outcome done() const;

    Work& work_;
    Layout layout_;
    ModuleId module_;
    KernelId kernel_;
    std::filesystem::path kernel_directory_;
    ForceList force_;
    ForceList listed_;                    ///< what the lists alone say
    std::optional<std::string> previous_; ///< the version that is active now
    bool already_ = false;
    bool symlink_ = false;
    Conf conf_;
    std::vector<InstallItem> items_;
    ExistingModules existing_;
    std::optional<Ownership> ownership_;
    std::optional<Transaction> transaction_; ///< while it can be taken back
    Removal removed_;                        ///< of the version that goes out
    std::vector<Event> installed_;           ///< what there is to report after the change
    InstallRecord record_;
    InstallHistory history_; ///< with this change
    bool indexed_ = false;
    bool post_install_ran_ = false;
    bool unlinked_previous_ = false; ///< weak links to the version that goes out
    std::vector<Step> follow_up_;
};

void InstallStep::prepare()
{
    previous_ = active_version(layout_, module_.name, kernel_);
    const bool is_active = previous_ == module_.version;
    already_ = is_active && !force_.force && is_intact();
    if (already_) return;
    // What it is compared with is its own last build, or the version that it is to replace, be that newer.
    force_.version_override |= is_active || (previous_ && work_.step.part_of && is_choice(*work_.step.part_of));
    require_built_and_kernel();
    conf_ = read_module_conf(work_, Strictness::strict);
    items_ = built_items(work_, conf_);
    symlink_ = work_.step.options.symlink_modules || read_framework(work_.places, work_.settings).symlink_modules;
    require_writable(layout_.module(module_.name));
    require_writable(layout_.own());
    require_writable(kernel_directory_);
}

/// Whether the kernel has what is installed as it was built.
bool InstallStep::is_intact() const
{
    const auto status = scan_module(work_.places, module_, ScanDepth::full);
    const auto here = [this](const KernelStatus& one) { return one.kernel == kernel_ && one.is_intact(); };
    return status && std::any_of(status->kernels.begin(), status->kernels.end(), here);
}

void InstallStep::require_built_and_kernel() const
{
    if (!leads_to_directory(layout_.built_modules(module_, kernel_)))
        throw Error(ErrorCode::not_built, {{"module", module_.text()}, {"kernel", kernel_.release}});
    if (!leads_to_directory(kernel_directory_))
        throw Error(ErrorCode::no_such_kernel,
                    {{"kernel", kernel_.release}, {"path", kernel_directory_.string()}, {"exit_code", "6"}});
}

Outcome InstallStep::run()
{
    if (already_) {
        note_choice();
        work_.reporter.report(Event(EventKind::already_installed, {{"kernel", kernel_.release}}));
        return {Result::skipped, std::nullopt, {}};
    }
    try {
        report_remarks(work_.reporter, conf_);
        work_.reporter.stage(Stage::install, 0);
        if (listed_.force) work_.reporter.report(Event(EventKind::forcing, {{"what", "install"}}));
        if (listed_.version_override) work_.reporter.report(Event(EventKind::forcing, {{"what", "version-override"}}));
        run_pre_install();
        choose();
        work_.cancellation.check(); // from here to the end nothing asks again
        change_files();
        index();
        follow_up_ = follow_up_of(work_, conf_.remake_initrd, true);
        add_pending(layout_, kernel_, follow_up_);
        transaction_->commit();
        transaction_.reset();
    } catch (const Error& error) {
        if (work_.step.options.batch && !error.parameter("owner").empty()) return leave_to_others(error);
        const bool nothing_tried =
            error.code() == ErrorCode::cancelled || error.code() == ErrorCode::nothing_installable;
        if (!nothing_tried) record_trouble(work_, error, {});
        throw;
    }
    complete_record();
    remove_trouble_record(layout_, module_, kernel_);
    work_.reporter.stage(Stage::depmod, 100);
    return done();
}

/// What others have in the way is not worse than ours, and nobody has asked for ours by name. It counts as replaced
/// from the beginning, so that it is tried again when the other is gone, and not before. The record of another version
/// that is active stays.
Outcome InstallStep::leave_to_others(const Error& error) const
{
    InstallRecord record;
    record.version = module_.version;
    for (const InstallItem& item : items_)
        if (const ModuleId* const owner = other_owner(existing_, item.name))
            record.files.push_back({item.name, item.path, {}, owner->name});
    if (!previous_) write_install_record(layout_, module_.name, kernel_, record);
    remove_trouble_record(layout_, module_, kernel_);
    return {Result::skipped, error, {}};
}

/// To choose what is installed already changes nothing but what an autoinstall may do.
void InstallStep::note_choice()
{
    if (!is_new_choice(work_)) return;
    transaction_.emplace(work_.places, module_, kernel_, ErrorCode::install_failed);
    plan_history();
    transaction_->stage();
    transaction_->apply();
    transaction_->commit();
    transaction_.reset();
}

void InstallStep::run_pre_install()
{
    const Script script{"pre_install", conf_.pre_install};
    const ExitStatus status = run_script(work_, module_, script, &work_.cancellation);
    if (status.ok()) return;
    if (force_.force) {
        record_.failed_scripts.push_back(failure_of(script, status));
        return work_.reporter.warning(
            "script-failed",
            {{"script", "PRE_INSTALL"}, {"module", module_.text()}, {"exit_code", std::to_string(status.code)}},
            module_.text() + " is installed although a script of it failed: " + record_.failed_scripts.back() + ".");
    }
    throw Error(ErrorCode::pre_install_failed, {{"module", module_.text()}, {"status", std::to_string(status.code)}});
}

void InstallStep::choose()
{
    std::set<std::string> names;
    for (const InstallItem& item : items_) names.insert(item.name);
    ownership_.emplace(work_.places, module_, kernel_, conf_);
    existing_.paths = find_kernel_modules(work_.places, kernel_.release, names);
    existing_.owners = ownership_->paths_of_others();
    if (work_.step.options.batch && !existing_.owners.empty()) existing_.preferred = replaced_us_elsewhere();
    add_links(names);
    if (!force_.version_override) leave_where_they_are(work_, items_, existing_);
    const Options& asked = work_.step.options; // what a list forces has been said
    if ((asked.force || asked.force_version_override) && previous_ != module_.version)
        tell_what_is_overridden(work_, conf_, items_, existing_);
    items_ = installable(work_, conf_, items_, existing_, force_.version_override);
}

void InstallStep::change_files()
{
    transaction_.emplace(work_.places, module_, kernel_, ErrorCode::install_failed);
    if (is_indexed(work_) && !work_.step.options.batch) transaction_->needs_depmod();
    plan_previous();
    plan_originals();
    plan_modules();
    plan_tree();
    plan_history();
    transaction_->stage();
    check_staged();
    work_.reporter.stage(Stage::install, 50);
    unlink_previous_weak_modules();
    transaction_->apply();
    report(removed_.events);
    report_lost();
    run_previous_post_remove();
    report(installed_);
    link_weak_modules();
    post_install_ran_ = true;
    if (auto failure = run_last_script(work_, module_, {"post_install", conf_.post_install}))
        record_.failed_scripts.push_back(std::move(*failure));
}

/// Names of the packages that have a module of ours replaced on another kernel: as the administrator, or their
/// versions, have settled it there.
std::set<std::string> InstallStep::replaced_us_elsewhere() const
{
    std::set<std::string> names;
    const auto status = scan_module(work_.places, module_, ScanDepth::full);
    for (const KernelStatus& one : status ? status->kernels : std::vector<KernelStatus>())
        if (one.kernel != kernel_ && !one.replaced_by.empty())
            names.insert(one.replaced_by.substr(0, one.replaced_by.find('/')));
    return names;
}

/// Links in the way, of other modules or of nobody: those of the kernel's own are files.
void InstallStep::add_links(const std::set<std::string>& names)
{
    std::set<std::string> paths;
    for (const auto& [path, owner] : existing_.owners)
        if (names.count(module_name_of(path)) != 0) paths.insert(path);
    for (const InstallItem& item : items_) paths.insert(item.path);
    for (const std::string& path : paths)
        if (link_text_of(kernel_directory_ / path)) existing_.paths[module_name_of(path)].push_back(path);
}

/// The version that is active now goes out, even when it is the same one: its modules may have had other names or
/// places. Of what others have replaced of it, nothing comes back any more.
void InstallStep::plan_previous()
{
    if (previous_) removed_ = plan_removal(*transaction_, work_.places, {module_.name, *previous_}, kernel_, true);
    ownership_->give_up_replaced(*transaction_);
}

/// What is in the way gives way: modules of the kernel's own, and those of others.
void InstallStep::plan_originals()
{
    const auto mine = own_paths();
    for (const InstallItem& item : items_) {
        std::vector<std::string> others;
        for (const std::string& path : existing_.paths[item.name]) {
            const bool theirs = existing_.owners.count(path) != 0;
            if (theirs || (mine.count(path) == 0 && !is_there_already(work_, item, path))) others.push_back(path);
        }
        ownership_->take_over(*transaction_, item.name, others);
    }
    std::set<std::string> names;
    for (const InstallItem& item : items_) names.insert(item.name);
    ownership_->give_up_but(*transaction_, names);
    installed_ = ownership_->events();
}

/// Paths of the version that goes out which are not another module's by their content. What is damaged there is not
/// worth keeping.
std::set<std::string> InstallStep::own_paths() const
{
    std::set<std::string> paths;
    if (!previous_) return paths;
    for (const PlacedModule& one : placed_modules(work_.places, {module_.name, *previous_}, kernel_))
        if (one.replaced_by.empty() && one.occupant != Occupant::foreign) paths.insert(one.path);
    return paths;
}

void InstallStep::plan_modules()
{
    record_.version = module_.version;
    std::vector<std::filesystem::path> files;
    for (const InstallItem& item : items_) {
        const auto built = layout_.built_modules(module_, kernel_) / item.file;
        const auto target = kernel_directory_ / item.path;
        require_module_file(work_, built);
        files.push_back(built);
        if (symlink_)
            transaction_->put_link(module_link_text(work_.places, built, target), target);
        else
            transaction_->put_copy(built, target);
        record_.files.push_back({item.name, item.path});
        installed_.emplace_back(EventKind::installed_file,
                                nlohmann::json{{"path", target.string()}, {"module", item.name}});
    }
    const auto known = sha256_of(files);
    for (std::size_t i = 0; i < record_.files.size(); ++i) record_.files[i].sha256 = known.at(i);
}

/// What is looked at is what will be there: our own copies, which become visible by a rename, or what links lead to.
void InstallStep::check_staged() const
{
    std::vector<Candidate> modules;
    for (const InstallItem& item : items_) {
        const auto built = layout_.built_modules(module_, kernel_) / item.file;
        const auto copy = transaction_->staged(kernel_directory_ / item.path);
        modules.push_back({item.file, built, symlink_ ? built : copy});
    }
    const Options& options = work_.step.options;
    check_modules(work_, modules, listed_.force || (options.force && !options.refresh));
}

/// What the DKMS tree and modprobe.d say about it.
void InstallStep::plan_tree()
{
    const std::string aliases = modprobe_text(work_.places, conf_);
    if (!aliases.empty() && work_.places.is_default_install_tree()) {
        record_.modprobe_fragment = modprobe_fragment(work_.places, module_.name);
        transaction_->put_text(aliases, record_.modprobe_fragment);
    }
    transaction_->put_text(text_of(record_), layout_.install_record(module_.name, kernel_));
    transaction_->put_link(module_.version + "/" + kernel_.release + "/" + kernel_.arch,
                           layout_.active_link(module_.name, kernel_));
    ownership_->plan(*transaction_);
}

void InstallStep::plan_history()
{
    history_ = history_after_install(work_, previous_.value_or(""));
    put_history(*transaction_, work_, history_);
}

/// What was lost or damaged is as it should be again; what is in a place that the new version does not need stays.
void InstallStep::report_lost() const
{
    if (!previous_) return;
    const ModuleId old{module_.name, *previous_};
    Removal left;
    for (const PlacedModule& placed : removed_.lost) {
        const auto same = [&](const InstallItem& item) { return item.name == placed.name; };
        if (std::none_of(items_.begin(), items_.end(), same)) {
            left.lost.push_back(placed);
            continue;
        }
        const std::string what = placed.occupant == Occupant::none
                                     ? "was missing from the kernel's directory"
                                     : "in the kernel's directory was not the file that it installed";
        work_.reporter.warning("repaired", {{"module", old.text()}, {"file", placed.name}},
                               placed.name + " of " + old.text() + " " + what + "; it is installed again.");
    }
    report_left_alone(work_, old, left);
}

void InstallStep::report(const std::vector<Event>& events) const
{
    for (const Event& event : events) work_.reporter.report(event);
}

void InstallStep::run_previous_post_remove() const
{
    if (!previous_) return;
    const ModuleId old{module_.name, *previous_};
    if (const auto conf = *previous_ == module_.version ? std::optional(conf_) : try_module_conf(work_, old))
        run_last_script(work_, old, {"post_remove", conf->post_remove});
}

std::vector<std::string> InstallStep::installed_paths() const
{
    std::vector<std::string> paths;
    for (const InstallItem& item : items_) paths.push_back(kernel_directory_ / item.path);
    return paths;
}

/// Links of other kernels to the version that goes out: what comes may lie elsewhere, or not fit these kernels.
void InstallStep::unlink_previous_weak_modules()
{
    if (weak_links_to(work_.places, removed_.modules).empty()) return;
    unlinked_previous_ = update_weak_links(work_, false, removed_.modules);
}

void InstallStep::link_weak_modules()
{
    const bool unwanted = conf_.no_weak_modules || work_.settings.count("NO_WEAK_MODULES") != 0;
    if (unwanted || !update_weak_links(work_, true, installed_paths())) return;
    record_.weak_links = weak_links_to(work_.places, installed_paths());
}

/// What was known only when everything was in place.
void InstallStep::complete_record() const
{
    if (!record_.weak_links.empty() || !record_.failed_scripts.empty())
        write_install_record(layout_, module_.name, kernel_, record_);
}

void InstallStep::index()
{
    if (work_.step.options.batch) return; // once, at the end of the job
    std::vector<std::string> files;
    for (const InstallItem& item : items_) files.push_back(item.path);
    indexed_ = is_indexed(work_);
    if (const auto reason = index_modules(work_, files))
        throw Error(ErrorCode::depmod_failed, {{"module", module_.text()},
                                               {"kernel", kernel_.release},
                                               {"reason", *reason},
                                               {"errno", std::to_string(errno_in(*reason))}});
}

Outcome InstallStep::done() const
{
    auto jobs = stale_dependents(work_.places, module_, kernel_, work_.step.options);
    for (JobPlan& job : superfluous_builds(work_, history_.before(module_.version))) jobs.push_back(std::move(job));
    return {Result::done, std::nullopt, follow_up_, std::move(jobs)};
}

void InstallStep::undo() noexcept
{
    if (!transaction_) return;
    try {
        if (!record_.weak_links.empty())
            if (const auto program = weak_modules_program(work_.places))
                run_weak_modules(*program, false, installed_paths());
        transaction_->roll_back();
        if (unlinked_previous_) update_weak_links(work_, true, removed_.modules);
        if (post_install_ran_ && !previous_) run_script(work_, module_, {"post_remove", conf_.post_remove}, nullptr);
        if (indexed_) index_again(work_.places, kernel_);
    } catch (const std::exception&) {
        transaction_->roll_back(); // the rest was help for scripts and the index only
    }
}

} // namespace

std::unique_ptr<Action> make_install_step(Work& work) { return std::make_unique<InstallStep>(work); }

} // namespace dkms
