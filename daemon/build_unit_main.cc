// SPDX-License-Identifier: LGPL-2.1-or-later
// dkms-build-unit: the first process of a unit that runs the commands of a build; see docs/architecture.md, "Units". It
// is a program of its own, since it starts with every build and needs few of the worker's libraries.
#include "daemon/command_keeper.h"
#include "lib/model/error.h"

#include <csignal>
#include <cstdio>
#include <exception>

#include <sys/stat.h>
#include <systemd/sd-daemon.h>

int main(int argc, char**)
{
    ::signal(SIGPIPE, SIG_IGN);
    ::umask(022);
    try {
        if (argc != 1 || ::sd_listen_fds(1) != 1) {
            std::fputs("dkms-build-unit is started by the socket of its unit\n", stderr);
            return 1;
        }
        return dkms::keep_commands(dkms::Descriptor(SD_LISTEN_FDS_START));
    } catch (const std::exception& fault) {
        std::fprintf(stderr, "dkms-build-unit: %s\n", fault.what());
        return 1;
    }
}
