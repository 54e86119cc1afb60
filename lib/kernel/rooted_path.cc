// SPDX-License-Identifier: LGPL-2.1-or-later
#include "lib/kernel/rooted_path.h"

#include "lib/files/file_kind.h"

#include <algorithm>
#include <list>

namespace dkms {
namespace {

constexpr int most_links = 40; // as the kernel's own limit

/// `path` without the directories of `root`; empty if it does not lie below it.
std::filesystem::path below(const std::filesystem::path& root, const std::filesystem::path& path)
{
    const auto relative = path.lexically_normal().lexically_relative(root.lexically_normal());
    return !relative.empty() && *relative.begin() != ".." ? relative : std::filesystem::path();
}

void put_in_front(std::list<std::filesystem::path>& components, const std::filesystem::path& path)
{
    components.insert(components.begin(), path.begin(), path.end());
}

} // namespace

std::filesystem::path resolve_below(const std::filesystem::path& root, const std::filesystem::path& path)
{
    auto relative = below(root, path);
    if (relative.empty()) return root == "/" ? path : resolve_below("/", path);

    std::list<std::filesystem::path> todo;
    put_in_front(todo, relative);
    std::filesystem::path done; // below root
    for (int links = 0; !todo.empty();) {
        const std::filesystem::path component = todo.front();
        todo.pop_front();
        if (component.empty() || component == "." || component == "/") continue;
        if (component == "..") {
            done = done.parent_path();
            continue;
        }
        const auto target = link_text_of(root / done / component);
        if (!target || ++links > most_links) {
            done /= component;
            continue;
        }
        if (target->is_absolute()) done.clear();
        put_in_front(todo, *target);
    }
    return root / done;
}

} // namespace dkms
