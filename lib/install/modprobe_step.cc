// SPDX-License-Identifier: LGPL-2.1-or-later
#include "lib/install/modprobe_step.h"

#include "lib/files/file_kind.h"
#include "lib/files/walk.h"
#include "lib/model/error.h"
#include "lib/process/wide_command.h"

#include <filesystem>
#include <set>

namespace dkms {
namespace {

std::set<std::string> device_aliases()
{
    std::set<std::string> aliases;
    const std::filesystem::path devices = "/sys/devices";
    walk(devices, [&](const Found& found) {
        if (found.name != "modalias") return;
        try {
            const std::string text = read_file(devices / found.path, 4096);
            if (text.size() > 1) aliases.insert(text.substr(0, text.find('\n')));
        } catch (const Error&) {
            return; // a device that has just gone
        }
    });
    return aliases;
}

class ModprobeStep : public Action {
public:
    explicit ModprobeStep(Work& work) : work_(work) {}

    void prepare() override {}

    Outcome run() override
    {
        const auto aliases = known_aliases();
        std::vector<std::string> argv{"modprobe", "--all", "--use-blacklist", "--quiet"};
        argv.insert(argv.end(), aliases.begin(), aliases.end());
        // Most devices need no module of ours, and modprobe fails for each that has none at all.
        if (!aliases.empty()) run_program(std::move(argv));
        if (leads_to_directory("/run/systemd/system") && find_program("systemctl"))
            run_program({"systemctl", "try-restart", "systemd-modules-load.service"});
        return {};
    }

    void undo() noexcept override {} // a loaded module stays

private:
    /// The modules are in their places; that they cannot be loaded for devices here is nothing to fail for.
    std::set<std::string> known_aliases() const
    {
        try {
            return device_aliases();
        } catch (const Error& error) {
            work_.reporter.warning(error.name(), error.parameters(), error.message());
            return {};
        }
    }

    void run_program(std::vector<std::string> argv) const
    {
        Command command;
        command.argv = std::move(argv);
        command.environment = base_environment();
        run_wide(command, &work_.cancellation);
    }

    Work& work_;
};

} // namespace

std::unique_ptr<Action> make_modprobe_step(Work& work) { return std::make_unique<ModprobeStep>(work); }

} // namespace dkms
