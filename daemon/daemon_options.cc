// SPDX-License-Identifier: LGPL-2.1-or-later
#include "daemon/daemon_options.h"

#include "lib/files/file_kind.h"
#include "lib/process/open_path.h"

#include <array>
#include <charconv>
#include <string>

#include <getopt.h>

namespace dkms {
namespace {

[[noreturn]] void refuse(const std::string& reason) { throw Error(ErrorCode::invalid_args, {{"reason", reason}}); }

enum Option {
    stdio = 256,
    root,
    dkms_tree,
    source_tree,
    install_tree,
    idle_exit,
    most_jobs,
    units,
    version,
    introspect
};

constexpr std::array<option, 12> known{{{"stdio", no_argument, nullptr, stdio},
                                        {"root", required_argument, nullptr, root},
                                        {"dkmstree", required_argument, nullptr, dkms_tree},
                                        {"sourcetree", required_argument, nullptr, source_tree},
                                        {"installtree", required_argument, nullptr, install_tree},
                                        {"jobs", required_argument, nullptr, 'j'},
                                        {"idle-exit", required_argument, nullptr, idle_exit},
                                        {"most-jobs", required_argument, nullptr, most_jobs},
                                        {"units", no_argument, nullptr, units},
                                        {"version", no_argument, nullptr, version},
                                        {"introspect", no_argument, nullptr, introspect},
                                        {nullptr, 0, nullptr, 0}}};

unsigned number_in(const std::string& text)
{
    unsigned number = 0;
    const auto [end, fault] = std::from_chars(text.data(), text.data() + text.size(), number);
    if (fault != std::errc() || end != text.data() + text.size()) refuse("'" + text + "' is not a number");
    return number;
}

std::filesystem::path absolute_path(const char* text)
{
    const std::filesystem::path path = text;
    if (!path.is_absolute()) refuse("'" + path.string() + "' is not an absolute path");
    return path.lexically_normal();
}

void take(DaemonOptions& options, int option, const char* value)
{
    switch (option) {
    case stdio:
        options.mode = DaemonMode::stdio;
        break;
    case root:
        options.places.root = absolute_path(value);
        break;
    case dkms_tree:
        options.places.dkms_tree = absolute_path(value);
        break;
    case source_tree:
        options.places.source_tree = absolute_path(value);
        break;
    case install_tree:
        options.places.install_tree = absolute_path(value);
        break;
    case 'j':
        options.parallel = number_in(value);
        break;
    case idle_exit:
        options.idle_exit = std::chrono::seconds(number_in(value));
        break;
    case most_jobs:
        options.most_jobs = number_in(value);
        break;
    case units:
        options.units = true;
        break;
    case version:
        options.mode = DaemonMode::version;
        break;
    case introspect:
        options.mode = DaemonMode::introspect;
        break;
    default:
        refuse("see dkmsd(8) for its options");
    }
}

} // namespace

DaemonOptions read_daemon_options(int argc, char** argv)
{
    DaemonOptions options;
    for (int one = 0; (one = ::getopt_long(argc, argv, "j:", known.data(), nullptr)) >= 0;)
        take(options, one, ::optarg);
    if (options.units && (options.places.any() || options.mode == DaemonMode::stdio))
        refuse("--units is for the service of this system's own trees");
    if (::optind < argc) refuse(std::string("dkmsd takes no word '") + argv[::optind] + "'");
    return options;
}

std::filesystem::path find_worker()
{
    const auto neighbour = own_program().parent_path() / "dkms-worker";
    return neighbour.has_parent_path() && leads_to_file(neighbour) ? neighbour : std::filesystem::path(DKMS_WORKER);
}

} // namespace dkms
