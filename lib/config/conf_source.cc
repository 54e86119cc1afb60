// SPDX-License-Identifier: LGPL-2.1-or-later
#include "lib/config/conf_source.h"

#include "lib/config/directives.h"
#include "lib/config/image_view.h"
#include "lib/files/file_kind.h"
#include "lib/model/error.h"
#include "lib/process/descriptor.h"
#include "lib/process/refusal.h"

#include <algorithm>
#include <array>
#include <cerrno>
#include <charconv>

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

namespace dkms {
namespace {

[[noreturn]] void fail_to_read(const std::filesystem::path& path, int number)
{
    if (means_absent(number)) throw Error(ErrorCode::conf_missing, {{"file", path.string()}});
    throw Error(ErrorCode::conf_unreadable,
                {{"file", path.string()}, {"reason", errno_text(number)}, {"errno", std::to_string(number)}});
}

void check_regular(const std::filesystem::path& path, const struct stat& status)
{
    if (S_ISREG(status.st_mode)) return;
    const char* reason = S_ISDIR(status.st_mode) ? "it is a directory" : "it is not a regular file";
    throw Error(ErrorCode::conf_unreadable, {{"file", path.string()}, {"reason", reason}});
}

Descriptor open_regular(const std::filesystem::path& path)
{
    struct stat status {};
    // Opening alone may already have an effect on a device, so it is looked at first.
    if (::stat(path.c_str(), &status) < 0) fail_to_read(path, errno);
    check_regular(path, status);
    Descriptor file(::open(path.c_str(), O_RDONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC));
    if (!file || ::fstat(file.number(), &status) < 0) fail_to_read(path, errno);
    check_regular(path, status);
    return file;
}

std::vector<std::string> override_names(const ModuleId& module, const KernelId& kernel)
{
    std::vector<std::string> names;
    if (module.name.empty()) return names;
    names.push_back(module.name);
    if (!module.version.empty()) {
        const std::string versioned = module.name + "-" + module.version;
        names.push_back(versioned);
        if (!kernel.release.empty()) {
            names.push_back(versioned + "-" + kernel.release);
            names.push_back(versioned + "-" + kernel.release + "-" + kernel.arch);
        }
    }
    if (!kernel.release.empty()) {
        names.push_back(module.name + "--" + kernel.release);
        names.push_back(module.name + "--" + kernel.release + "-" + kernel.arch);
    }
    return names;
}

/// "NAME=value" or "NAME[#]=value".
ConfAssignment parse_directive(const std::string& text)
{
    const auto invalid = [&] {
        return Error(ErrorCode::invalid_args, {{"reason", "the directive '" + text + "' is not NAME=value"}});
    };
    const auto equals = text.find('=');
    if (equals == 0 || equals == std::string::npos) throw invalid();
    ConfAssignment result{text.substr(0, equals), 0, text.substr(equals + 1)};
    const auto bracket = result.name.find('[');
    if (bracket == std::string::npos) return result;
    const char* const first = result.name.data() + bracket + 1;
    const char* const last = result.name.data() + result.name.size() - 1;
    const auto parsed = std::from_chars(first, last, result.index);
    if (*last != ']' || parsed.ec != std::errc() || parsed.ptr != last) throw invalid();
    result.name.resize(bracket);
    return result;
}

std::string read_whole(const std::filesystem::path& path)
{
    const Descriptor file = open_regular(path);
    std::string text;
    std::array<char, 16384> block;
    for (;;) {
        const ssize_t got = ::read(file.number(), block.data(), block.size());
        if (got < 0 && errno == EINTR) continue;
        if (got < 0) fail_to_read(path, errno);
        if (got == 0) return text;
        text.append(block.data(), static_cast<std::size_t>(got));
        if (text.size() > conf_size_limit)
            throw Error(ErrorCode::conf_too_large, {{"file", path.string()}, {"limit", "256 KiB"}});
    }
}

std::string with_plain_line_ends(std::string_view text)
{
    std::string result;
    for (std::size_t i = 0; i < text.size(); ++i)
        if (text[i] != '\r' || text.substr(i + 1, 1) != "\n") result += text[i];
    return result;
}

} // namespace

ConfSource read_conf_source(const std::filesystem::path& path)
{
    const std::string text = read_whole(path);
    ConfSource source{std::filesystem::absolute(path), with_plain_line_ends(text), false};
    source.rewritten = source.text.size() != text.size();
    return source;
}

std::vector<std::filesystem::path> conf_files(const std::filesystem::path& file, const ConfContext& context)
{
    std::vector<std::filesystem::path> files{file};
    for (const std::string& name : override_names(context.module, context.kernel))
        if (name.find('/') == std::string::npos) files.push_back(context.places.config_dir / (name + ".conf"));
    return files;
}

std::vector<ConfSource> read_conf_sources(const std::filesystem::path& file, const ConfContext& context)
{
    std::vector<ConfSource> sources;
    for (const auto& path : conf_files(file, context))
        if (sources.empty() || leads_somewhere(path)) sources.push_back(read_conf_source(path));
    return sources;
}

ConfScope conf_scope(const ConfContext& context)
{
    ConfScope scope;
    scope.variables = {
        {"module", context.module.name},
        {"module_version", context.module.version},
        {"kernelver", context.kernel.release},
        {"arch", context.kernel.arch},
        {"kernel_source_dir", context.kernel_source_dir.string()},
        {"kernel_config", context.kernel_config.string()},
        {"dkms_tree", context.places.inside(context.places.dkms_tree).string()},
        {"source_tree", context.places.inside(context.places.source_tree).string()},
        {"install_tree", context.places.inside(context.places.install_tree).string()},
        {"parallel_jobs", std::to_string(context.parallel_jobs)},
        {"current_kernel", running_release()},
        {"current_os", "Linux"},
        {"running_distribution", ""}, // both as read_conf() finds them
        {"tmp_location", ""},
    };
    scope.names = conf_directives();
    scope.image = image_view(context.places);
    for (const std::string& text : context.directives) {
        ConfAssignment directive = parse_directive(text);
        // Others could not come out, and names such as PATH would change how bash reads the files.
        if (is_conf_directive(directive.name)) scope.directives.push_back(std::move(directive));
    }
    return scope;
}

} // namespace dkms
