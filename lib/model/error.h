// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include "lib/model/verb.h"

#include <nlohmann/json_fwd.hpp>

#include <exception>
#include <map>
#include <span>
#include <string>
#include <string_view>

namespace dkms {

/// Every way in which dkmsd, a worker or a client can say no. The table behind it (error.cc) gives each its name on the
/// bus, its sentence, its hint and its exit code; docs/architecture.md says where they are shown.
enum class ErrorCode {
    // the request itself
    invalid_args,
    invalid_name,
    access_denied,
    authorization_required,
    limits_exceeded,
    shutting_down,
    not_supported,
    no_such_job,
    not_cancelable,
    // modules, sources and their configuration
    no_such_module,
    already_added,
    source_missing,
    source_unreadable,
    source_empty,
    source_foreign,
    conf_missing,
    conf_unreadable,
    conf_invalid,
    conf_not_utf8,
    conf_too_large,
    conf_timeout,
    broken_module,
    tree_not_writable,
    read_failed,
    system_failed,
    // kernels
    no_such_kernel,
    no_kernel_headers,
    kernel_directory_dangling,
    // building
    build_excluded,
    missing_dependencies,
    patch_missing,
    patch_outside,
    patch_failed,
    script_failed,
    make_missing,
    compiler_missing,
    build_failed,
    disk_full,
    module_not_produced,
    verify_failed,
    build_changed,
    result_refused,
    leftovers_remain,
    build_limit,
    sandbox_missing,
    sandbox_restriction,
    script_not_executable,
    signing_failed,
    // installing
    not_built,
    nothing_installable,
    pre_install_failed,
    install_failed,
    no_earlier_version,
    depmod_failed,
    index_failed,
    initramfs_failed,
    // archives
    archive_missing,
    archive_unreadable,
    archive_refused,
    archive_without_module,
    archive_too_new,
    archive_not_writable,
    // making packages and disks
    tool_missing,
    spec_missing,
    packaging_failed,
    does_not_fit,
    // what concerns a whole kernel
    autoinstall_failed,
    kernel_cleanup_failed,
    key_not_made,
    // how a job can end without a fault of its own
    cancelled,
    interrupted,
    // the service
    unit_failed,
    service_unavailable,
    service_gone,
    output_failed,
    internal,
};

/// Values named in a sentence or hint of the error table: {"kernel", "6.1.0-1-amd64"}.
using Parameters = std::map<std::string, std::string>;

/// One row of the error table.
struct ErrorRow {
    ErrorCode code;
    std::string_view name;     ///< "NoKernelHeaders"; on the bus "org.dkms1.Error.NoKernelHeaders"
    int exit_code;             ///< of the client, unless a verb has its own (Error::exit_code)
    std::string_view sentence; ///< what happened, to what; {name} stands for a parameter
    std::string_view hint;     ///< what to do next; may be empty
};

/// The whole table, for man pages and tests.
std::span<const ErrorRow> error_table();

/// What went wrong: a value, thrown, and caught in three places: the worker's main, the bus guard, the client's main.
class Error : public std::exception {
public:
    /// Parameters that a sentence names and that are not given are shown as "?".
    explicit Error(ErrorCode code, Parameters parameters = {});

    ErrorCode code() const { return code_; }
    const Parameters& parameters() const { return parameters_; }
    std::string parameter(const std::string& name) const; ///< empty if there is none of that name
    std::string_view name() const;                        ///< "NoKernelHeaders"
    std::string bus_name() const; ///< "org.dkms1.Error.NoKernelHeaders", or the D-Bus standard's own name
    std::string message() const;  ///< the parameter "sentence" (of who worded it himself), else the table's, filled in
    /// What to do next: the parameter "remedy"; else what helps against the parameter "errno"; else the table's hint,
    /// with its parameters filled in. Empty if there is none.
    std::string hint() const;
    /// Exit code for a client that ran `verb`. A parameter "exit_code" (a script's own status) wins over the table.
    int exit_code(Verb verb) const;
    const char* what() const noexcept override { return what_.c_str(); }

    bool operator==(const Error& other) const { return code_ == other.code_ && parameters_ == other.parameters_; }

private:
    ErrorCode code_;
    Parameters parameters_;
    std::string what_;
};

/// Whether it says that there is nothing to build for a kernel with: its headers, or all of it, are missing.
bool lacks_headers(const Error& error);

/// {"error": name, "parameters": {…}, "message": …, "hint": …}. Reading looks at name and parameters only.
/// An unknown name, as a later version has, is read as `internal`, with message and hint as they were given.
nlohmann::json to_json(const Error& error);
Error error_from_json(const nlohmann::json& value);

/// The error of this name, with or without "org.dkms1.Error." before it; `internal` for an unknown one.
ErrorCode error_code_of(std::string_view name);

/// Text for an errno value ("No space left on device").
std::string errno_text(int number);

/// What a person can do about an errno value that is a fault of the system, such as EROFS or ENOLCK, and not of what
/// was asked for; empty for others, EACCES and EPERM among them, whose remedy depends on what was attempted.
std::string_view errno_remedy(int number);

/// The errno value whose text is in what another program has said, of those with a remedy; 0 if there is none.
int errno_in(std::string_view text);

} // namespace dkms
