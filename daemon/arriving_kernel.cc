// SPDX-License-Identifier: LGPL-2.1-or-later
#include "daemon/arriving_kernel.h"

#include "lib/files/file_kind.h"
#include "lib/files/names_in.h"
#include "lib/process/descriptor.h"

#include "lib/kernel/kernel_image.h"
#include "lib/kernel/rooted_path.h"
#include "lib/process/refusal.h"

#include <algorithm>
#include <array>
#include <sstream>

#include <sys/stat.h>

namespace dkms {
namespace {

namespace fs = std::filesystem;

constexpr unsigned stamped_depth = 3; // files of a package come in many directories, and not only in deep ones

/// The Makefile that the one in `headers` consists of; empty if it is a whole one.
fs::path included_makefile(const fs::path& headers, const Places& places)
{
    std::istringstream file(read_file_if_present(headers / "Makefile").value_or(""));
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
    if (::stat(directory.c_str(), &found) < 0) {
        if (means_absent(errno)) return;
        refuse_read(directory, errno);
    }
    stamp << directory.native() << ' ' << found.st_ino << ' ' << found.st_mtim.tv_sec << '.' << found.st_mtim.tv_nsec
          << '\n';
    if (depth == 0) return;
    for (const std::string& name : names_in(directory).value_or(std::vector<std::string>()))
        if (kind_of_file(directory / name) == fs::file_type::directory)
            add_to_stamp(stamp, directory / name, depth - 1);
}

void look_at_headers(ArrivingKernel& found, const fs::path& headers, const Places& places)
{
    for (const char* name : {"Makefile", "Module.symvers"})
        if (!leads_somewhere(headers / name)) await(found, headers / name);
    const std::array configurations{headers / "include/generated/autoconf.h", headers / "include/config/auto.conf"};
    if (std::none_of(configurations.begin(), configurations.end(), leads_somewhere))
        for (const fs::path& configuration : configurations) await(found, configuration);
    const fs::path scripts = resolve_below(places.root, headers / "scripts");
    if (!leads_somewhere(scripts)) await(found, scripts);
    const fs::path included = included_makefile(headers, places);
    if (!included.empty() && !leads_somewhere(included)) await(found, included);
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
    if (!leads_somewhere(modules / "build")) found.awaited.push_back(modules);
    if (found.complete) found.stamp = stamp_of(modules, headers, places);
    return found;
}

} // namespace dkms
