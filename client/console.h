// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <functional>
#include <string_view>

namespace dkms {

/// What a stream can show.
struct Look {
    bool redraws = false; ///< a terminal whose cursor can be moved (not a dumb one)
    bool colour = false;  ///< redraws, and NO_COLOR is not set
    bool utf8 = false;    ///< the locale's characters are UTF-8
};

/// Where a command writes. Results go to `out`, progress and errors to `err`.
struct Console {
    std::function<void(std::string_view)> out;
    std::function<void(std::string_view)> err;
    Look out_look;
    Look err_look;
    /// Columns of the terminal behind a stream that redraws; 0 where nothing has to fit (a pipe or a file).
    std::function<unsigned()> width;
    /// Its lines; 0 like width.
    std::function<unsigned()> height;
    /// For what must be read although `err` was silenced; not set: `err` was not.
    std::function<void(std::string_view)> insist = {};
};

/// Standard output and standard error. Writing to a pipe that nobody reads is no error: what is left is dropped. `out`
/// throws Error OutputFailed when standard output cannot be written (disk full); `err` never throws. COLUMNS and LINES
/// win over what the terminal says.
Console system_console();

} // namespace dkms
