// SPDX-License-Identifier: LGPL-2.1-or-later
#include "lib/tree/installed.h"

#include "lib/config/conf.h"
#include "lib/kernel/headers.h"
#include "lib/kernel/module_likeness.h"
#include "lib/kernel/module_name.h"
#include "lib/process/descriptor.h"
#include "lib/process/refusal.h"
#include "lib/process/regular_file.h"

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <limits>

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

namespace dkms {
namespace {

/// Who may not look does not say that it is missing. Throws Error ReadFailed when that cannot be told.
bool is_there(const std::filesystem::path& path)
{
    struct stat facts {};
    if (::stat(path.c_str(), &facts) == 0 || errno == EACCES) return true;
    if (means_absent(errno) || errno == ELOOP) return false;
    refuse_read(path, errno);
}

/// "/kernel/drivers/" as it is written in a configuration, "kernel/drivers" as a path below the kernel's directory.
std::string relative(const std::string& location)
{
    const auto begin = location.find_first_not_of('/');
    if (begin == std::string::npos) return {};
    return location.substr(begin, location.find_last_not_of('/') - begin + 1);
}

/// `file` in `directory`, or the same module with another compression.
std::optional<std::string> any_form(const std::filesystem::path& kernel, const std::string& directory,
                                    const std::string& file)
{
    if (is_there(kernel / directory / file)) return directory + "/" + file;
    const std::string plain = directory + "/" + module_name_of(file) + ".ko";
    for (const char* suffix : {"", ".gz", ".xz", ".zst"})
        if (is_there(kernel / (plain + suffix))) return plain + suffix;
    return std::nullopt;
}

using Files = std::pair<Descriptor, Descriptor>;

bool same_bytes(const Files& files, off_t from, off_t to, const std::filesystem::path& shown)
{
    const int a = files.first.number();
    const int b = files.second.number();
    std::array<char, 65536> of_a;
    std::array<char, 65536> of_b;
    for (off_t at = from; at < to;) {
        const auto wanted = std::min(of_a.size(), static_cast<std::size_t>(to - at));
        const ssize_t got = ::pread(a, of_a.data(), wanted, at);
        const ssize_t other = got > 0 ? ::pread(b, of_b.data(), static_cast<std::size_t>(got), at) : 0;
        if (got < 0 || other < 0) refuse_read(shown, errno);
        if (got == 0 || other != got) return false;
        if (std::memcmp(of_a.data(), of_b.data(), static_cast<std::size_t>(got)) != 0) return false;
        at += got;
    }
    return true;
}

/// Invalid for one that is gone or not for this user: then it cannot be told that it is the same.
Descriptor opened(const std::filesystem::path& path)
{
    Descriptor file = open_regular(path);
    if (!file && !means_absent(errno) && errno != EACCES && errno != EINVAL) refuse_read(path, errno);
    return file;
}

/// Compares two files, bytes only where nothing else decides: `ends` of them at the beginning and as many at the end.
bool same_file(const std::filesystem::path& a, const std::filesystem::path& b, off_t ends)
{
    struct stat of_a {};
    struct stat of_b {};
    if (!is_there(a) || !is_there(b)) return false;
    if (::stat(a.c_str(), &of_a) != 0 || ::stat(b.c_str(), &of_b) != 0) return false;
    if (of_a.st_ino == of_b.st_ino && of_a.st_dev == of_b.st_dev) return true;
    if (of_a.st_size != of_b.st_size) return false;
    if (of_a.st_mtim.tv_sec == of_b.st_mtim.tv_sec && of_a.st_mtim.tv_nsec == of_b.st_mtim.tv_nsec) return true;
    const Files files{opened(a), opened(b)};
    const off_t head = std::min(ends, of_a.st_size);
    const off_t tail = std::max(head, of_a.st_size - ends);
    return files.first && files.second && same_bytes(files, 0, head, a) && same_bytes(files, tail, of_a.st_size, a);
}

} // namespace

const std::optional<std::string>& InstalledFiles::override_directory()
{
    if (!override_) {
        override_ = destination_override(places_);
        if (*override_) *override_ = relative(**override_);
    }
    return *override_;
}

/// Nothing for a source that is gone or wrong, or for which bash is needed.
std::optional<Conf> InstalledFiles::conf(const ModuleId& module, const KernelId& kernel) const
{
    try {
        ConfContext context;
        context.module = module;
        context.kernel = kernel;
        context.kernel_source_dir = headers_for_make(kernel, places_, {});
        context.places = places_;
        return read_conf_natively(layout_.source(module) / "dkms.conf", context, Strictness::lax);
    } catch (const Error& error) {
        if (is_of_system(error)) throw;
        return std::nullopt;
    }
}

std::vector<std::string> InstalledFiles::configured_names(const ModuleId& module, const KernelId& kernel) const
{
    const auto read = conf(module, kernel);
    if (!read || !read->module_exclusive.empty()) return {};
    std::vector<std::string> names;
    for (const ConfModule& one : read->modules) names.push_back(one.dest_name);
    return names;
}

std::optional<std::string> InstalledFiles::configured_directory(const ModuleId& module, const KernelId& kernel,
                                                                const std::string& file)
{
    const std::string name = module_name_of(file);
    if (const auto read = conf(module, kernel))
        for (const ConfModule& one : read->modules)
            if (one.dest_name == name) return relative(one.dest_location);
    if (const auto record = read_build_record(layout_, module, kernel))
        for (const BuildRecord::Module& one : record->modules)
            if (one.file == file) return relative(one.dest_location);
    return std::nullopt;
}

std::vector<std::string> InstalledFiles::directories(const ModuleId& module, const KernelId& kernel,
                                                     const std::string& file)
{
    std::vector<std::string> result;
    if (override_directory()) result.push_back(*override_directory());
    if (const auto configured = configured_directory(module, kernel, file)) result.push_back(*configured);
    return result;
}

std::optional<std::string> InstalledFiles::find(const ModuleId& module, const KernelId& kernel, const std::string& file)
{
    const auto directory = places_.install_tree / kernel.release;
    if (override_directory())
        if (auto found = any_form(directory, *override_directory(), file)) return found;
    if (const auto configured = configured_directory(module, kernel, file))
        return any_form(directory, *configured, file);
    return std::nullopt;
}

std::optional<std::string> InstalledFiles::find(const KernelId& kernel, const InstallRecord::File& file) const
{
    const std::filesystem::path path(file.path);
    return any_form(places_.install_tree / kernel.release, path.parent_path(), path.filename());
}

bool same_content(const std::filesystem::path& a, const std::filesystem::path& b)
{
    return same_file(a, b, std::numeric_limits<off_t>::max());
}

bool same_build(const std::filesystem::path& a, const std::filesystem::path& b)
{
    constexpr off_t ends = 16384;
    return same_file(a, b, ends);
}

bool is_as_built(const std::filesystem::path& built, const std::filesystem::path& installed)
{
    return same_build(built, installed) || likeness_of(built, installed) == Likeness::same;
}

} // namespace dkms
