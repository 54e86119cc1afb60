// SPDX-License-Identifier: LGPL-2.1-or-later
#include "daemon/arriving_kernel.h"

#include "lib/model/error.h"
#include "lib/process/descriptor.h"

#include "lib/kernel/kernel_image.h"
#include "lib/kernel/rooted_path.h"

#include <algorithm>
#include <array>
#include <sstream>

#include <sys/stat.h>

namespace dkms {
namespace {

namespace fs = std::filesystem;

constexpr unsigned stamped_depth = 3; // files of a package come in many directories, and not only in deep ones

bool is_there(const fs::path& path)
{
    std::error_code ignored;
    return fs::exists(path, ignored);
}

/// The Makefile that the one in `headers` consists of; empty if it is a whole one.
fs::path included_makefile(const fs::path& headers, const Places& places)
{
    std::istringstream file;
    try {
        file.str(read_file(headers / "Makefile"));
    } catch (const Error&) {
        return {}; // it may come
    }
    for (std::string word; file >> word && (word.front() == '#' || word == "include");) {
        if (word == "include" && file >> word) return resolve_below(places.root, (headers / word).lexically_normal());
        std::getline(file, word); // the rest of a comment
    }
    return {};
}

void await(ArrivingKernel& kernel, const fs::path& missing)
{
    kernel.complete = false;
    kernel.awaited.push_back(nearest_directory(missing.parent_path()));
}

void add_to_stamp(std::ostream& stamp, const fs::path& directory, unsigned depth)
{
    struct stat found {};
    if (::stat(directory.c_str(), &found) < 0) return;
    stamp << directory.native() << ' ' << found.st_ino << ' ' << found.st_mtim.tv_sec << '.' << found.st_mtim.tv_nsec
          << '\n';
    if (depth == 0) return;
    std::error_code gone;
    for (fs::directory_iterator entry(directory, gone), end; !gone && entry != end; entry.increment(gone)) {
        std::error_code ignored;
        if (entry->is_directory(ignored) && !entry->is_symlink(ignored)) add_to_stamp(stamp, entry->path(), depth - 1);
    }
}

void look_at_headers(ArrivingKernel& found, const fs::path& headers, const Places& places)
{
    for (const char* name : {"Makefile", "Module.symvers"})
        if (!is_there(headers / name)) await(found, headers / name);
    const std::array configurations{headers / "include/generated/autoconf.h", headers / "include/config/auto.conf"};
    if (std::none_of(configurations.begin(), configurations.end(), is_there))
        for (const fs::path& configuration : configurations) await(found, configuration);
    const fs::path scripts = resolve_below(places.root, headers / "scripts");
    if (!is_there(scripts)) await(found, scripts);
    const fs::path included = included_makefile(headers, places);
    if (!included.empty() && !is_there(included)) await(found, included);
}

std::string stamp_of(const fs::path& modules, const fs::path& headers, const Places& places)
{
    std::ostringstream stamp;
    // Not the directory of the kernel's modules itself: depmod changes that at any time.
    add_to_stamp(stamp, modules / "kernel", stamped_depth);
    add_to_stamp(stamp, headers / "include", 1);
    add_to_stamp(stamp, headers, 0);
    add_to_stamp(stamp, resolve_below(places.root, headers / "scripts"), 1);
    if (const fs::path included = included_makefile(headers, places); !included.empty()) {
        add_to_stamp(stamp, included.parent_path(), 0);
        add_to_stamp(stamp, included.parent_path() / "include", 1);
    }
    return stamp.str();
}

} // namespace

fs::path nearest_directory(fs::path path)
{
    while (!leads_to_directory(path) && path.has_relative_path()) path = path.parent_path();
    return path;
}

ArrivingKernel look_at(const KernelId& kernel, const Places& places)
{
    const fs::path modules = places.install_tree / kernel.release;
    const fs::path headers = resolve_below(places.root, modules / "build");
    ArrivingKernel found;
    found.complete = true;
    if (!is_kernel(places, kernel.release)) await(found, modules / "kernel");
    look_at_headers(found, headers, places);
    if (!is_there(modules / "build")) found.awaited.push_back(modules);
    if (found.complete) found.stamp = stamp_of(modules, headers, places);
    return found;
}

} // namespace dkms
