// SPDX-License-Identifier: LGPL-2.1-or-later
#include "client/options.h"

#include "client/beside.h"
#include "client/help.h"
#include "client/parser.h"
#include "client/text.h"
#include "lib/files/file_kind.h"
#include "lib/model/error.h"

#include <cerrno>

namespace dkms {
namespace {

namespace fs = std::filesystem;

[[noreturn]] void refuse(const std::string& reason) { throw Error(ErrorCode::invalid_args, {{"reason", reason}}); }

Answer wrong(const CommandRow& row, const std::string& reason, const std::string& remedy = {})
{
    const std::string more = row.name.empty() ? "dkmsctl help" : "dkmsctl help " + std::string(row.name);
    return {"dkmsctl: " + reason + ".\n" + (remedy.empty() ? "" : "  " + remedy + "\n") + usage_line(row) + "See '" +
                more + "'.\n",
            2, reason, remedy};
}

std::optional<fs::path> absolute(const std::string& path)
{
    if (path.empty()) return std::nullopt;
    return fs::absolute(path).lexically_normal();
}

/// Splits "MODULE/VERSION" at the first '/', wherever the two were written.
ModuleId module_of(const Words& words)
{
    if (!words.module.empty() && !words.module_option.empty()) refuse("the module is given twice");
    const std::string& text = words.module.empty() ? words.module_option : words.module;
    const auto slash = text.find('/');
    ModuleId module{text.substr(0, slash), slash == std::string::npos ? "" : text.substr(slash + 1)};
    if (slash != std::string::npos && module.version.empty()) refuse("'" + text + "' lacks the version behind the '/'");
    if (!words.version.empty() && !module.version.empty()) refuse("the version is given twice");
    if (!words.version.empty()) module.version = words.version;
    return module;
}

Options options_of(const Words& words)
{
    Options options = words.options;
    options.kernel_source_dir = absolute(words.kernel_source_dir).value_or(fs::path());
    options.kernel_config = absolute(words.kernel_config).value_or(fs::path());
    options.conf_file = absolute(words.conf_file).value_or(fs::path());
    if (words.format.empty()) return options;
    const auto format = pack_format_of(words.format);
    if (!format)
        refuse("there is no format '" + words.format +
               "'; there are tarball, rpm, deb, dsc, bmdeb, kmod, kmp and driver-disk");
    options.format = *format;
    return options;
}

Request request_of(Verb verb, const Words& words)
{
    Request request{verb, module_of(words), {}, options_of(words)};
    const bool every = request.options.all || request.options.all_kernels;
    if (every && !words.architectures.empty()) refuse("-a goes with -k, not with --all or --all-kernels");
    request.kernels = paired_kernels(words.kernels, words.architectures);
    request.handle = verb == Verb::load;
    check(request);
    return request;
}

StatusFilter filter_of(std::string_view command, const Words& words)
{
    if (words.kernels.size() > 1 || words.architectures.size() > 1)
        refuse(std::string(command) + " takes one kernel, which may be a pattern such as '6.1.*'");
    const ModuleId module = module_of(words);
    StatusFilter filter{module.name, module.version, "", ""};
    if (!words.kernels.empty()) {
        const KernelId kernel = parse_kernel(words.kernels.front());
        filter.kernel = kernel.release;
        filter.arch = kernel.arch;
    }
    if (!words.architectures.empty()) filter.arch = words.architectures.front();
    return filter;
}

/// Those whose completeness is waited for.
std::vector<KernelId> kernels_to_wait_for(const Words& words)
{
    auto kernels = paired_kernels(words.kernels, words.architectures);
    for (const KernelId& kernel : kernels) check(kernel);
    if (!kernels.empty() && !words.jobs.empty()) refuse("wait takes numbers of jobs, or kernels with -k, not both");
    return kernels;
}

/// What is asked of a job is asked of the service: it has a kernel and trees of its own.
void read_log_target(const CommandRow& row, const Words& words, Invocation& invocation)
{
    const auto job = job_number(words.module);
    if (!job) {
        invocation.filter = filter_of(row.name, words);
        return;
    }
    if (invocation.places.any()) refuse("jobs are those of the service; a tree goes with a module");
    if (!words.kernels.empty() || !words.architectures.empty()) refuse("a job has its kernel; -k goes with a module");
    invocation.jobs = {*job};
}

/// A mistyped directory would be taken for an empty tree. Only who changes a tree may find it missing, and makes it.
void require_directories(const CommandRow& row, const PlaceOptions& places)
{
    const auto require = [](const char* option, const std::optional<fs::path>& path) {
        if (!path || leads_to_directory(*path)) return;
        throw Error(ErrorCode::read_failed,
                    {{"path", path->string()},
                     {"reason", errno_text(leads_somewhere(*path) ? ENOTDIR : ENOENT)},
                     {"remedy", "Name a directory that exists with " + std::string(option) + "."}});
    };
    require("--root", places.root);
    if ((row.groups & (group_no_wait | group_source)) != 0) return;
    require("--dkmstree", places.dkms_tree);
    require("--sourcetree", places.source_tree);
    require("--installtree", places.install_tree);
}

void read_subject(const CommandRow& row, const Words& words, Invocation& invocation)
{
    if (row.verb) invocation.request = request_of(*row.verb, words);
    if ((row.groups & group_optional_module) != 0) invocation.filter = filter_of(row.name, words);
    if ((row.groups & group_log) != 0) read_log_target(row, words, invocation);
    for (const std::string& job : words.jobs) invocation.jobs.push_back(job_number(job).value());
    if ((row.groups & group_jobs) == 0) return;
    invocation.kernels = kernels_to_wait_for(words);
    if (invocation.places.any() && invocation.kernels.empty())
        refuse("jobs are those of the service; a tree goes with -k");
}

std::variant<Invocation, Answer> parsed(const CommandRow& row, const std::vector<std::string>& rest)
{
    const auto outcome = parse_words(row, rest);
    if (const auto* fault = std::get_if<Misunderstood>(&outcome)) return wrong(row, fault->reason, fault->remedy);
    const Words& words = std::get<Words>(outcome);
    if (words.help) return Answer{command_help(row), 0, {}, {}};
    if (row.verb == Verb::add && is_loadable(words.module))
        return parsed(*command_named("import"), rest); // with the options that it takes

    Invocation invocation;
    invocation.command = &row;
    invocation.places = {absolute(words.root), absolute(words.dkms_tree), absolute(words.source_tree),
                         absolute(words.install_tree)};
    read_subject(row, words, invocation);
    require_directories(row, invocation.places);
    const bool writes = (row.groups & group_export) != 0;
    invocation.path = absolute(!writes ? words.path : words.output.empty() ? "." : words.output).value_or(fs::path());
    invocation.json = words.json;
    invocation.no_wait = words.no_wait;
    invocation.quiet = words.quiet;
    invocation.strict = words.strict;
    if (words.hook && words.no_wait)
        refuse("a hook waits until the modules are in place, so --hook excludes --no-wait");
    invocation.hook = words.hook;
    invocation.every = words.every;
    if (words.newest && !invocation.request.module.version.empty())
        refuse("--newest goes with a module without a version");
    invocation.newest = words.newest;
    invocation.follow = words.follow;
    invocation.topic = words.topic;
    return invocation;
}

} // namespace

std::variant<Invocation, Answer> parse_options(std::span<const char* const> words)
{
    if (words.empty()) {
        Invocation nothing;
        nothing.command = &overview();
        return nothing;
    }
    const std::size_t position = command_position(words);
    const CommandRow* row = position < words.size() ? command_named(words[position]) : nullptr;
    if (position > 0) {
        const std::string_view first = words.front();
        if ((first == "--help" || first == "-h") && row == nullptr) return Answer{general_help(), 0, {}, {}};
        if (first == "--version" || first == "-V") return Answer{"dkmsctl " DKMS_VERSION "\n", 0, {}, {}};
    }
    if (position == words.size()) return wrong(overview(), "no command was given");
    if (row == nullptr) {
        const UnknownCommand unknown = unknown_command(words[position]);
        return wrong(overview(), unknown.reason, unknown.remedy);
    }
    std::vector<std::string> rest;
    for (std::size_t i = 0; i < words.size(); ++i)
        if (i != position) rest.emplace_back(words[i]);
    return parsed(*row, rest);
}

std::vector<KernelId> paired_kernels(const std::vector<std::string>& kernels,
                                     const std::vector<std::string>& architectures)
{
    if (kernels.empty() && architectures.size() == 1) return {{running_release(), architectures.front()}};
    if (architectures.size() > 1 && architectures.size() != kernels.size())
        refuse("there are " + count_text(kernels.size(), "kernel") + " and " + std::to_string(architectures.size()) +
               " architectures; give one, or as many as kernels");
    std::vector<KernelId> result;
    for (std::size_t i = 0; i < kernels.size(); ++i) {
        KernelId kernel = parse_kernel(kernels[i]);
        if (!architectures.empty()) {
            if (!kernel.arch.empty()) refuse("the architecture of kernel " + kernel.text() + " is given twice");
            kernel.arch = architectures[architectures.size() == 1 ? 0 : i];
        }
        result.push_back(std::move(kernel));
    }
    return result;
}

} // namespace dkms
