// SPDX-License-Identifier: LGPL-2.1-or-later
// dkmsd: the service, or, with --stdio, the same queue for one client.
#include "daemon/bus_service.h"
#include "daemon/daemon_options.h"
#include "daemon/stdio_front.h"
#include "daemon/unit_protocol.h"
#include "dbus/members.h"
#include "lib/process/descriptor.h"

#include <csignal>
#include <cstdlib>
#include <exception>
#include <iostream>

#include <sys/stat.h>

namespace dkms {
namespace {

Supervisor::Setup setup_from(const DaemonOptions& options)
{
    Supervisor::Setup setup;
    setup.places = resolve_places(options.places);
    setup.workers = [units = options.units, places = setup.places](Loop& loop, std::function<void()> outdated) {
        return units ? workers_as_units(loop, places, unit_sockets, std::move(outdated))
                     : workers_as_children(loop, places, find_worker());
    };
    setup.parallel = options.parallel;
    setup.most_jobs = options.most_jobs;
    return setup;
}

/// Which kernels lack modules concerns everybody only where the trees are the system's own; and a system below --root
/// that only this command works on is not one that anybody logs in to.
std::filesystem::path run_directory(const DaemonOptions& options)
{
    PlaceOptions named = options.places;
    if (options.mode == DaemonMode::service) named.root.reset();
    return named.any() ? std::filesystem::path() : options.places.root.value_or("/") / "run";
}

int run_stdio(const DaemonOptions& options)
{
    Supervisor::Setup setup = setup_from(options);
    setup.mode = "stdio";
    setup.settings = inherited_settings();
    Loop loop;
    StdioFront front(loop, std::move(setup), run_directory(options));
    return front.run();
}

int run_service(const DaemonOptions& options)
{
    Supervisor::Setup setup = setup_from(options);
    setup.settings = service_settings();
    const char* given = std::getenv("STATE_DIRECTORY"); // by a service manager, see systemd.exec(5)
    setup.job_directory = (given != nullptr ? std::filesystem::path(given) : setup.places.state_dir) / "jobs";
    return run_bus_service({std::move(setup), DKMS_VERSION, run_directory(options), options.idle_exit});
}

int serve(const DaemonOptions& options)
{
    switch (options.mode) {
    case DaemonMode::version:
        std::cout << "dkmsd " << DKMS_VERSION << '\n';
        return 0;
    case DaemonMode::introspect:
        std::cout << bus::introspection();
        return 0;
    case DaemonMode::stdio:
        return run_stdio(options);
    case DaemonMode::service:
        return run_service(options);
    }
    return 1;
}

} // namespace
} // namespace dkms

int main(int argc, char** argv)
{
    dkms::keep_standard_descriptors();
    ::umask(022);
    std::signal(SIGPIPE, SIG_IGN); // a client that is gone is noticed when it is written to
    try {
        return dkms::serve(dkms::read_daemon_options(argc, argv));
    } catch (const dkms::Error& error) {
        std::cerr << "dkmsd: " << error.message() << (error.hint().empty() ? "" : " ") << error.hint() << '\n';
        return error.exit_code(dkms::Verb::add);
    } catch (const std::exception& fault) {
        std::cerr << "dkmsd: " << fault.what() << '\n';
        return 1;
    }
}
