// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <string>
#include <string_view>

namespace dkms {

/// The line of a build's output that says best why it failed: the compiler's first error, else the first one of
/// modpost, the linker, the shell or make; else the last line. One line of at most 300 bytes: without colours and
/// columns, paths relative to `build_directory` ("driver/foo.c:31: error: …"). Empty for an empty output.
std::string first_error(std::string_view output, std::string_view build_directory);

/// Whether the output tells of a full disk.
bool tells_of_full_disk(std::string_view output);

/// What is wrong, without where: "too few arguments …" of "foo.c:31: error: too few arguments …".
std::string complaint_of(const std::string& error_line);

} // namespace dkms
