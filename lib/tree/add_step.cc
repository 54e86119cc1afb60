// SPDX-License-Identifier: LGPL-2.1-or-later
#include "lib/tree/add_step.h"

#include "lib/tree/directory.h"
#include "lib/tree/layout.h"
#include "lib/tree/lock.h"
#include "lib/tree/module_conf.h"
#include "lib/tree/script.h"
#include "lib/tree/transaction_mark.h"

#include <cerrno>
#include <cstdio>

#include <sys/stat.h>
#include <unistd.h>

namespace dkms {
namespace {

[[noreturn]] void refuse(const std::filesystem::path& path, int number)
{
    if (number == ENOSPC || number == EDQUOT) throw Error(ErrorCode::disk_full, {{"path", path.string()}});
    throw Error(ErrorCode::tree_not_writable, {{"path", path.string()}, {"reason", errno_text(number)}});
}

class AddStep : public Action {
public:
    explicit AddStep(Work& work)
        : work_(work), layout_(work.places), module_(work.step.module), source_(layout_.source_in_source_tree(module_))
    {
    }

    void prepare() override;
    Outcome run() override;
    void undo() noexcept override;

private:
    [[noreturn]] void refuse_again() const;
    void check_source() const;
    void warn_about_names() const;
    void publish_new();
    void mend_old();

    Work& work_;
    Layout layout_;
    ModuleId module_;
    std::filesystem::path source_;
    Conf conf_;
    std::filesystem::path staged_;                  ///< below .dkmsd/staging; empty once it is published
    std::vector<std::filesystem::path> made_;       ///< what undo removes, outermost first
    std::optional<std::filesystem::path> old_link_; ///< what a broken source link said
    bool already_ = false;                          ///< the module is in the tree
    bool stays_ = false;                            ///< the module is added whatever comes after
};

void AddStep::prepare()
{
    std::error_code ignored;
    already_ = std::filesystem::is_directory(layout_.source_link(module_), ignored);
    if (already_) {
        // A package that is installed again: the transaction is noted before this is refused.
        if (work_.step.options.transaction.empty()) refuse_again();
        return require_writable(layout_.tree());
    }
    check_source();
    const auto& file = work_.step.options.conf_file;
    conf_ = read_conf(file.empty() ? source_ / "dkms.conf" : file, conf_context(work_, module_), Strictness::strict);
    require_writable(layout_.version(module_));
}

void AddStep::refuse_again() const
{
    throw Error(ErrorCode::already_added, {{"module", module_.text()}, {"tree", layout_.tree().string()}});
}

void AddStep::check_source() const
{
    Parameters parameters{{"module", module_.text()}, {"path", source_.string()}};
    std::error_code error;
    const auto kind = std::filesystem::status(source_, error).type();
    if (kind == std::filesystem::file_type::directory && ::access(source_.c_str(), R_OK | X_OK) == 0) return;
    const bool hidden = kind == std::filesystem::file_type::none; // a directory above it may not be entered
    if (kind != std::filesystem::file_type::directory && !hidden) throw Error(ErrorCode::source_missing, parameters);
    parameters["reason"] = hidden ? error.message() : errno_text(errno);
    throw Error(ErrorCode::source_unreadable, parameters);
}

void AddStep::warn_about_names() const
{
    if (already_ || conf_.module == module_) return;
    work_.reporter.warning("other-name", {{"module", module_.text()}, {"configured", conf_.module.text()}},
                           "The dkms.conf of " + module_.text() + " calls it " + conf_.module.text() +
                               "; the name it was added under counts.");
}

Outcome AddStep::run()
{
    report_remarks(work_.reporter, conf_);
    warn_about_names();
    work_.cancellation.check();
    if (!work_.step.options.transaction.empty()) mark_transaction(layout_, module_, work_.step.options.transaction);
    if (already_) refuse_again();
    work_.reporter.report(Event(EventKind::source_linked,
                                {{"link", layout_.source_link(module_).string()}, {"target", source_.string()}}));
    std::error_code ignored;
    if (std::filesystem::exists(std::filesystem::symlink_status(layout_.version(module_), ignored)))
        mend_old();
    else
        publish_new();
    const ExitStatus status = run_script(work_, module_, {"post_add", conf_.post_add}, &work_.cancellation);
    stays_ = true;
    if (!status.ok())
        throw Error(ErrorCode::script_failed,
                    {{"script", "POST_ADD"}, {"module", module_.text()}, {"exit_code", std::to_string(status.code)}});
    return {};
}

void AddStep::publish_new()
{
    make_own_directory(layout_, layout_.staging());
    staged_ = layout_.staging() / unique_name("add-");
    make_directories(staged_ / "build");
    if (::symlink(source_.c_str(), (staged_ / "source").c_str()) != 0) refuse(staged_, errno);
    made_ = make_directories(layout_.module(module_.name));
    const auto version = layout_.version(module_);
    if (::rename(staged_.c_str(), version.c_str()) != 0) refuse(version, errno);
    staged_.clear();
    made_.push_back(version);
    sync_directory(layout_.module(module_.name));
}

/// A version directory is there without a source that can be used: its builds and everything else in it are kept.
void AddStep::mend_old()
{
    std::error_code ignored;
    const auto link = layout_.source_link(module_);
    const auto build = layout_.build(module_);
    if (!std::filesystem::is_directory(build, ignored)) {
        ::unlink(build.c_str()); // a file, or a link that leads nowhere
        if (::mkdir(build.c_str(), 0755) != 0) refuse(build, errno);
        made_.push_back(build);
    }
    if (const auto old = std::filesystem::read_symlink(link, ignored); !ignored)
        old_link_ = old;
    else if (std::filesystem::exists(std::filesystem::symlink_status(link, ignored)))
        refuse(link, EEXIST);
    const auto temporary = layout_.version(module_) / unique_name(".source-");
    if (::symlink(source_.c_str(), temporary.c_str()) != 0) refuse(temporary, errno);
    if (::rename(temporary.c_str(), link.c_str()) != 0) {
        const int number = errno;
        ::unlink(temporary.c_str());
        refuse(link, number);
    }
    made_.push_back(link);
    sync_directory(layout_.version(module_));
}

void AddStep::undo() noexcept
{
    if (stays_) return;
    std::error_code ignored;
    if (!staged_.empty()) std::filesystem::remove_all(staged_, ignored);
    for (auto path = made_.rbegin(); path != made_.rend(); ++path) {
        if (*path == layout_.version(module_)) {
            ::unlink(layout_.source_link(module_).c_str());
            std::filesystem::remove_all(layout_.build(module_), ignored);
        }
        std::filesystem::remove(*path, ignored); // directories only when they are empty
    }
    if (old_link_) std::filesystem::create_symlink(*old_link_, layout_.source_link(module_), ignored);
}

} // namespace

std::unique_ptr<Action> make_add_step(Work& work) { return std::make_unique<AddStep>(work); }

} // namespace dkms
