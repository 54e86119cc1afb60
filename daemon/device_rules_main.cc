// SPDX-License-Identifier: LGPL-2.1-or-later
// dkms-device-rules [--root DIR]: writes /run/udev/rules.d/90-dkms.rules, see device_rules.h, and tells udev. Devices
// that are there and for which something has changed appear once more: those whose module is missing start its unit,
// those whose module is there now get it loaded. Called by the boot unit and by units of devices. With --root nobody is
// told; the devices are printed.
#include "daemon/device_modules.h"
#include "daemon/device_search.h"
#include "lib/config/framework.h"
#include "lib/model/error.h"
#include "lib/process/child.h"
#include "lib/process/refusal.h"
#include "lib/tree/directory.h"

#include <algorithm>
#include <cstdlib>
#include <iostream>
#include <iterator>

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>

namespace dkms {
namespace {

namespace fs = std::filesystem;

fs::path root_from(int argc, char** argv)
{
    if (argc == 1) return "/";
    if (argc == 3 && std::string_view(argv[1]) == "--root") return fs::absolute(argv[2]).lexically_normal();
    throw Error(ErrorCode::invalid_args, {{"reason", "dkms-device-rules takes nothing but --root DIR"}});
}

/// Held until it is closed: of two that run at once, the second sees what the first has done.
Descriptor lock(const fs::path& directory)
{
    Descriptor held(::open(directory.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
    if (!held || ::flock(held.number(), LOCK_EX) != 0) refuse_change(directory, errno);
    return held;
}

std::string text_in(const fs::path& file) { return read_file_if_present(file).value_or(""); }

/// Puts the rules there; the aliases for which that makes a difference.
std::set<std::string> exchange(const fs::path& file, const std::string& rules)
{
    const std::string before = text_in(file);
    if (before == rules) return {};
    if (rules.empty() && ::unlink(file.c_str()) < 0 && !means_absent(errno)) refuse_change(file, errno);
    if (!rules.empty()) write_file_durably(file, rules);
    const auto was = aliases_in(before);
    const auto is = aliases_in(rules);
    std::set<std::string> changed;
    std::set_symmetric_difference(was.begin(), was.end(), is.begin(), is.end(), std::inserter(changed, changed.end()));
    return changed;
}

void udevadm(std::vector<std::string> words)
{
    words.insert(words.begin(), "udevadm");
    Command command;
    command.argv = std::move(words);
    command.environment = base_environment();
    command.output = 2;
    if (const ExitStatus status = run(command); !status.ok())
        std::cerr << text_of(command.argv) << " ended with " << status.code << ".\n";
}

void tell(const std::vector<fs::path>& devices)
{
    udevadm({"control", "--reload"});
    if (devices.empty()) return; // without any, it would be all
    std::vector<std::string> words{"trigger", "--action=add"};
    for (const fs::path& device : devices) words.push_back(device);
    udevadm(std::move(words));
}

int update_rules(const fs::path& root)
{
    const fs::path directory = root / "run" / "udev" / "rules.d";
    if (!leads_to_directory(directory.parent_path())) return 0; // a container, which has no devices of its own
    make_directories(directory);
    const Descriptor held = lock(directory);
    PlaceOptions options;
    if (root != "/") options.root = root;
    const auto modules = modules_for_devices(resolve_places(options), {running_release(), running_architecture()});
    const auto changed = exchange(directory / "90-dkms.rules", rules_text(modules));
    if (changed.empty()) return 0;
    const auto devices = devices_without_driver(root / "sys", changed);
    if (root == "/")
        tell(devices);
    else
        for (const fs::path& device : devices) std::cout << device.string() << '\n';
    return 0;
}

} // namespace
} // namespace dkms

int main(int argc, char** argv)
{
    dkms::keep_standard_descriptors();
    ::umask(022);
    try {
        return dkms::update_rules(dkms::root_from(argc, argv));
    } catch (const dkms::Error& error) {
        std::cerr << "dkms-device-rules: " << error.message() << '\n';
    } catch (const std::exception& fault) {
        std::cerr << "dkms-device-rules: " << fault.what() << '\n';
    }
    return 1;
}
