// SPDX-License-Identifier: LGPL-2.1-or-later
#include "lib/model/error.h"

#include <nlohmann/json.hpp>

#include <array>
#include <cerrno>
#include <charconv>
#include <cstdlib>
#include <cstring>

namespace dkms {
namespace {

using enum ErrorCode;

constexpr std::string_view bus_prefix = "org.dkms1.Error.";

// In the order of ErrorCode.
constexpr std::array<ErrorRow, 75> table{{
    {invalid_args, "InvalidArgs", 2, "The request is not understood: {reason}.",
     "See dkmsctl(1) for what can be asked."},
    {invalid_name, "InvalidName", 1, "'{value}' is not a {kind}: {reason}.",
     "Names are single directory names of up to 200 bytes, such as 'v4l2loopback', '0.12.7' or '6.1.0-1-amd64'."},
    {access_denied, "AccessDenied", 1, "{who} may not {what}.", "Run the command as root."},
    {authorization_required, "InteractiveAuthorizationRequired", 1, "To {what}, somebody has to give a password.",
     "Run the command on a terminal or as root."},
    {limits_exceeded, "LimitsExceeded", 1, "A limit of dkmsd is reached: {reason}.",
     "Ask for less at a time, or wait until jobs have ended (dkmsctl jobs)."},
    {shutting_down, "ShuttingDown", 1, "dkmsd is shutting down and accepts nothing new.", "Try again in a moment."},
    {not_supported, "NotSupported", 1, "This cannot be done here: {reason}.", ""},
    {no_such_job, "NoSuchJob", 1, "There is no job {job}.", "dkmsctl jobs lists the jobs that are known."},
    {not_cancelable, "NotCancelable", 1, "Job {job} cannot be cut off now: it is {reason}.",
     "It ends by itself in a few seconds."},
    {no_such_module, "NoSuchModule", 3, "{module} is not in the tree {tree}.",
     "dkmsctl status lists the modules that are known."},
    {already_added, "AlreadyAdded", 3, "{module} is already in the tree {tree}.",
     "Nothing needs to be done; use rebuild to build it again, or import --force to replace its source."},
    {source_missing, "SourceMissing", 2, "There is no source of {module}: the directory {path} does not exist.",
     "Put the source there, or name another source tree with --sourcetree."},
    {source_unreadable, "SourceUnreadable", 2, "The source of {module} cannot be read: {path}: {reason}.",
     "Check owner and permissions of that directory."},
    {source_empty, "SourceEmpty", 8, "The source of {module} is not there: {path} has fewer than two entries.",
     "This module was loaded without its source, so it cannot be built; install its source package."},
    {source_foreign, "SourceForeign", 2, "{path} is not used as a source: it belongs to {owner}.",
     "Only root's and your own directories are used; write it as a path (./{name}) if you mean this one."},
    {conf_missing, "ConfMissing", 4, "{file} does not exist.",
     "A module's source needs a dkms.conf, see dkms.conf(5)."},
    {conf_unreadable, "ConfUnreadable", 4, "{file} cannot be read: {reason}.",
     "Check the file's type, owner and permissions."},
    {conf_invalid, "ConfInvalid", 8, "{file} is not valid: {reason}",
     "Correct that line; dkms.conf(5) explains every directive."},
    {conf_not_utf8, "ConfNotUtf8", 8, "{file} is not valid: the value of {directive} is not UTF-8.",
     "Write that value in UTF-8; comments may be anything."},
    {conf_too_large, "ConfTooLarge", 8, "{file} is larger than {limit}.",
     "A dkms.conf is a few lines of text; is this the right file?"},
    {conf_timeout, "ConfTimeout", 8, "{file} did not come to an end within {limit}.",
     "A dkms.conf is run as a bash script; look for loops or commands that wait."},
    {broken_module, "BrokenModule", 4, "{module} is broken: its source {path} is missing.",
     "Put the source back, or remove the module with: dkmsctl remove {module} --all"},
    {tree_not_writable, "TreeNotWritable", 1, "{path} cannot be changed: {reason}.",
     "Run the command as root, or name a tree of yours with --dkmstree."},
    {read_failed, "ReadFailed", 1, "{path} cannot be read: {reason}.",
     "Nothing was changed. Check the file system, and the owner and permissions of that path."},
    {system_failed, "SystemFailed", 1, "The system cannot do what is needed: {reason}.",
     "See the kernel log (dmesg) for the reason, then run the command again."},
    {no_such_kernel, "NoSuchKernel", 6, "Kernel {kernel} is not installed: {path} does not exist.",
     "Name an installed kernel with -k; they are the directories of the install tree."},
    {no_kernel_headers, "NoKernelHeaders", 21,
     "The headers of kernel {kernel} are not installed: {path}/include is missing.",
     "Install {package}, or give their place with --kernelsourcedir."},
    {kernel_directory_dangling, "KernelDirectoryDangling", 21,
     "The headers of kernel {kernel} are not installed: {path} leads to {target}, which does not exist.",
     "Install {package} again, or give their place with --kernelsourcedir."},
    {build_excluded, "BuildExcluded", 77, "{module} is not meant for kernel {kernel}: {reason}.",
     "The module's own dkms.conf says so; nothing needs to be done."},
    {missing_dependencies, "MissingDependencies", 13,
     "{module} needs modules that are not installed for kernel {kernel}: {dependencies}.",
     "Install them first, or build without them with --force."},
    {patch_missing, "PatchMissing", 5, "The patch {patch} of {module} is not in {path}.",
     "The module's source is incomplete; install it again."},
    {patch_outside, "PatchOutside", 5, "The patch {patch} of {module} leaves the directory of patches.",
     "Correct PATCH in the module's dkms.conf."},
    {patch_failed, "PatchFailed", 6, "The patch {patch} of {module} does not apply: {excerpt}",
     "The patch is for another version of the source."},
    {script_failed, "ScriptFailed", 1, "The {script} script of {module} ended with {exit_code}.",
     "Its output is in the log."},
    {make_missing, "MakeMissing", 10, "{module} cannot be built: the program {program} is not installed.",
     "Install the package {package}."},
    {compiler_missing, "CompilerMissing", 10,
     "{module} cannot be built: kernel {kernel} was made with {compiler}, which is not installed.",
     "Install the package {package}."},
    {build_failed, "BuildFailed", 10, "Building {module} for kernel {kernel} failed: {excerpt}",
     "If the module's source does not know this kernel, a newer version of the module is needed."},
    {disk_full, "DiskFull", 10, "There is no space left for {path}.",
     "Free some space on that file system and try again."},
    {module_not_produced, "ModuleNotProduced", 7, "Building {module} for kernel {kernel} did not produce {file}.",
     "BUILT_MODULE_NAME and BUILT_MODULE_LOCATION of its dkms.conf must name what make builds."},
    {verify_failed, "VerifyFailed", 7, "{file} cannot be used with kernel {kernel}: {reason}.",
     "A module must be built for the kernel it is given. What is checked, and what --force overrides: dkmsctl(1)."},
    {build_changed, "BuildChanged", 7, "{file} is not as it was when it was built.",
     "Build it anew: dkmsctl build {module} -k {kernel} --force"},
    {result_refused, "ResultRefused", 7, "{file}, made by code of {module}, was rejected: {reason}.",
     "Builds and packaging templates must leave regular files in their own directory; check the module's Makefile and "
     "scripts."},
    {leftovers_remain, "LeftoversRemain", 1, "{path} could not be deleted: {reason}.",
     "Check that directory's file system, then delete the directory."},
    {build_limit, "BuildLimit", 10, "{what} was stopped: it exceeded {limit}.",
     "If the module needs more, put the line '{setting}' into /etc/dkms/policy.conf, see dkms-policy.conf(5)."},
    {sandbox_missing, "SandboxMissing", 10, "{module} was not built: builds must be sandboxed, and {reason}.",
     "Install the package bubblewrap, or allow builds without a sandbox, see dkms-policy.conf(5)."},
    {sandbox_restriction, "SandboxRestriction", 10,
     "Building {module} for kernel {kernel} failed because {restriction}: {excerpt}", "{remedy}"},
    {script_not_executable, "ScriptNotExecutable", 10, "The {script} script of {module} cannot be executed: {reason}.",
     "Correct the mode of the script, or the mount options of its file system."},
    {signing_failed, "SigningFailed", 10,
     "{file} could not be signed, and kernel {kernel} loads only signed modules: {reason}.",
     "See framework.conf(5) about sign_file, mok_signing_key and mok_certificate."},
    {not_built, "NotBuilt", 6, "{module} is not built for kernel {kernel}.",
     "Build it first: dkmsctl build {module} -k {kernel}"},
    {nothing_installable, "NothingInstallable", 6, "Nothing of {module} was installed for kernel {kernel}: {reason}.",
     "Use --force to install it all the same."},
    {pre_install_failed, "PreInstallFailed", 101, "The PRE_INSTALL script of {module} refused with {status}.",
     "Its output is in the log; --force installs all the same."},
    {install_failed, "InstallFailed", 6, "Installing {module} for kernel {kernel} failed: {path}: {reason}.",
     "Nothing was changed."},
    {no_earlier_version, "NoEarlierVersion", 6, "{module} cannot be rolled back for kernel {kernel}: {reason}.",
     "{remedy}"},
    {depmod_failed, "DepmodFailed", 6, "depmod failed for kernel {kernel}, so {module} was taken out again: {reason}.",
     "The kernel's module directory may be damaged; reinstall the kernel."},
    {index_failed, "IndexFailed", 6, "depmod failed for kernel {kernel}: {reason}.",
     "The modules are in their places, but modprobe may not find them; mend the kernel's module directory and run "
     "depmod {kernel}."},
    {initramfs_failed, "InitramfsFailed", 6, "{program} could not make the initramfs of kernel {kernel}: {reason}.",
     "The modules are installed, but the initramfs still has what was there before; see the log."},
    {archive_missing, "ArchiveMissing", 2, "There is no archive {file}.", "Name an archive that dkms mktarball made."},
    {archive_unreadable, "ArchiveUnreadable", 3, "{file} cannot be read as an archive: {reason}.",
     "It may be truncated or compressed in another way than its name says; get it again."},
    {archive_refused, "ArchiveRefused", 3, "{file} is refused: {reason}.",
     "Nothing was taken from it. Do not trust it before you know how that came about."},
    {archive_without_module, "ArchiveWithoutModule", 7, "{file} holds no module: {reason}.",
     "An archive for DKMS has a dkms.conf in dkms_source_tree or dkms_binaries_only, or is a source with a dkms.conf."},
    {archive_too_new, "ArchiveTooNew", 9, "{file} was made for a later kind of tree, {version}.",
     "Make it again with a version of dkms that writes trees of version 2.0.0."},
    {archive_not_writable, "ArchiveNotWritable", 9, "The archive {path} cannot be written: {reason}.",
     "Name a file that you may write with --archive."},
    {tool_missing, "ToolMissing", 1, "{product} cannot be made: the program {program} is not installed.",
     "Install the package {package}."},
    {spec_missing, "SpecMissing", 5, "{product} cannot be made: there is no {path}.",
     "Put the file there, or leave its name out to use the one that comes with dkmsd."},
    {packaging_failed, "PackagingFailed", 7, "{product} could not be made: {program}: {reason}",
     "What the program said is in the log."},
    {does_not_fit, "DoesNotFit", 5,
     "{product} does not fit on its medium: it needs {needed} KiB, and {size} are there.",
     "Name a larger size, fewer kernels, or another medium."},
    {autoinstall_failed, "AutoinstallFailed", 11, "Not everything could be installed for kernel {kernel}: {modules}.",
     "dkmsctl status says what is missing, and why."},
    {kernel_cleanup_failed, "KernelCleanupFailed", 14,
     "Not everything that was built for kernel {kernel} could be taken away: {modules}.",
     "dkmsctl status says what is left; take it away with: dkmsctl remove MODULE/VERSION -k {kernel}"},
    {key_not_made, "KeyNotMade", 1, "No key for signing modules was made: {reason}.",
     "Modules stay unsigned until there is one; see framework.conf(5) about mok_signing_key."},
    {cancelled, "Cancelled", 130, "The job was cancelled.", ""},
    {interrupted, "Interrupted", 1, "The job was interrupted: {reason}.", "Start it again."},
    {unit_failed, "UnitFailed", 1, "The {step} step could not be started: {reason}.",
     "Check its unit: systemctl status '{unit}'"},
    {service_unavailable, "ServiceUnavailable", 1, "dkmsd is not available: {reason}.",
     "Check the service: systemctl status dkmsd. Where the trees are named (--dkmstree, --sourcetree, --installtree), "
     "dkmsctl works without it."},
    {service_gone, "ServiceGone", 1, "dkmsd went away while job {job} was running.",
     "When it is back, look with: dkmsctl wait {job}"},
    {output_failed, "OutputFailed", 1, "The output cannot be written: {reason}.",
     "What was asked for may have been done all the same."},
}};
constexpr ErrorRow internal_row{internal, "Internal", 1, "This should not have happened: {reason}.",
                                "Please report it."};

struct Remedy {
    int number;
    std::string_view text;
};
// What the system itself can be short of or broken in.
constexpr std::array<Remedy, 16> remedies{{
    {EROFS, "That file system is mounted read-only. Mount it writable (mount -o remount,rw); if the kernel made it "
            "read-only after an error, check it first (dmesg)."},
    {ENOSPC, "Free some space (df -h) or file names (df -i) on that file system and try again."},
    {EDQUOT, "A disk quota there is used up: free some space, or have the quota raised."},
    {EXDEV, "A rename across file systems or mounts is not possible: mount nothing inside that directory."},
    {ENOLCK, "That file system has no file locks. Mount it with locks (NFS: with lockd running), or put the tree on a "
             "local file system."},
    {EOPNOTSUPP, "That file system does not support this. Put the directory on a local Linux file system."},
    {EIO, "The disk or its connection reports an error: see the kernel log (dmesg), and check the file system."},
    {ESTALE, "The file system was changed on its server: mount it again."},
    {ENODEV, "The device is gone: see the kernel log (dmesg)."},
    {EUCLEAN, "The file system is damaged: check it (fsck)."},
    {ENOTCONN, "The file system's server or helper process is gone: mount it again."},
    {ETIMEDOUT, "The file system's server does not answer: check the network, then try again."},
    {EMFILE, "Too many files are open: raise the limit (ulimit -n, LimitNOFILE=)."},
    {ENFILE, "The system has too many open files: raise fs.file-max, or end some programs."},
    {ENOMEM, "The system is out of memory: free some, then try again."},
    {EAGAIN, "The system allows no further processes: end some, or raise the limit (ulimit -u, TasksMax=)."},
}};

struct Override {
    ErrorCode code;
    Verb verb;
    int exit_code;
};
// Codes that mean something else for one verb, as callers of the old program know them.
constexpr std::array<Override, 5> overrides{{
    // Of these only the first thing that is missing is told: for who builds, the headers.
    {no_such_kernel, Verb::build, 21},
    {no_such_kernel, Verb::rebuild, 21},
    {no_such_kernel, Verb::autoinstall, 21},
    {no_such_kernel, Verb::match, 21},
    {conf_missing, Verb::load, 9},
}};

const ErrorRow& row_of(ErrorCode code)
{
    const auto number = static_cast<std::size_t>(code);
    return number < table.size() ? table[number] : internal_row;
}

std::string filled(std::string_view text, const Parameters& parameters)
{
    std::string result;
    while (!text.empty()) {
        const auto open = text.find('{');
        const auto close = text.find('}', open);
        result += text.substr(0, open);
        if (open == std::string_view::npos || close == std::string_view::npos) break;
        const auto value = parameters.find(std::string(text.substr(open + 1, close - open - 1)));
        result += value == parameters.end() ? "?" : value->second;
        text.remove_prefix(close + 1);
    }
    return result;
}

/// Names that the D-Bus specification itself defines.
bool is_standard(ErrorCode code)
{
    return code == invalid_args || code == access_denied || code == authorization_required || code == limits_exceeded ||
           code == not_supported;
}

} // namespace

std::span<const ErrorRow> error_table()
{
    static const auto all = [] {
        std::array<ErrorRow, table.size() + 1> rows{};
        std::copy(table.begin(), table.end(), rows.begin());
        rows.back() = internal_row;
        return rows;
    }();
    return all;
}

Error::Error(ErrorCode code, Parameters parameters) : code_(code), parameters_(std::move(parameters)), what_(message())
{
}

std::string_view Error::name() const { return row_of(code_).name; }

namespace {

/// On a system whose /usr cannot be changed nothing is to be mounted: it comes with what was built into it.
constexpr std::string_view of_an_image =
    "The system's own files are read-only. Where they come as an image (ostree, bootc), the image has to be built with "
    "the module in it: howto-image.md in the documentation says how. Else mount them writable (mount -o remount,rw).";

bool is_of_the_system(std::string_view path) { return path.starts_with("/usr/") || path.starts_with("/lib/"); }

} // namespace

std::string Error::parameter(const std::string& name) const
{
    const auto found = parameters_.find(name);
    return found == parameters_.end() ? std::string() : found->second;
}

std::string Error::bus_name() const
{
    return std::string(is_standard(code_) ? "org.freedesktop.DBus.Error." : bus_prefix) + std::string(name());
}

std::string Error::message() const
{
    const auto worded = parameters_.find("sentence");
    return worded != parameters_.end() ? worded->second : filled(row_of(code_).sentence, parameters_);
}

std::string Error::hint() const
{
    // Whoever knows more of this failure than its kind says so.
    const auto remedy = parameters_.find("remedy");
    if (remedy != parameters_.end()) return remedy->second;
    const std::string number = parameter("errno");
    if (std::atoi(number.c_str()) == EROFS && is_of_the_system(parameter("path"))) return std::string(of_an_image);
    const std::string_view of_system = number.empty() ? "" : errno_remedy(std::atoi(number.c_str()));
    return of_system.empty() ? filled(row_of(code_).hint, parameters_) : std::string(of_system);
}

int Error::exit_code(Verb verb) const
{
    const std::string own = parameter("exit_code");
    int value = 0;
    if (std::from_chars(own.data(), own.data() + own.size(), value).ec == std::errc() && value != 0) return value;
    for (const Override& one : overrides)
        if (one.code == code_ && one.verb == verb) return one.exit_code;
    return row_of(code_).exit_code;
}

bool lacks_headers(const Error& error)
{
    return error.code() == no_kernel_headers || error.code() == kernel_directory_dangling ||
           error.code() == no_such_kernel;
}

ErrorCode error_code_of(std::string_view name)
{
    if (const auto dot = name.rfind('.'); dot != std::string_view::npos) name.remove_prefix(dot + 1);
    for (const ErrorRow& row : error_table())
        if (row.name == name) return row.code;
    return internal;
}

nlohmann::json to_json(const Error& error)
{
    return {{"error", error.name()},
            {"parameters", error.parameters()},
            {"message", error.message()},
            {"hint", error.hint()}};
}

Error error_from_json(const nlohmann::json& value)
{
    const std::string name = value.value("error", "");
    const ErrorCode code = error_code_of(name);
    if (code == internal && name != internal_row.name)
        return Error(internal, {{"sentence", value.value("message", name)}, {"remedy", value.value("hint", "")}});
    return Error(code, value.value("parameters", Parameters{}));
}

std::string_view errno_remedy(int number)
{
    for (const Remedy& one : remedies)
        if (one.number == number) return one.text;
    return {};
}

int errno_in(std::string_view text)
{
    for (const Remedy& one : remedies)
        if (text.find(errno_text(one.number)) != std::string_view::npos) return one.number;
    return 0;
}

std::string errno_text(int number)
{
    std::array<char, 128> buffer{};
    return ::strerror_r(number, buffer.data(), buffer.size());
}

} // namespace dkms
