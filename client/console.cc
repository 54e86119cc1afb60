// SPDX-License-Identifier: LGPL-2.1-or-later
#include "client/console.h"

#include "lib/model/error.h"

#include <cerrno>
#include <charconv>
#include <cstdlib>
#include <string>

#include <sys/ioctl.h>
#include <unistd.h>

namespace dkms {
namespace {

std::string_view environment(const char* name)
{
    const char* value = std::getenv(name);
    return value != nullptr ? std::string_view(value) : std::string_view();
}

bool locale_is_utf8()
{
    for (const char* name : {"LC_ALL", "LC_CTYPE", "LANG"})
        if (const auto value = environment(name); !value.empty())
            return value.find("UTF-8") != value.npos || value.find("utf8") != value.npos;
    return false;
}

Look look_of(int descriptor)
{
    const auto kind = environment("TERM");
    Look look;
    look.utf8 = locale_is_utf8();
    look.redraws = ::isatty(descriptor) == 1 && !kind.empty() && kind != "dumb";
    look.colour = look.redraws && environment("NO_COLOR").empty();
    return look;
}

unsigned number_in(const char* name)
{
    const auto text = environment(name);
    unsigned number = 0;
    return std::from_chars(text.data(), text.data() + text.size(), number).ec == std::errc() ? number : 0;
}

winsize terminal_size()
{
    winsize size{};
    for (const int descriptor : {STDERR_FILENO, STDOUT_FILENO})
        if (::isatty(descriptor) == 1 && ::ioctl(descriptor, TIOCGWINSZ, &size) == 0 && size.ws_col > 0) break;
    return size;
}

/// Returns the errno value of what went wrong, or 0.
int write_text(int descriptor, std::string_view text)
{
    while (!text.empty()) {
        const ssize_t written = ::write(descriptor, text.data(), text.size());
        if (written >= 0)
            text.remove_prefix(static_cast<std::size_t>(written));
        else if (errno != EINTR)
            return errno;
    }
    return 0;
}

} // namespace

Console system_console()
{
    Console console;
    console.out = [](std::string_view text) {
        if (const int number = write_text(STDOUT_FILENO, text); number != 0 && number != EPIPE)
            throw Error(ErrorCode::output_failed, {{"reason", errno_text(number)}, {"errno", std::to_string(number)}});
    };
    console.err = [](std::string_view text) { write_text(STDERR_FILENO, text); };
    console.out_look = look_of(STDOUT_FILENO);
    console.err_look = look_of(STDERR_FILENO);
    console.width = [] {
        const unsigned given = number_in("COLUMNS");
        return given > 0 ? given : unsigned{terminal_size().ws_col};
    };
    console.height = [] {
        const unsigned given = number_in("LINES");
        return given > 0 ? given : unsigned{terminal_size().ws_row};
    };
    return console;
}

} // namespace dkms
