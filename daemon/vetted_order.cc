// SPDX-License-Identifier: LGPL-2.1-or-later
#include "daemon/vetted_order.h"

#include "lib/files/roots_own.h"
#include "lib/model/error.h"
#include "lib/process/open_path.h"
#include "lib/tree/lock.h"

#include <algorithm>

#include <sys/stat.h>

namespace dkms {
namespace {

enum class Presence { none, optional, required };

struct Shape {
    Presence module;
    Presence kernel;
};

/// What a step of a kind is about. A step without what it needs would work on a directory above.
Shape shape_of(StepKind kind)
{
    switch (kind) {
    case StepKind::add:
    case StepKind::adopt:
    case StepKind::remove:
    case StepKind::pack:
    case StepKind::pack_rpm:
    case StepKind::pack_deb:
    case StepKind::pack_disk:
        return {Presence::required, Presence::optional};
    case StepKind::build:
    case StepKind::unbuild:
    case StepKind::install:
    case StepKind::uninstall:
        return {Presence::required, Presence::required};
    case StepKind::initramfs:
    case StepKind::depmod:
    case StepKind::tidy:
    case StepKind::modprobe:
    case StepKind::post_transaction:
    case StepKind::survey:
    case StepKind::survey_preinst:
        return {Presence::optional, Presence::required};
    case StepKind::load:
    case StepKind::generate_key:
    case StepKind::check:
        break;
    }
    return {Presence::optional, Presence::optional};
}

[[noreturn]] void refuse(const std::string& reason) { throw Error(ErrorCode::invalid_args, {{"reason", reason}}); }

void check_ids(const Step& step)
{
    const Shape shape = shape_of(step.kind);
    const std::string name(name_of(step.kind));
    const bool has_module = !step.module.name.empty() || !step.module.version.empty();
    if (shape.module == Presence::required || has_module) check(step.module);
    const bool has_kernel = !step.kernel.release.empty() || !step.kernel.arch.empty();
    if (shape.kernel == Presence::required || has_kernel) check(step.kernel);
    for (const KernelId& kernel : step.kernels) check(kernel);
}

/// The name of a directory that a load step has made (unique_name).
void check_staged(const Step& step)
{
    const auto is_plain = [](unsigned char c) { return c > ' ' && c < 0x7f && c != '/'; };
    if (!std::all_of(step.staged.begin(), step.staged.end(), is_plain) || step.staged == "." || step.staged == "..")
        refuse("'" + step.staged + "' names nothing that was loaded");
}

void check_options(const Options& options)
{
    Request request;
    request.verb = Verb::autoinstall; // takes every option
    request.options = options;
    request.options.all = request.options.all_kernels = false;
    check(request);
    if (options.names_files()) refuse("the service takes no files of a caller's");
}

/// A step beside those of another dkmsd, who has the tree, would meet what these are at. One that writes a file of the
/// caller's changes nothing.
void check_lock(const Step& step, const WorkerGifts& gifts, const Places& places, uid_t sender)
{
    if (sender == 0 || (step.handle && step.kind != StepKind::load)) return;
    if (gifts.lock < 0 || !holds_lock(gifts.lock, Layout(places)))
        throw Error(ErrorCode::access_denied,
                    {{"who", "User " + std::to_string(sender)}, {"what", "change a tree without the lock of it"}});
}

/// Its scripts will be run as root, so it is only what root alone could have written: that what others have written is
/// root's wish, no dkmsd can prove. And what is loaded every user can read, so it is no secret of root's. A file of the
/// caller's takes an archive; into a directory nothing is written, which could be any that dkmsd can open.
void check_handle(const Step& step, const WorkerGifts& gifts, uid_t sender)
{
    if (step.handle != (gifts.handle >= 0)) refuse("a descriptor is missing, or not asked for");
    if (!step.handle || sender == 0) return;
    if (step.kind != StepKind::load) {
        if (is_directory(gifts.handle)) refuse("only load takes a directory");
        return;
    }
    const std::string name = name_of_open(gifts.handle);
    const std::string foreign = foreign_part(gifts.handle, name);
    if (foreign.empty()) return;
    throw Error(ErrorCode::not_supported,
                {{"reason", "the service loads only what root alone can write and every user can read, and " + name +
                                " " + foreign + "; root's dkmsctl import loads it without the service"}});
}

} // namespace

/// Programs of builds get the jobserver, and it is root who writes the events: anything else that dkmsd can open would
/// be more to them than to it.
void check_pipes(const WorkerGifts& gifts)
{
    const auto kind_of = [](int descriptor) {
        struct stat facts {};
        return ::fstat(descriptor, &facts) == 0 ? facts.st_mode & S_IFMT : 0;
    };
    for (const int descriptor : {gifts.jobserver_read, gifts.jobserver_write})
        if (descriptor >= 0 && kind_of(descriptor) != S_IFIFO) refuse("a jobserver is a pipe");
    if (const mode_t kind = kind_of(gifts.events); kind != S_IFIFO && kind != S_IFREG)
        refuse("events are written to a pipe or a file");
}

WorkOrder vetted(const WorkOrder& order, const WorkerGifts& gifts, const Places& places, uid_t sender)
{
    const Step& step = order.step;
    check_ids(step);
    check_staged(step);
    check_options(step.options);
    check_pipes(gifts);
    check_handle(step, gifts, sender);
    check_lock(step, gifts, places, sender);
    WorkOrder result = order;
    result.places = places;
    result.settings = service_settings();
    result.jobserver = gifts.jobserver_read >= 0 && gifts.jobserver_write >= 0;
    result.handle = gifts.handle >= 0;
    return result;
}

} // namespace dkms
