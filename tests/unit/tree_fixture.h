// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include "lib/tree/record.h"
#include "tests/unit/build_fixture.h"
#include "tests/unit/module_bytes.h"

#include <string>
#include <vector>

namespace dkms {

inline const KernelId kernel_6{"6.1.0-1-test", "x86_64"};

/// A system of its own below a scratch directory, with a kernel and a distribution that lets configurations say where
/// modules go.
class System : public Trees {
public:
    explicit System(const std::string& distribution = "ID=gentoo")
    {
        places = Places::under(path());
        put_file(places.root / "etc/os-release", distribution + "\n");
        for (const auto* directory : {&places.dkms_tree, &places.source_tree, &places.config_dir, &places.modprobe_dir})
            std::filesystem::create_directories(*directory);
        std::filesystem::create_directories(kernel_directory());
    }

    std::filesystem::path kernel_directory(const KernelId& kernel = kernel_6) const
    {
        return places.install_tree / kernel.release;
    }

    /// A source in the source tree, with records for `names` and further lines of dkms.conf.
    void put_source(const ModuleId& module, const std::vector<std::string>& names, const std::string& more = {}) const
    {
        std::string conf = "PACKAGE_NAME=\"" + module.name + "\"\nPACKAGE_VERSION=\"" + module.version + "\"\n";
        for (std::size_t i = 0; i < names.size(); ++i) {
            const std::string number = "[" + std::to_string(i) + "]=";
            conf += "BUILT_MODULE_NAME" + number + "\"" + names[i] + "\"\n";
            conf += "DEST_MODULE_LOCATION" + number + "\"/kernel/extra\"\n";
        }
        put_file(layout().source_in_source_tree(module) / "dkms.conf", conf + more);
        put_file(layout().source_in_source_tree(module) / "Makefile", "all:\n");
    }

    void put_built(const ModuleId& module, const std::string& file, const std::string& content,
                   const KernelId& kernel = kernel_6) const
    {
        put_file(layout().built_modules(module, kernel) / file, content);
    }

    /// Source, link and one built module, whose content is that of a real module of this version.
    ModuleId put_module(const std::string& name, const std::string& version, const std::string& more = {}) const
    {
        const ModuleId module{name, version};
        put_source(module, {name}, more);
        link(module);
        put_built(module, name + ".ko", module_bytes({{"version", version}, {"srcversion", "S" + version}}));
        return module;
    }

    Step step(StepKind kind, const ModuleId& module, Options options = {}) const
    {
        const bool has_kernel = kind != StepKind::add && kind != StepKind::remove;
        return {kind, module, has_kernel ? kernel_6 : KernelId(), std::move(options)};
    }

    std::filesystem::path installed(const std::string& path, const KernelId& kernel = kernel_6) const
    {
        return kernel_directory(kernel) / path;
    }

    /// Every file below `directory` with its content, and every link with what it says; but for the history of what was
    /// installed, which stays.
    static std::map<std::string, std::string> contents(const std::filesystem::path& directory)
    {
        std::map<std::string, std::string> result;
        for (std::filesystem::recursive_directory_iterator entry(directory), end; entry != end; ++entry) {
            const std::string path = entry->path().lexically_relative(directory);
            if (path.find(".dkmsd.history") != path.npos) continue;
            if (entry->is_symlink())
                result[path] = "-> " + std::filesystem::read_symlink(entry->path()).string();
            else
                result[path] = entry->is_directory() ? "directory" : text_of_file(entry->path());
        }
        return result;
    }
};

} // namespace dkms
