// SPDX-License-Identifier: LGPL-2.1-or-later
#include "lib/kernel/headers.h"

#include "lib/config/distribution.h"
#include "lib/files/file_kind.h"
#include "lib/files/names_in.h"
#include "lib/kernel/rooted_path.h"
#include "lib/model/error.h"
#include "lib/process/descriptor.h"

#include <algorithm>

namespace dkms {
namespace {

namespace fs = std::filesystem;

bool is_link(const fs::path& path) { return kind_of_file(path) == fs::file_type::symlink; }

/// <install tree>/K/build, or source where there is no build.
fs::path build_link(const KernelId& kernel, const Places& places)
{
    const fs::path directory = places.install_tree / kernel.release;
    return is_present(directory / "build") || !is_present(directory / "source") ? directory / "build"
                                                                                : directory / "source";
}

/// How make gets to `link`: on the running system through the link itself, as people know it from logs.
fs::path for_make(const fs::path& link, const Places& places)
{
    return link.parent_path().parent_path() == "/lib/modules" ? link : resolve_below(places.root, link);
}

bool has_include(const fs::path& directory, const Places& places)
{
    return leads_to_directory(resolve_below(places.root, directory / "include"));
}

void check_headers(const KernelId& kernel, const fs::path& directory, const Places& places, bool given)
{
    if (has_include(directory, places)) return;
    const std::string package = headers_package(kernel, places);
    if (!given && !leads_to_directory(places.install_tree / kernel.release))
        throw Error(ErrorCode::no_such_kernel, {{"kernel", kernel.release},
                                                {"path", (places.install_tree / kernel.release).string()},
                                                {"exit_code", "21"}}); // whoever builds lacks its headers
    const fs::path target = resolve_below(places.root, directory);
    if (is_link(directory) && !is_present(target))
        throw Error(ErrorCode::kernel_directory_dangling, {{"kernel", kernel.release},
                                                           {"path", directory.string()},
                                                           {"target", target.string()},
                                                           {"package", package}});
    throw Error(ErrorCode::no_kernel_headers,
                {{"kernel", kernel.release}, {"path", directory.string()}, {"package", package}});
}

/// The part behind the last dash: "default" of "6.4.0-150600.23-default".
std::string flavour_of(const std::string& release)
{
    const auto dash = release.rfind('-');
    return dash == std::string::npos ? "default" : release.substr(dash + 1);
}

std::string arch_headers(const std::string& release)
{
    for (const char* flavour : {"lts", "zen", "hardened", "rt"})
        if (release.ends_with(std::string("-") + flavour)) return std::string("linux-") + flavour + "-headers";
    return "linux-headers";
}

std::string fedora_headers(const std::string& release)
{
    // A variant is written behind the release: "5.14.0-427.el9.x86_64+debug".
    const auto plus = release.rfind('+');
    if (plus == std::string::npos) return "kernel-devel-" + release;
    return "kernel-" + release.substr(plus + 1) + "-devel-" + release.substr(0, plus);
}

} // namespace

fs::path headers_directory(const KernelId& kernel, const Places& places, const Options& options)
{
    return options.kernel_source_dir.empty() ? for_make(build_link(kernel, places), places) : options.kernel_source_dir;
}

fs::path headers_for_make(const KernelId& kernel, const Places& places, const Options& options)
{
    if (!options.kernel_source_dir.empty()) return places.inside(options.kernel_source_dir);
    return places.root == "/" ? for_make(build_link(kernel, places), places)
                              : places.inside(build_link(kernel, places));
}

fs::path kernel_config_file(const fs::path& source_dir, const Options& options)
{
    if (!options.kernel_config.empty()) return options.kernel_config;
    for (const char* name : {"include/config/auto.conf", ".config"})
        if (leads_to_file(source_dir / name)) return source_dir / name;
    return {};
}

KernelHeaders find_headers(const KernelId& kernel, const Places& places, const Options& options)
{
    const bool given = !options.kernel_source_dir.empty();
    check_headers(kernel, given ? options.kernel_source_dir : build_link(kernel, places), places, given);
    KernelHeaders headers;
    headers.source_dir = headers_directory(kernel, places, options);
    headers.for_make = headers_for_make(kernel, places, options);
    headers.config_file = kernel_config_file(headers.source_dir, options);
    headers.config = read_kernel_config(headers.config_file);
    return headers;
}

bool has_headers(const KernelId& kernel, const Places& places)
{
    return has_include(build_link(kernel, places), places);
}

std::vector<KernelId> installed_kernels(const Places& places, bool with_headers)
{
    std::vector<KernelId> kernels;
    for (const std::string& name : names_in(places.install_tree).value_or(std::vector<std::string>())) {
        const KernelId kernel{name, running_architecture()};
        if (kernel.release.starts_with('.') || !leads_to_directory(places.install_tree / name)) continue;
        if (!with_headers || has_headers(kernel, places)) kernels.push_back(kernel);
    }
    std::sort(kernels.begin(), kernels.end(), [](const KernelId& a, const KernelId& b) {
        const auto order = compare_versions(a.release, b.release);
        return order != 0 ? order < 0 : a < b;
    });
    return kernels;
}

std::string headers_package(const KernelId& kernel, const Places& places)
{
    const std::string& release = kernel.release;
    Distribution system = Distribution::other;
    try {
        system = distribution(places);
    } catch (const Error&) {
        // a system without os-release still has a kernel
    }
    switch (system) {
    case Distribution::debian:
    case Distribution::ubuntu:
        return "linux-headers-" + release;
    case Distribution::fedora:
    case Distribution::rhel:
        return fedora_headers(release);
    case Distribution::suse:
        return "kernel-" + flavour_of(release) + "-devel";
    case Distribution::arch:
        return arch_headers(release);
    case Distribution::gentoo:
        return "sys-kernel/gentoo-sources";
    case Distribution::other:
        break;
    }
    return "the headers of kernel " + release;
}

} // namespace dkms
