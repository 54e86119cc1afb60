// SPDX-License-Identifier: LGPL-2.1-or-later
#include "lib/config/image_view.h"

#include "lib/files/file_kind.h"
#include "lib/files/names_in.h"

#include <string>

namespace dkms {

std::vector<std::pair<std::filesystem::path, std::filesystem::path>> image_view(const Places& places)
{
    std::vector<std::pair<std::filesystem::path, std::filesystem::path>> view;
    if (places.root == "/") return view;
    const auto show = [&](const std::filesystem::path& path) {
        const auto real = real_path(path);
        if (const auto inside = places.inside(path); real && inside != path) view.emplace_back(*real, inside);
    };
    for (const auto* tree : {&places.source_tree, &places.install_tree, &places.dkms_tree}) show(*tree);
    const auto programs = places.root / "usr/lib";
    for (const std::string& name : names_in(programs).value_or(std::vector<std::string>()))
        if (name.starts_with("linux-kbuild-")) show(programs / name);
    return view;
}

} // namespace dkms
