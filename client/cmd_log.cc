// SPDX-License-Identifier: LGPL-2.1-or-later
#include "client/commands.h"
#include "client/transport.h"
#include "lib/model/error.h"

#include <array>
#include <cerrno>

#include <unistd.h>

namespace dkms {

int run_log(const Invocation& invocation, Console& console)
{
    const Descriptor log = choose_transport({}, false)->open_log(invocation.jobs.front());
    std::array<char, 64 * 1024> buffer{};
    while (true) {
        const ssize_t size = ::read(log.number(), buffer.data(), buffer.size());
        if (size == 0) return 0;
        if (size > 0)
            console.out(std::string_view(buffer.data(), static_cast<std::size_t>(size)));
        else if (errno != EINTR)
            throw Error(ErrorCode::internal, {{"reason", "the log cannot be read: " + errno_text(errno)}});
    }
}

} // namespace dkms
