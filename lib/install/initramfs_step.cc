// SPDX-License-Identifier: LGPL-2.1-or-later
#include "lib/install/initramfs_step.h"

#include "lib/files/file_kind.h"
#include "lib/process/child.h"
#include "lib/process/wide_command.h"

#include <chrono>

#include <unistd.h>

namespace dkms {
namespace {

/// The kernel's name in Arch Linux, where images are not named after releases: "linux-lts".
std::string pkgbase(const Places& places, const std::string& release)
{
    const auto file = places.install_tree / release / "pkgbase";
    if (!leads_to_file(file)) return {};
    const std::string text = read_file(file, 4096);
    return text.substr(0, text.find('\n'));
}

class InitramfsStep : public Action {
public:
    explicit InitramfsStep(Work& work) : work_(work) {}

    void prepare() override;
    Outcome run() override;
    void undo() noexcept override {} // the tools replace an image only by a complete one

private:
    Work& work_;
    std::optional<std::vector<std::string>> argv_;
};

void InitramfsStep::prepare()
{
    if (work_.places.root != "/" || !work_.places.is_default_install_tree()) return;
    argv_ = initramfs_command(work_.places, work_.step.kernel.release,
                              [](const std::string& name) { return find_program(name).has_value(); });
}

Outcome InitramfsStep::run()
{
    const std::string& release = work_.step.kernel.release;
    Outcome outcome;
    if (!argv_) {
        outcome.result = Result::skipped;
        return outcome;
    }
    work_.cancellation.check();
    work_.reporter.stage(Stage::initramfs, 0);
    work_.reporter.command_started("initramfs", release, text_of(*argv_));
    Command command;
    command.argv = *argv_;
    command.environment = base_environment();
    command.output = STDOUT_FILENO;
    const auto began = std::chrono::steady_clock::now();
    const ExitStatus status = run_wide(command, &work_.cancellation);
    const std::chrono::duration<double> seconds = std::chrono::steady_clock::now() - began;
    work_.reporter.command_ended("initramfs", release, status.code, seconds.count());
    if (!status.ok())
        throw Error(ErrorCode::initramfs_failed, {{"program", argv_->front()},
                                                  {"kernel", release},
                                                  {"reason", "it ended with " + std::to_string(status.code)}});
    work_.reporter.stage(Stage::initramfs, 100);
    return outcome;
}

} // namespace

std::optional<std::vector<std::string>> initramfs_command(const Places& places, const std::string& release,
                                                          const std::function<bool(const std::string&)>& has_program)
{
    using Argv = std::vector<std::string>;
    if (leads_to_file(places.boot_dir / ("initrd.img-" + release)) && has_program("update-initramfs"))
        return Argv{"update-initramfs", "-u", "-k", release};
    for (const std::string& name : {"initramfs-" + release + ".img", "initrd-" + release, "initrd.img-" + release})
        if (leads_to_file(places.boot_dir / name) && has_program("dracut"))
            return Argv{"dracut", "--force", "--kver", release, places.boot_dir / name};
    const std::string base = pkgbase(places, release);
    if (!base.empty() && leads_to_file(places.boot_dir / ("initramfs-" + base + ".img")) && has_program("mkinitcpio"))
        return Argv{"mkinitcpio", "-p", base};
    return std::nullopt;
}

std::unique_ptr<Action> make_initramfs_step(Work& work) { return std::make_unique<InitramfsStep>(work); }

} // namespace dkms
