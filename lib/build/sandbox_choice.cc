// SPDX-License-Identifier: LGPL-2.1-or-later
#include "lib/build/sandbox_choice.h"

#include "lib/config/image_view.h"
#include "lib/model/error.h"
#include "lib/process/refusal.h"

#include <array>
#include <cerrno>

#include <fcntl.h>
#include <poll.h>
#include <sys/file.h>

namespace dkms {

namespace {

/// What headers name by absolute paths would be this system's.
void require_for_image(const Work& work, const std::string& because)
{
    if (work.places.root == "/") return;
    throw Error(ErrorCode::sandbox_missing,
                {{"module", work.step.module.text()},
                 {"reason", "with --root only a sandbox shows the headers of that system in their place, and " +
                                because + "; 'chroot " + work.places.root.string() + " dkmsctl' needs none"}});
}

} // namespace

SandboxChoice choose_sandbox(const Work& work)
{
    const std::string module = work.step.module.text();
    SandboxChoice choice{build_switches(work.places, work.step.module.name, work.settings), SandboxKind::none};
    for (const std::string& sentence : choice.switches.faults) work.reporter.warning("policy", {}, sentence);
    if (choice.switches.sandbox == SandboxUse::off) {
        require_for_image(work, "dkms-policy.conf(5) has switched it off");
        return choice;
    }
    choice.kind = available_sandbox();
    if (choice.kind != SandboxKind::none) return choice;
    const std::string reason = sandbox_missing_because();
    require_for_image(work, reason);
    if (choice.switches.sandbox == SandboxUse::required)
        throw Error(ErrorCode::sandbox_missing, {{"module", module}, {"reason", reason}});
    work.reporter.warning("no-sandbox", {{"module", module}, {"reason", reason}},
                          "Builds are not sandboxed, since " + reason +
                              ": they run with all privileges of dkmsd, and with network access.");
    return choice;
}

void show_inputs(Surroundings& surroundings, const Work& work, const BuildInputs& inputs)
{
    for (const auto* tree : {&work.places.dkms_tree, &work.places.source_tree, &work.places.install_tree})
        surroundings.show_tree(*tree);
    for (const auto& [what, where] : image_view(work.places)) surroundings.show_as(what, where);
    surroundings.show(inputs.headers.source_dir);
    surroundings.show(work.places.config_dir / inputs.module.name);
    for (const std::string& directive : work.step.options.directives) surroundings.show_named(directive, true);
    for (const std::string* command : {&inputs.conf.make, &inputs.conf.pre_build, &inputs.conf.post_build})
        surroundings.show_named(*command, false);
    surroundings.show_links(inputs.source);
}

VersionTurn::VersionTurn(const SandboxChoice& choice, const Work& work)
{
    if (choice.kind != SandboxKind::none || available_sandbox() == SandboxKind::none) return;
    const auto directory = Layout(work.places).version(work.step.module);
    lock_ = Descriptor(::open(directory.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
    while (::flock(lock_.number(), LOCK_EX | LOCK_NB) < 0) {
        if (errno != EWOULDBLOCK && errno != EINTR) refuse_change(directory, errno);
        // A lock that comes free wakes no one who could be cancelled, too.
        std::array<pollfd, 2> end{
            {{work.cancellation.signal_descriptor(), POLLIN, 0}, {work.cancellation.parent_descriptor(), POLLIN, 0}}};
        ::poll(end.data(), end.size(), 200);
        work.cancellation.check();
    }
}

} // namespace dkms
