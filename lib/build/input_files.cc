// SPDX-License-Identifier: LGPL-2.1-or-later
#include "lib/build/input_files.h"

#include "lib/build/patches.h"
#include "lib/config/conf_source.h"
#include "lib/process/child.h"
#include "lib/tree/module_conf.h"

namespace dkms {

std::vector<InputFile> input_files(const Work& work, const BuildInputs& inputs)
{
    std::vector<InputFile> files;
    const auto add = [&files](const char* kind, std::filesystem::path path) {
        files.push_back({kind, std::move(path), 0, 0, {}});
    };
    for (const char* name : {"Module.symvers", "include/config/auto.conf", "include/generated/utsrelease.h"})
        add("headers", inputs.headers.source_dir / name);
    // An image has its own, or none; what it was built with is in the record.
    if (const auto compiler = find_program(inputs.toolchain.compiler); compiler && work.places.root == "/")
        add("compiler", *compiler);
    const ConfContext context = conf_context(work, inputs.module);
    for (auto& path : conf_files(inputs.source / "dkms.conf", context)) add("configuration", std::move(path));
    for (const ConfPatch& patch : patches_for(inputs.conf.patches, inputs.kernel.release)) {
        add("patch", inputs.source / "patches" / patch.file);
        add("patch", work.places.config_dir / inputs.module.name / "patches" / patch.file);
    }
    const Layout layout(work.places);
    for (const std::string& name : inputs.conf.build_depends)
        if (name.find('/') == std::string::npos)
            add("dependency", layout.active_link(name, inputs.kernel) / "module/Module.symvers");
    return files;
}

} // namespace dkms
