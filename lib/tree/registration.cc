// SPDX-License-Identifier: LGPL-2.1-or-later
#include "lib/tree/registration.h"

#include "lib/tree/directory.h"
#include "lib/tree/module_conf.h"
#include "lib/tree/script.h"

#include <cerrno>

#include <unistd.h>

namespace dkms {

namespace fs = std::filesystem;

bool Registration::is_added(const Layout& layout, const ModuleId& module)
{
    return leads_to_directory(layout.source(module));
}

void Registration::check(const fs::path& file)
{
    const auto& named = work_.step.options.conf_file;
    conf_ = read_conf(named.empty() ? file : named, conf_context(work_, module_), Strictness::strict);
    require_writable(layout_.version(module_));
}

void Registration::report_conf() const
{
    report_remarks(work_.reporter, conf_);
    if (conf_.module == module_) return;
    work_.reporter.warning("other-name", {{"module", module_.text()}, {"configured", conf_.module.text()}},
                           "The dkms.conf of " + module_.text() + " calls it " + conf_.module.text() +
                               "; the name it was added under counts.");
}

void Registration::report_link() const
{
    work_.reporter.report(Event(EventKind::source_linked,
                                {{"link", layout_.source_link(module_).string()},
                                 {"target", work_.places.inside(layout_.source_in_source_tree(module_)).string()}}));
}

void Registration::publish(const fs::path& fresh)
{
    complete(fresh);
    const auto version = layout_.version(module_);
    if (is_present(version)) {
        mend(fresh);
        sync_directory(version);
    } else {
        made_ = make_directories(layout_.module(module_.name));
        replaced_.push_back(Replacement::put(layout_, fresh, version));
        sync_directory(layout_.module(module_.name));
    }
}

void Registration::complete(const fs::path& fresh) const
{
    make_directories(fresh / "build");
    const auto source = fresh / "source";
    if (is_present(source)) return;
    const auto target = work_.places.inside(layout_.source_in_source_tree(module_));
    if (::symlink(target.c_str(), source.c_str()) != 0) refuse_change(source, errno);
}

/// What a crash or a purged package left, or a module that is replaced: its builds and everything else are kept.
void Registration::mend(const fs::path& fresh)
{
    const auto build = layout_.build(module_);
    if (!leads_to_directory(build))
        replaced_.push_back(Replacement::put(layout_, fresh / "build", build)); // missing, a file, a dangling link
    replaced_.push_back(Replacement::put(layout_, fresh / "source", layout_.source_link(module_)));
}

void Registration::run_post_add()
{
    const ExitStatus status = run_script(work_, module_, {"post_add", conf_.post_add}, &work_.cancellation);
    stays_ = true;
    if (!status.ok())
        throw Error(ErrorCode::script_failed,
                    {{"script", "POST_ADD"}, {"module", module_.text()}, {"exit_code", std::to_string(status.code)}});
}

void Registration::undo() noexcept
{
    if (stays_) return;
    for (auto one = replaced_.rbegin(); one != replaced_.rend(); ++one) one->undo();
    replaced_.clear();
    for (auto path = made_.rbegin(); path != made_.rend(); ++path) ::rmdir(path->c_str()); // only when it is empty
    made_.clear();
}

} // namespace dkms
