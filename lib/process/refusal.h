// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include "lib/model/error.h"

#include <filesystem>
#include <string>
#include <vector>

namespace dkms {

// What a failed system call means. These are the only places that decide it.

/// Whether an errno says that there is no such file, and not that it could not be looked at.
bool means_absent(int number);

/// The error for a failed change of `path`; `number` is the errno: DiskFull for a full disk, a used-up quota or a file
/// system without free inodes, else TreeNotWritable.
[[noreturn]] void refuse_change(const std::filesystem::path& path, int number);

/// The error for something that exists and cannot be read: ReadFailed.
[[noreturn]] void refuse_read(const std::filesystem::path& path, int number);

/// The error for a call without a file, such as fork(2) or pipe(2): SystemFailed. `what` names the call.
[[noreturn]] void refuse_call(const std::string& what, int number);

/// Whether an error says that the system failed while something was looked at (EIO, ESTALE, no memory, no free
/// descriptors): then nothing is known about what was looked at, and nothing may be concluded from it.
bool is_of_system(const Error& error);

/// The error for a program that failed where nothing but the system can be the reason: SystemFailed. `argv` is what was
/// run, `output` what it said.
[[noreturn]] void refuse_command(const std::vector<std::string>& argv, const std::string& output);

} // namespace dkms
