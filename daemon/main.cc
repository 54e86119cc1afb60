// SPDX-License-Identifier: LGPL-2.1-or-later
// dkmsd: the service, or, with --stdio, the same queue for one client.
#include "daemon/bus_service.h"
#include "daemon/daemon_options.h"
#include "daemon/stdio_front.h"
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
    setup.worker = find_worker();
    setup.parallel = options.parallel;
    return setup;
}

int run_stdio(const DaemonOptions& options)
{
    Supervisor::Setup setup = setup_from(options);
    setup.mode = "stdio";
    setup.settings = inherited_settings();
    Loop loop;
    StdioFront front(loop, std::move(setup));
    return front.run();
}

int run_service(const DaemonOptions& options)
{
    Supervisor::Setup setup = setup_from(options);
    const char* given = std::getenv("STATE_DIRECTORY"); // by a service manager, see systemd.exec(5)
    setup.job_directory = (given != nullptr ? std::filesystem::path(given) : setup.places.state_dir) / "jobs";
    return run_bus_service({std::move(setup), DKMS_VERSION, options.idle_exit});
}

int run(const DaemonOptions& options)
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
        return dkms::run(dkms::read_daemon_options(argc, argv));
    } catch (const dkms::Error& error) {
        std::cerr << "dkmsd: " << error.message() << (error.hint().empty() ? "" : " ") << error.hint() << '\n';
        return error.exit_code(dkms::Verb::add);
    } catch (const std::exception& fault) {
        std::cerr << "dkmsd: " << fault.what() << '\n';
        return 1;
    }
}
