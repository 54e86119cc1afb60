// SPDX-License-Identifier: LGPL-2.1-or-later
#include "lib/model/request.h"

#include "lib/model/error.h"

#include <nlohmann/json.hpp>

#include <array>

namespace dkms {
namespace {

using nlohmann::json;

[[noreturn]] void refuse(const std::string& reason) { throw Error(ErrorCode::invalid_args, {{"reason", reason}}); }

struct Flag {
    const char* name;
    bool Options::*member;
};
constexpr std::array<Flag, 15> flags{{{"force", &Options::force},
                                      {"force_version_override", &Options::force_version_override},
                                      {"no_depmod", &Options::no_depmod},
                                      {"no_initramfs", &Options::no_initramfs},
                                      {"all", &Options::all},
                                      {"all_kernels", &Options::all_kernels},
                                      {"verbose", &Options::verbose},
                                      {"modprobe_on_install", &Options::modprobe_on_install},
                                      {"symlink_modules", &Options::symlink_modules},
                                      {"source_only", &Options::source_only},
                                      {"binaries_only", &Options::binaries_only},
                                      {"refresh", &Options::refresh},
                                      {"no_postinst", &Options::no_postinst},
                                      {"repair", &Options::repair},
                                      {"batch", &Options::batch}}};

struct TextOption {
    const char* name;
    std::string Options::*member;
};
constexpr std::array<TextOption, 6> text_options{{{"archive", &Options::archive},
                                                  {"template_kernel", &Options::template_kernel},
                                                  {"transaction", &Options::transaction},
                                                  {"spec", &Options::spec},
                                                  {"media", &Options::media},
                                                  {"label", &Options::label}}};

struct PathOption {
    const char* name;
    std::filesystem::path Options::*member;
};
constexpr std::array<PathOption, 3> path_options{{{"kernel_source_dir", &Options::kernel_source_dir},
                                                  {"kernel_config", &Options::kernel_config},
                                                  {"conf_file", &Options::conf_file}}};

std::string text_in(const std::string& key, const json& value)
{
    if (!value.is_string()) refuse("'" + key + "' must be a text");
    return value.get<std::string>();
}

int jobs_in(const json& value)
{
    if (!value.is_number_integer() || value.get<std::int64_t>() < 0 || value.get<std::int64_t>() > 4096)
        refuse("'parallel_jobs' must be a number from 0 to 4096");
    return value.get<int>();
}

unsigned media_size_in(const json& value)
{
    if (!value.is_number_integer() || value.get<std::int64_t>() < 0 || value.get<std::int64_t>() > 64 * 1024 * 1024)
        refuse("'media_size' must be a number of KiB, at most 64 GiB");
    return value.get<unsigned>();
}

PackFormat format_in(const json& value)
{
    const auto format = pack_format_of(text_in("format", value));
    if (!format) refuse("there is no format '" + value.get<std::string>() + "' to pack into");
    return *format;
}

Policy policy_in(const json& value)
{
    const auto policy = policy_of(text_in("policy", value));
    if (!policy) refuse("'policy' must be optional, required or boot");
    return *policy;
}

std::vector<std::string> texts_in(const std::string& key, const json& value)
{
    if (!value.is_array()) refuse("'" + key + "' must be a list of texts");
    std::vector<std::string> texts;
    for (const json& one : value) texts.push_back(text_in(key, one));
    return texts;
}

std::filesystem::path path_in(const std::string& key, const json& value)
{
    std::filesystem::path path = text_in(key, value);
    if (!path.is_absolute()) refuse("'" + key + "' must be an absolute path");
    return path;
}

void read_option(Options& options, const std::string& key, const json& value)
{
    for (const Flag& flag : flags)
        if (key == flag.name) {
            if (!value.is_boolean()) refuse("'" + key + "' must be true or false");
            options.*flag.member = value.get<bool>();
            return;
        }
    for (const PathOption& option : path_options)
        if (key == option.name) {
            options.*option.member = path_in(key, value);
            return;
        }
    for (const TextOption& option : text_options)
        if (key == option.name) {
            options.*option.member = text_in(key, value);
            return;
        }
    if (key == "policy")
        options.policy = policy_in(value);
    else if (key == "parallel_jobs")
        options.parallel_jobs = jobs_in(value);
    else if (key == "format")
        options.format = format_in(value);
    else if (key == "media_size")
        options.media_size = media_size_in(value);
    else if (key == "distributions")
        options.distributions = texts_in(key, value);
    else if (key == "directives")
        options.directives = texts_in(key, value);
    else
        refuse("there is no option '" + key + "'");
}

void read_member(Request& request, const std::string& key, const json& value)
{
    if (key == "request") {
        const auto verb = verb_of(text_in(key, value));
        if (!verb) refuse("there is no request '" + value.get<std::string>() + "'");
        request.verb = *verb;
    } else if (key == "module") {
        request.module.name = text_in(key, value);
    } else if (key == "version") {
        request.module.version = text_in(key, value);
    } else if (key == "kernels") {
        for (const std::string& text : texts_in(key, value)) request.kernels.push_back(parse_kernel(text));
    } else if (key == "options") {
        request.options = options_from_json(value);
    } else if (key == "handle") {
        if (!value.is_boolean()) refuse("'handle' must be true or false");
        request.handle = value.get<bool>();
    } else {
        refuse("a request has no '" + key + "'");
    }
}

/// Whether what belongs to a request of this verb is there, and nothing else.
void check_shape(const Request& request)
{
    const std::string verb(name_of(request.verb));
    const VerbShape& shape = shape_of(request.verb);
    const bool has_module = !request.module.name.empty() || !request.module.version.empty();
    if (shape.module == Need::none && has_module) refuse(verb + " takes no module");
    if (shape.module == Need::required || has_module) check(request.module);
    const bool has_kernels = !request.kernels.empty() || request.options.all || request.options.all_kernels;
    if (shape.kernels == KernelCount::none && has_kernels) refuse(verb + " takes no kernel");
    if (shape.kernels == KernelCount::one && request.kernels.size() > 1) refuse(verb + " takes one kernel");
    if (shape.handle == Need::none && request.handle) refuse(verb + " takes no descriptor");
    if (shape.handle == Need::required && !request.handle) refuse(verb + " needs a descriptor");
}

/// "1234 567890"
bool is_process(std::string_view text)
{
    const auto blank = text.find(' ');
    const auto is_number = [](std::string_view part) {
        return !part.empty() && part.find_first_not_of("0123456789") == std::string_view::npos;
    };
    return blank != std::string_view::npos && is_number(text.substr(0, blank)) && is_number(text.substr(blank + 1));
}

void check_texts(const Options& options)
{
    if (options.archive.find('/') != std::string::npos || options.archive == "." || options.archive == "..")
        refuse("'archive' is the name of a file, without a directory");
    if (options.spec.find('/') != std::string::npos) refuse("'spec' is the name of a file, without a directory");
    if (!options.template_kernel.empty()) check_kernel_release(options.template_kernel);
    if (!options.transaction.empty() && !is_process(options.transaction))
        refuse("'transaction' is a process's number and its start time");
}

} // namespace

bool Options::names_files() const
{
    return !kernel_source_dir.empty() || !kernel_config.empty() || !conf_file.empty() || !directives.empty();
}

void check(const Request& request)
{
    check_shape(request);
    for (const KernelId& kernel : request.kernels) check(kernel);
    const Options& options = request.options;
    check_texts(options);
    if (request.verb == Verb::add && request.module.version.empty()) refuse("add needs a version: MODULE/VERSION");
    if (request.verb == Verb::match && options.template_kernel.empty()) refuse("match needs a 'template_kernel'");
    if (request.verb == Verb::switch_version && request.module.version.empty())
        refuse("switch needs a version: MODULE/VERSION");
    if (request.verb == Verb::roll_back && !request.module.version.empty())
        refuse("rollback takes a module without a version; switch installs a version that you name");
    if (request.verb == Verb::roll_back && (options.all || options.all_kernels))
        refuse("rollback takes kernels by their names");
    if (options.source_only && options.binaries_only) refuse("'source_only' and 'binaries_only' exclude each other");
    if (!request.kernels.empty() && (options.all || options.all_kernels))
        refuse("a kernel cannot be named together with 'all' or 'all_kernels'");
    if (options.all && options.all_kernels) refuse("'all' and 'all_kernels' exclude each other");
    const bool installs = request.verb == Verb::install || request.verb == Verb::switch_version;
    if (options.all && (request.verb == Verb::build || installs))
        refuse(std::string(name_of(request.verb)) + " takes 'all_kernels', not 'all'");
    for (std::size_t i = 0; i < request.kernels.size(); ++i)
        for (std::size_t j = 0; j < i; ++j)
            if (request.kernels[i] == request.kernels[j])
                refuse("kernel " + request.kernels[i].text() + " is named twice");
    for (const std::string& directive : options.directives)
        if (directive.find('=') == std::string::npos || directive.front() == '=')
            refuse("a directive is given as NAME=value, not as '" + directive + "'");
}

json to_json(const Options& options)
{
    json value = json::object();
    for (const Flag& flag : flags)
        if (options.*flag.member) value[flag.name] = true;
    for (const PathOption& option : path_options)
        if (!(options.*option.member).empty()) value[option.name] = (options.*option.member).string();
    for (const TextOption& option : text_options)
        if (!(options.*option.member).empty()) value[option.name] = options.*option.member;
    if (options.policy != Policy::optional) value["policy"] = name_of(options.policy);
    if (options.format != PackFormat::tarball) value["format"] = name_of(options.format);
    if (options.media_size != 0) value["media_size"] = options.media_size;
    if (!options.distributions.empty()) value["distributions"] = options.distributions;
    if (options.parallel_jobs >= 0) value["parallel_jobs"] = options.parallel_jobs;
    if (!options.directives.empty()) value["directives"] = options.directives;
    return value;
}

Options options_from_json(const json& value)
{
    if (!value.is_object()) refuse("'options' must be an object");
    Options options;
    for (const auto& [key, member] : value.items()) read_option(options, key, member);
    return options;
}

json to_json(const Request& request)
{
    json value{{"request", name_of(request.verb)}};
    if (!request.module.name.empty()) value["module"] = request.module.name;
    if (request.handle) value["handle"] = true;
    if (!request.module.version.empty()) value["version"] = request.module.version;
    for (const KernelId& kernel : request.kernels) value["kernels"].push_back(kernel.text());
    if (json options = to_json(request.options); !options.empty()) value["options"] = std::move(options);
    return value;
}

Request request_from_json(const json& value)
{
    if (!value.is_object()) refuse("it is not an object");
    Request request;
    for (const auto& [key, member] : value.items()) read_member(request, key, member);
    check(request);
    return request;
}

} // namespace dkms
