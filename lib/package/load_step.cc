// SPDX-License-Identifier: LGPL-2.1-or-later
#include "lib/package/load_step.h"

#include "lib/build/private_directory.h"
#include "lib/package/archive_layout.h"
#include "lib/package/archive_reader.h"
#include "lib/package/loaded.h"
#include "lib/package/manifest.h"
#include "lib/package/source_copy.h"
#include "lib/package/staged_tree.h"
#include "lib/process/open_path.h"
#include "lib/tree/directory.h"
#include "lib/tree/module_conf.h"
#include "lib/tree/registration.h"
#include "lib/tree/replacement.h"
#include "lib/tree/transaction_mark.h"

#include <cerrno>
#include <optional>

#include <sys/stat.h>
#include <unistd.h>

namespace dkms {
namespace {

namespace fs = std::filesystem;

bool is_same(const fs::path& one, const fs::path& other)
{
    std::error_code failed; // what cannot be looked at is another place: then it is copied, which is always right
    return fs::equivalent(one, other, failed) && !failed;
}

class LoadStep : public Action {
public:
    explicit LoadStep(Work& work) : work_(work), layout_(work.places) {}

    void prepare() override;
    Outcome run() override;
    void undo() noexcept override { staged_.reset(); }

private:
    Outcome load_directory();
    Outcome load_archive();
    void take(const ArchiveLayout& found) const;
    void take_builds(const ArchiveLayout& found) const;
    void take_conf(const ArchiveLayout& found) const;
    ModuleId module_of(const fs::path& conf, const fs::path& root, const std::string& origin) const;
    void announce(const ModuleId& module, bool of_dkms) const;
    bool is_own_place(const ModuleId& module) const;
    Loaded stage();
    Step next(StepKind kind, const ModuleId& module) const;
    Outcome ask_to_adopt(const ModuleId& module, const StagedTree& tree);

    Work& work_;
    Layout layout_;
    std::string name_;
    bool is_directory_ = false;
    std::optional<PrivateDirectory> staged_;
};

void LoadStep::prepare()
{
    struct stat facts {};
    if (::fstat(work_.handle, &facts) < 0)
        throw Error(ErrorCode::invalid_args, {{"reason", "there is nothing to load beside the request"}});
    name_ = name_of_open(work_.handle);
    is_directory_ = S_ISDIR(facts.st_mode);
    if (!is_directory_ && !S_ISREG(facts.st_mode))
        throw Error(ErrorCode::archive_unreadable, {{"file", name_}, {"reason", "it is no file"}});
    if (is_directory_ && ::faccessat(work_.handle, "dkms.conf", F_OK, 0) < 0) {
        if (!means_absent(errno)) refuse_read(name_ + "/dkms.conf", errno);
        throw Error(ErrorCode::conf_missing, {{"file", name_ + "/dkms.conf"}});
    }
    require_writable(layout_.tree());
}

Outcome LoadStep::run()
{
    work_.reporter.stage(Stage::prepare, 0);
    return is_directory_ ? load_directory() : load_archive();
}

Loaded LoadStep::stage()
{
    staged_.emplace(layout_, layout_.staging(), "load");
    return Loaded(staged_->path());
}

/// What the configuration calls the module, whatever it is called by others. `root` is where `origin` lies.
ModuleId LoadStep::module_of(const fs::path& conf, const fs::path& root, const std::string& origin) const
{
    try {
        const Conf by_itself = read_conf(conf, conf_context(work_, {}), Strictness::lax);
        read_conf(conf, conf_context(work_, by_itself.module), Strictness::strict); // now it knows its name
        return by_itself.module;
    } catch (const Error& error) {
        throw renamed(error, root, origin);
    }
}

/// The module is known now: whether it may be added.
void LoadStep::announce(const ModuleId& module, bool of_dkms) const
{
    const Options& options = work_.step.options;
    if (!options.transaction.empty()) mark_transaction(layout_, module, options.transaction); // as the add step does
    check_not_added(layout_, module, of_dkms, options.force);
    work_.reporter.report(Event(EventKind::loading, {{"module", module.text()}, {"of_dkms", of_dkms}}));
}

bool LoadStep::is_own_place(const ModuleId& module) const
{
    const auto here = path_of_directory(work_.handle);
    return is_same(here, layout_.source_in_source_tree(module)) || is_same(here, layout_.source(module)) ||
           is_same(here, layout_.build(module));
}

Step LoadStep::next(StepKind kind, const ModuleId& module) const
{
    Step step;
    step.kind = kind;
    step.module = module;
    step.options = work_.step.options;
    return step;
}

Outcome LoadStep::ask_to_adopt(const ModuleId& module, const StagedTree& tree)
{
    tree.sync();
    Step adopt = next(StepKind::adopt, module);
    adopt.staged = staged_->path().filename().string();
    staged_->keep();
    work_.reporter.stage(Stage::prepare, 100);
    Outcome outcome;
    outcome.follow_up.push_back(std::move(adopt));
    return outcome;
}

Outcome LoadStep::load_directory()
{
    const auto here = path_of_directory(work_.handle);
    if (const ModuleId module = module_of(here / "dkms.conf", here, name_); is_own_place(module)) {
        announce(module, false);
        Outcome outcome;
        if (!Registration::is_added(layout_, module))
            outcome.follow_up.push_back(next(StepKind::add, module));
        else if (work_.step.options.force) // it may have been changed
            outcome.follow_up.push_back(next(StepKind::adopt, module));
        return outcome;
    }
    const Loaded loaded = stage();
    make_directory(loaded.source(), 0755);
    StagedTree tree(loaded.source());
    copy_source(work_.handle, name_, tree, work_.cancellation);
    const ModuleId module = module_of(loaded.conf(), loaded.source(), name_); // it may be another by now
    announce(module, false);
    return ask_to_adopt(module, tree);
}

Outcome LoadStep::load_archive()
{
    const Loaded loaded = stage();
    const auto unpacked = loaded.directory() / "unpacked";
    make_directory(unpacked, 0755);
    StagedTree tree(unpacked);
    unpack(work_.handle, name_, tree, {}, &work_.cancellation);
    work_.reporter.stage(Stage::prepare, 50);
    check_manifest(unpacked, name_);
    const ArchiveLayout found = layout_of_archive(unpacked, name_);
    const ModuleId module = module_of(found.conf, unpacked, name_ + ":");
    announce(module, found.of_dkms);
    take(found);
    remove_quietly(unpacked);
    return ask_to_adopt(module, tree);
}

void LoadStep::take(const ArchiveLayout& found) const
{
    const Loaded loaded(staged_->path());
    if (found.of_dkms) make_directory(loaded.version(), 0755);
    take_builds(found);
    if (found.source.empty())
        take_conf(found);
    else
        Replacement::put(layout_, found.source, loaded.source());
}

void LoadStep::take_builds(const ArchiveLayout& found) const
{
    const Loaded loaded(staged_->path());
    for (const ArchiveLayout::Build& build : found.builds) {
        KernelId kernel = build.kernel;
        if (kernel.arch.empty()) {
            kernel.arch = running_architecture();
            work_.reporter.warning("no-architecture", {{"kernel", kernel.release}, {"arch", kernel.arch}},
                                   "The archive does not say for which architecture the modules for kernel " +
                                       kernel.release + " are built; they are taken for " + kernel.arch + ".");
        }
        make_directory(loaded.version() / kernel.release, 0755);
        Replacement::put(layout_, build.directory, loaded.version() / kernel.release / kernel.arch);
    }
    for (const std::string& one : found.left)
        work_.reporter.warning("no-build", {{"kernel", one}},
                               "The archive has a directory for kernel " + one +
                                   " without modules in it; it is left out.");
}

void LoadStep::take_conf(const ArchiveLayout& found) const
{
    const Loaded loaded(staged_->path());
    make_directory(loaded.conf_only(), 0755);
    Replacement::put(layout_, found.conf, loaded.conf());
}

} // namespace

std::unique_ptr<Action> make_load_step(Work& work) { return std::make_unique<LoadStep>(work); }

} // namespace dkms
