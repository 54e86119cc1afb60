// SPDX-License-Identifier: LGPL-2.1-or-later
#include "lib/build/trouble.h"

#include "lib/build/first_error.h"
#include "lib/build/private_directory.h"
#include "lib/build/shown_log.h"
#include "lib/build/staging.h"
#include "lib/process/regular_file.h"
#include "lib/tree/record.h"

#include <fcntl.h>
#include <unistd.h>

namespace dkms {
namespace {

namespace fs = std::filesystem;

KernelState state_for(ErrorCode code)
{
    switch (code) {
    case ErrorCode::build_excluded:
        return KernelState::skipped;
    case ErrorCode::no_kernel_headers:
    case ErrorCode::kernel_directory_dangling:
        return KernelState::waiting;
    default:
        return KernelState::failed;
    }
}

/// A copy of `log` under a new name, which nobody sees half-written.
void keep_copy(const fs::path& log, const fs::path& target)
{
    const Descriptor file = open_regular(log);
    if (!file) return;
    const fs::path draft = target.parent_path() / ("." + target.filename().string() + ".new");
    remove_quietly(draft);
    try {
        copy_file_to(file, draft);
    } catch (const Error&) {
        remove_quietly(draft);
        throw;
    }
    if (::rename(draft.c_str(), target.c_str()) < 0) remove_quietly(draft);
}

} // namespace

std::string note_for(const Error& error)
{
    switch (error.code()) {
    case ErrorCode::build_failed:
        return "build: " + complaint_of(error.parameter("excerpt"));
    case ErrorCode::sandbox_restriction:
        return "build: " + error.parameter("restriction");
    case ErrorCode::no_kernel_headers:
    case ErrorCode::kernel_directory_dangling:
        return "no headers; install " + error.parameter("package");
    case ErrorCode::build_excluded:
        return "excluded by " + error.parameter("reason");
    default:
        return error.message();
    }
}

void record_trouble(const Work& work, const Error& error, const fs::path& log) noexcept
{
    const Layout layout(work.places);
    const ModuleId& module = work.step.module;
    try {
        if (!log.empty()) keep_copy(log, layout.failed_log(module, work.step.kernel));
        write_trouble_record(layout, module, work.step.kernel,
                             {state_for(error.code()), note_for(error), work.job, error});
        if (log.empty()) return;
        make_directory(layout.build(module), 0755);
        keep_copy(log, layout.build(module) / "make.log");
    } catch (const std::exception&) {
        // the error itself is on its way; a note that cannot be kept changes nothing about it
    }
}

void forget_trouble(const Work& work) noexcept
{
    const Layout layout(work.places);
    remove_trouble_record(layout, work.step.module, work.step.kernel);
    ::unlink(layout.failed_log(work.step.module, work.step.kernel).c_str()); // one that stays belongs to no trouble
    remove_build_directory(layout, work.step.module);
}

} // namespace dkms
