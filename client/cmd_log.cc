// SPDX-License-Identifier: LGPL-2.1-or-later
#include "client/commands.h"
#include "client/text.h"
#include "client/transport.h"
#include "lib/model/error.h"
#include "lib/process/refusal.h"

#include <array>
#include <cerrno>

#include <unistd.h>

namespace dkms {
namespace {

constexpr std::size_t longest_line = std::size_t{1} << 20;

/// Whole lines, so that no character is cut in two; what comes behind the last stays.
void print_lines(std::string& pending, const Console& console)
{
    const auto end = pending.size() > longest_line ? pending.size() : pending.rfind('\n') + 1;
    console.out(harmless(std::string_view(pending).substr(0, end)));
    pending.erase(0, end);
}

} // namespace

int run_log(const Invocation& invocation, Console& console)
{
    const Descriptor log = choose_transport({}, false)->open_log(invocation.jobs.front());
    std::array<char, 64 * 1024> buffer{};
    std::string pending;
    while (true) {
        const ssize_t size = ::read(log.number(), buffer.data(), buffer.size());
        if (size < 0 && errno == EINTR) continue;
        if (size < 0) refuse_read("the log of the job", errno);
        if (size == 0) break;
        pending.append(buffer.data(), static_cast<std::size_t>(size));
        print_lines(pending, console);
    }
    console.out(harmless(pending));
    return 0;
}

} // namespace dkms
