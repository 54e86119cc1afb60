// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include "client/console.h"
#include "lib/process/descriptor.h"

#include <string>

namespace dkms {

/// Prints a log that may still grow: whole lines, so that no character is cut in two, and nothing that a terminal would
/// obey.
class LogTail {
public:
    /// `heading` is printed to standard error before the first line, if it is not empty. `console` must outlive this.
    LogTail(Descriptor log, std::string heading, Console& console);

    /// Prints the lines that have come. Throws Error ReadFailed, OutputFailed.
    void read();
    /// The same, and what stands behind the last line.
    void finish();
    /// Whether anything was read.
    bool is_empty() const { return !is_read_; }

private:
    void print(std::string_view text);
    void print_lines();

    Descriptor log_;
    std::string heading_;
    Console& console_;
    std::string pending_;
    bool is_read_ = false;
};

} // namespace dkms
