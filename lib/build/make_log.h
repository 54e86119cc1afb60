// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include "lib/model/ids.h"
#include "lib/process/descriptor.h"

#include <cstdint>
#include <filesystem>
#include <string>
#include <string_view>

namespace dkms {

/// make.log as dkms 3.x writes it, since people and programs know where to look in it: a headline, the date; then for
/// every command its description, the command, its output, its exit code and the time it took. Everything goes to a
/// second descriptor too, which follows the build (a worker's standard output); what goes wrong there is ignored.
class MakeLog {
public:
    /// Starts the file anew. Throws Error TreeNotWritable, DiskFull, like all of it.
    MakeLog(const std::filesystem::path& file, const ModuleId& module, const KernelId& kernel, int follower = -1);

    /// A line before the first command.
    void note(std::string_view line);
    void begin(std::string_view description, std::string_view command);
    /// What the command writes. After 64 MiB in one log the rest is left out, and the log says so.
    void output(std::string_view bytes);
    void end(int exit_code, double seconds);

    const std::filesystem::path& path() const { return path_; }
    /// What the last command has written, as far as the log has it; at most 16 MiB from its beginning.
    std::string last_output() const;

private:
    void write(std::string_view bytes);

    std::filesystem::path path_;
    Descriptor file_;
    int follower_;
    std::uint64_t size_ = 0;
    std::uint64_t output_start_ = 0;
    std::uint64_t output_end_ = 0;
    bool cut_ = false;
    bool at_line_start_ = true;
};

/// As date(1) writes it in the C locale.
std::string date_text();

/// What stands before a command's output in a log of this form, and behind it. `seconds`: how long it took.
std::string log_head(std::string_view description, std::string_view command);
std::string log_foot(int exit_code, double seconds);

/// "00:01:07"
std::string clock_text(double seconds);

} // namespace dkms
