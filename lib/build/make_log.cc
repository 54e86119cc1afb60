// SPDX-License-Identifier: LGPL-2.1-or-later
#include "lib/build/make_log.h"

#include "lib/build/private_directory.h"
#include "lib/model/error.h"

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdio>
#include <ctime>

#include <fcntl.h>
#include <unistd.h>

namespace dkms {
namespace {

constexpr std::uint64_t largest_log = std::uint64_t{64} << 20;
constexpr std::uint64_t largest_output = std::uint64_t{16} << 20;
/// The release of dkms whose format this is; readers of logs look for the word.
constexpr std::string_view format_version = "dkms-3.4.3";

} // namespace

std::string date_text()
{
    const std::time_t now = std::time(nullptr);
    std::tm local{};
    ::localtime_r(&now, &local);
    std::array<char, 64> text{};
    return {text.data(), std::strftime(text.data(), text.size(), "%a %b %e %H:%M:%S %Z %Y", &local)};
}

std::string log_head(std::string_view description, std::string_view command)
{
    return "\n" + std::string(description) + "\n# command: " + std::string(command) + "\n";
}

std::string log_foot(int exit_code, double seconds)
{
    return "\n# exit code: " + std::to_string(exit_code) + "\n# elapsed time: " + clock_text(seconds) + "\n" +
           std::string(64, '-') + "\n";
}

std::string clock_text(double seconds)
{
    const auto whole = static_cast<long>(std::max(0.0, seconds));
    std::array<char, 32> text{};
    std::snprintf(text.data(), text.size(), "%02ld:%02ld:%02ld", whole / 3600, whole / 60 % 60, whole % 60);
    return text.data();
}

MakeLog::MakeLog(const std::filesystem::path& file, const ModuleId& module, const KernelId& kernel, int follower)
    : path_(file), file_(::open(file.c_str(), O_RDWR | O_CREAT | O_TRUNC | O_NOFOLLOW | O_CLOEXEC, 0644)),
      follower_(follower)
{
    if (!file_) refuse_change(file, errno);
    write("DKMS (" + std::string(format_version) + ") make.log for " + module.text() + " for kernel " + kernel.release +
          " (" + kernel.arch + ")\n" + date_text() + "\n");
}

void MakeLog::note(std::string_view line) { write(std::string(line) + "\n"); }

void MakeLog::begin(std::string_view description, std::string_view command)
{
    write(log_head(description, command));
    output_start_ = output_end_ = size_;
    at_line_start_ = true;
}

void MakeLog::output(std::string_view bytes)
{
    if (cut_ || bytes.empty()) return;
    if (size_ + bytes.size() > largest_log) {
        cut_ = true;
        write("\n[The rest of the output is left out: this log has reached 64 MiB.]\n");
        return;
    }
    write(bytes);
    output_end_ = size_;
    at_line_start_ = bytes.back() == '\n';
}

void MakeLog::end(int exit_code, double seconds) { write((at_line_start_ ? "" : "\n") + log_foot(exit_code, seconds)); }

std::string MakeLog::last_output() const
{
    std::string text(static_cast<std::size_t>(std::min(output_end_ - output_start_, largest_output)), '\0');
    const ssize_t got = ::pread(file_.number(), text.data(), text.size(), static_cast<off_t>(output_start_));
    text.resize(got < 0 ? 0 : static_cast<std::size_t>(got));
    return text;
}

void MakeLog::write(std::string_view bytes)
{
    size_ += bytes.size();
    for (std::string_view rest = bytes; follower_ >= 0 && !rest.empty();) {
        const ssize_t written = ::write(follower_, rest.data(), rest.size());
        if (written < 0 && errno == EINTR) continue;
        if (written < 0)
            follower_ = -1;
        else
            rest.remove_prefix(static_cast<std::size_t>(written));
    }
    while (!bytes.empty()) {
        const ssize_t written = ::write(file_.number(), bytes.data(), bytes.size());
        if (written < 0 && errno == EINTR) continue;
        if (written < 0) refuse_change(path_, errno);
        bytes.remove_prefix(static_cast<std::size_t>(written));
    }
}

} // namespace dkms
