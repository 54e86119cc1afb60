// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <filesystem>
#include <optional>
#include <string>
#include <string_view>

namespace dkms {

/// How many jobs make is told to run.
struct MakeJobs {
    bool limited = true; ///< false: "-j" without a number
    unsigned number = 1;
};

/// What a module's make command is completed with.
struct MakeSettings {
    std::string release;              ///< of the kernel
    std::filesystem::path source_dir; ///< of the kernel: what make's -C gets
    std::filesystem::path build;      ///< where the module is built, as make sees it
    std::string variables;            ///< for the toolchain, each with a blank before it: " LLVM=1"
    std::optional<MakeJobs> jobs;     ///< nothing: make shares a jobserver, which a -j of its own would break
};

/// The shell line that builds a module. `make` is MAKE[#] as the configuration has it; empty: the kernel's own rule for
/// a directory of modules (kernels before 2.6 call that directory SUBDIRS). A leading word make becomes "make -jN
/// KERNELRELEASE=K" and the toolchain's variables are put at its end; a quoted 'make' asks to be left alone and gets
/// the variables only; other commands, and lists of commands, stay as they are but for that first word.
std::string make_command(const std::string& make, const MakeSettings& settings);

/// Whether that rewriting applies: the command begins with the plain word make.
bool begins_with_make(std::string_view make);

/// How many jobs the command runs at a time, by its own words "-jN", "-j N", "--jobs=N": 1 without such words, 0 when
/// the number is left open ("-j").
unsigned jobs_of(std::string_view make);

/// `make` without the words "-jN", "-j N" and "--jobs=N" whose number is DKMS's own (a configuration has it as
/// $parallel_jobs): those in which `another`, the same command for another number of jobs, differs. Nothing if the two
/// are equal, or differ in anything else, since then the number is used for something that is not known.
std::optional<std::string> without_jobs_of_dkms(std::string_view make, std::string_view another);

/// Kernels before 2.6 have another rule for modules, and object files instead of .ko.
bool is_before_2_6(const std::string& release);

} // namespace dkms
