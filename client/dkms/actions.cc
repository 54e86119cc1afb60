// SPDX-License-Identifier: LGPL-2.1-or-later
#include "client/dkms/actions.h"

#include "client/dkms/archive_file.h"
#include "client/dkms/named_kernels.h"
#include "client/dkms/package_transaction.h"
#include "client/dkms/packaging.h"
#include "client/dkms/source_owner.h"
#include "client/dkms/status_lines.h"
#include "client/dkms/working_source.h"
#include "lib/files/file_kind.h"
#include "lib/process/child.h"

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdlib>

#include <fcntl.h>
#include <unistd.h>

namespace dkms::legacy {
namespace {

namespace fs = std::filesystem;

enum Trait : unsigned {
    needs_module = 1U << 0U, ///< module and version
    refuses_all = 1U << 1U,  ///< --all is for others
    one_kernel = 1U << 2U,   ///< not more than one
    names_kernel = 1U << 3U, ///< exactly one
};

struct ActionRow {
    std::string_view name;
    unsigned traits;
    int (*run)(Session& session);
};

/// Each kernel once, however often it is named.
Request request_for(const Session& session, Verb verb)
{
    const Words& words = session.words();
    Request request{verb, {words.module, words.version}, {}, words.options};
    const VerbShape& shape = shape_of(verb);
    if (shape.module == Need::none) request.module = {};
    if (shape.kernels == KernelCount::none) return request;
    request.options.all = words.all;
    for (const KernelId& kernel : kernels_of(words))
        if (std::find(request.kernels.begin(), request.kernels.end(), kernel) == request.kernels.end())
            request.kernels.push_back(kernel);
    return request;
}

/// Checked here, where an error still knows what it is about.
int carry_out(Session& session, const Request& request, Descriptor handle = {}, const std::string& archive = {})
{
    try {
        check(request);
    } catch (const Error& error) {
        return tell_refused(error, request, session.console());
    }
    return session.carry_out(request, std::move(handle), archive);
}

/// What is done kernel by kernel, as often as a kernel is named. Returns the first exit code of a failure, and 77 only
/// if each turn ended with that.
int carry_out_by_turns(Session& session, Request request)
{
    const auto turns = turns_of(kernels_of(session.words()));
    if (turns.size() < 2) return carry_out(session, request);
    const bool separates = request.verb == Verb::uninstall || request.verb == Verb::unbuild;
    constexpr int excluded = 77;
    int result = 0;
    std::size_t left_out = 0;
    for (const auto& turn : turns) {
        if (separates && &turn != &turns.front()) session.console().out("\n");
        request.kernels = turn;
        const int code = carry_out(session, request);
        if (code == excluded)
            ++left_out;
        else if (result == 0)
            result = code;
    }
    return left_out == turns.size() ? excluded : result;
}

Descriptor open_for_loading(const fs::path& path, int flags)
{
    Descriptor descriptor(::open(path.c_str(), flags | O_RDONLY | O_CLOEXEC));
    if (!descriptor) throw Fault{1, path.string() + " cannot be opened: " + errno_text(errno), false};
    return descriptor;
}

int load_source(Session& session)
{
    Request load = request_for(session, Verb::load);
    load.handle = true;
    Descriptor source = open_for_loading(*session.words().source, O_DIRECTORY);
    if (!session.words().source_is_meant) require_own_source(source.number(), *session.words().source);
    return carry_out(session, load, std::move(source));
}

int run_autoinstall(Session& session) { return carry_out(session, request_for(session, Verb::autoinstall)); }

/// The package brings its modules to DKMS by its own scripts; what is left is to have them on this kernel.
int install_rpm(Session& session, const fs::path& package)
{
    Command rpm;
    rpm.argv = {"rpm", "-Uvh", package.string()};
    rpm.environment = base_environment();
    rpm.output = STDOUT_FILENO;
    rpm.error = STDERR_FILENO;
    if (!find_program("rpm") || !run(rpm).ok())
        throw Fault{9,
                    "Unable to install " + package.string() +
                        " using rpm.\nCheck to ensure that your system can install .rpm files.",
                    false};
    return run_autoinstall(session);
}

int load_archive(Session& session, const fs::path& archive)
{
    if (archive.empty() || !leads_to_file(archive)) throw Fault{2, archive.string() + " does not exist.", false};
    if (archive.extension() == ".rpm") return install_rpm(session, archive);
    Request load = request_for(session, Verb::load);
    load.handle = true;
    Descriptor opened = open_for_loading(archive, 0);
    const Words& words = session.words();
    const bool is_meant = words.source_is_meant || !words.archive_option.empty() || words.action == "ldtarball";
    if (!is_meant) require_own_source(opened.number(), archive);
    return carry_out(session, load, std::move(opened), archive.string());
}

fs::path archive_of(const Words& words)
{
    if (!words.archive_option.empty()) return words.archive_option;
    return words.archive.value_or(fs::path());
}

bool names_module(const Words& words) { return !words.module.empty() && !words.version.empty(); }

/// A source directory or an archive on the command line comes first, and says which module is meant.
std::optional<int> load_first(Session& session)
{
    const Words& words = session.words();
    if (names_module(words)) return std::nullopt;
    if (words.source) return load_source(session);
    if (!archive_of(words).empty()) return load_archive(session, archive_of(words));
    return std::nullopt;
}

[[noreturn]] void missing_module(const std::string& action)
{
    throw Fault{1,
                "Arguments <module> and <module-version> are not specified.\nUsage: " + action +
                    " <module>/<module-version> or\n       " + action + " -m <module>/<module-version> or\n       " +
                    action + " -m <module> -v <module-version>",
                false};
}

int run_add(Session& session)
{
    if (const auto loaded = load_first(session)) return *loaded;
    const Words& words = session.words();
    if (!names_module(words)) missing_module(words.action);
    Request add = request_for(session, Verb::add);
    if (words.rpm_safe_upgrade) add.options.transaction = package_transaction();
    return carry_out(session, add);
}

/// build and install: with a module, or with what has to be loaded first.
int run_with_source(Session& session, Verb verb)
{
    const Words& words = session.words();
    const auto loaded = load_first(session);
    const bool was_rpm = loaded && archive_of(words).extension() == ".rpm";
    if (loaded && (*loaded != 0 || was_rpm)) return *loaded;
    if (!loaded && !names_module(words)) missing_module(words.action);
    Request request = request_for(session, verb);
    if (loaded) {
        request.module = session.loaded();
        session.console().out("\n");
    }
    request.options.force |= words.rpm_safe_upgrade && verb == Verb::install;
    return carry_out_by_turns(session, request);
}

int run_build(Session& session) { return run_with_source(session, Verb::build); }
int run_install(Session& session) { return run_with_source(session, Verb::install); }
int run_uninstall(Session& session) { return carry_out_by_turns(session, request_for(session, Verb::uninstall)); }
int run_unbuild(Session& session) { return carry_out_by_turns(session, request_for(session, Verb::unbuild)); }
int run_prerm(Session& session) { return carry_out(session, request_for(session, Verb::kernel_prerm)); }
int run_preinst(Session& session) { return carry_out(session, request_for(session, Verb::kernel_preinst)); }
int run_generate(Session& session) { return carry_out(session, request_for(session, Verb::generate_key)); }

int run_remove(Session& session)
{
    Request remove = request_for(session, Verb::remove);
    if (session.words().rpm_safe_upgrade) remove.options.transaction = package_transaction();
    return carry_out(session, remove);
}

int run_match(Session& session)
{
    const Words& words = session.words();
    const std::string& example = words.options.template_kernel;
    if (example.empty())
        throw Fault{1,
                    "Invalid number of parameters passed.\n"
                    "Usage: match --templatekernel=<kernel-version> -k <kernel-version>",
                    false};
    const Request match = request_for(session, Verb::match);
    const KernelId kernel = match.kernels.empty() ? KernelId{running_release(), ""} : match.kernels.front();
    if (kernel.release == example)
        throw Fault{2, "The templatekernel and the specified kernel version are the same.", false};
    if (!words.module.empty() && session.status({words.module, "", "", ""}).empty())
        throw Fault{3, "The module: " + words.module + " is not located in the DKMS tree.", false};
    const std::string arch = " (" + (kernel.arch.empty() ? running_architecture() : kernel.arch) + ")\n";
    session.console().out("\nMatching modules in kernel: " + kernel.release + arch +
                          "to the configuration of kernel: " + example + arch);
    return carry_out(session, match);
}

int run_ldtarball(Session& session) { return load_archive(session, archive_of(session.words())); }

int run_mktarball(Session& session)
{
    Request pack = request_for(session, Verb::pack);
    const std::string& wanted = session.words().archive_option;
    pack.options.archive = fs::path(wanted).filename();
    if (wanted.find('/') == std::string::npos) return carry_out(session, pack); // into the tree
    ArchiveFile file(wanted);
    pack.handle = true;
    const int exit_code = carry_out(session, pack, file.descriptor(), wanted);
    if (exit_code == 0) file.publish();
    return exit_code;
}

Request packaging_request(const Session& session)
{
    const Words& words = session.words();
    Request pack = request_for(session, Verb::pack);
    set_packaging(pack.options, *format_of_action(words.action), words);
    return pack;
}

int run_packaging(Session& session) { return carry_out(session, packaging_request(session)); }

/// Of the source in the current directory, into the one above. What nobody has built yet is built first.
int package_working_source(Session& outer)
{
    const WorkingSource here;
    const Words words = here.in_its_trees(outer.words());
    Session session(words, outer.console());
    Request load = request_for(session, Verb::load);
    load.module = {};
    load.handle = true;
    if (const int failed = carry_out(session, load, here.source())) return failed;

    const ModuleId module = session.loaded();
    Request pack = packaging_request(session);
    pack.module = module;
    pack.handle = true;
    const PackedBuilds builds = builds_in(pack.options.format);
    if (builds == PackedBuilds::wanted || (builds == PackedBuilds::if_named && !pack.kernels.empty())) {
        Request build = request_for(session, Verb::build);
        build.module = module;
        if (const int failed = carry_out(session, build)) return failed;
    }
    return carry_out(session, pack, WorkingSource::results());
}

int run_driver_disk(Session& session)
{
    check_driver_disk(session.words());
    return run_packaging(session);
}

int run_debian_packaging(Session& session)
{
    const Words& words = session.words();
    if (words.module.empty() && words.version.empty() && WorkingSource::is_here())
        return package_working_source(session);
    if (!names_module(words)) missing_module(words.action);
    return run_packaging(session);
}

int run_status(Session& session)
{
    const Words& words = session.words();
    const StatusLines lines =
        status_lines(session.status({words.module, words.version, "", ""}), {words.kernels, words.architectures});
    session.console().out(lines.out);
    session.console().err(lines.err);
    return 0;
}

constexpr std::array<ActionRow, 21> table{{
    {"add", refuses_all, run_add},
    {"remove", needs_module, run_remove},
    {"build", refuses_all, run_build},
    {"unbuild", needs_module, run_unbuild},
    {"install", refuses_all, run_install},
    {"uninstall", needs_module, run_uninstall},
    {"match", refuses_all | one_kernel, run_match},
    {"autoinstall", refuses_all | one_kernel, run_autoinstall},
    {"mktarball", needs_module, run_mktarball},
    {"ldtarball", 0, run_ldtarball},
    {"status", 0, run_status},
    {"generate_mok", 0, run_generate},
    {"kernel_preinst", refuses_all | names_kernel, run_preinst},
    {"kernel_postinst", refuses_all | names_kernel, run_autoinstall},
    {"kernel_prerm", refuses_all | names_kernel, run_prerm},
    {"mkrpm", needs_module, run_packaging},
    {"mkdeb", 0, run_debian_packaging},
    {"mkdsc", 0, run_debian_packaging},
    {"mkbmdeb", 0, run_debian_packaging},
    {"mkkmp", needs_module | refuses_all | one_kernel, run_packaging},
    {"mkdriverdisk", needs_module, run_driver_disk},
}};

const ActionRow* row_of(std::string_view action)
{
    for (const ActionRow& row : table)
        if (row.name == action) return &row;
    return nullptr;
}

/// Combinations that no action takes.
void check_combination(const Words& words)
{
    if (words.options.binaries_only && words.options.source_only)
        throw Fault{8, "You have specified both --binaries-only and --source-only.\nYou cannot do this.", false};
    check_architectures(words);
    if (words.all && !words.kernels.empty())
        throw Fault{2, "You cannot specify a kernel version and also specify\n--all on the command line.", false};
    if (words.all && !words.architectures.empty())
        throw Fault{3, "You cannot specify an arch and also specify\n--all on the command line.", false};
    check_kernels_are_named(words);
}

void check_action(const ActionRow& row, const Words& words)
{
    const std::string action = words.action;
    if ((row.traits & names_kernel) != 0 && words.kernels.size() != 1)
        throw Fault{4, "The action " + action + " requires exactly one kernel version parameter on the command line.",
                    false};
    if ((row.traits & needs_module) != 0 && !names_module(words)) missing_module(action);
    if ((row.traits & refuses_all) != 0 && words.all)
        throw Fault{5, "The action " + action + " does not support the --all parameter.", false};
    if ((row.traits & one_kernel) != 0 && words.kernels.size() > 1)
        throw Fault{
            4, "The action " + action + " does not support multiple kernel version parameters on the command line.",
            false};
}

} // namespace

bool is_action(std::string_view word) { return row_of(word) != nullptr; }

int run_action(Session& session)
{
    const Words& words = session.words();
    const ActionRow* const row = row_of(words.action);
    if (row == nullptr) throw Fault{2, "Unknown action specified: \"" + words.action + "\"", true};
    if (words.action != "status") {
        check_combination(words);
        check_action(*row, words);
    }
    return row->run(session);
}

} // namespace dkms::legacy
