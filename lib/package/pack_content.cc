// SPDX-License-Identifier: LGPL-2.1-or-later
#include "lib/package/pack_content.h"

#include "lib/build/verify.h"
#include "lib/files/inside.h"
#include "lib/files/walk.h"
#include "lib/kernel/module_name.h"
#include "lib/package/archive_writer.h"
#include "lib/package/loaded.h"
#include "lib/process/open_path.h"
#include "lib/tree/build_origin.h"
#include "lib/tree/digest.h"
#include "lib/tree/directory.h"
#include "lib/tree/layout.h"
#include "lib/tree/module_conf.h"
#include "lib/tree/registration.h"

#include <algorithm>
#include <cerrno>
#include <charconv>

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

namespace dkms {
namespace {

namespace fs = std::filesystem;

/// Nobody could load a module with a bad configuration, so that is found out before anything is made.
Conf checked_conf(const Work& work, const Layout& layout)
{
    const ModuleId& module = work.step.module;
    if (!leads_to_directory(layout.version(module)))
        throw Error(ErrorCode::no_such_module, {{"module", module.text()}, {"tree", layout.tree().string()}});
    if (!Registration::is_added(layout, module))
        throw Error(ErrorCode::broken_module,
                    {{"module", module.text()}, {"path", layout.source_link(module).string()}});
    return read_module_conf(work, Strictness::lax);
}

Descriptor opened_directory(const fs::path& path, const ModuleId& module)
{
    Descriptor opened(::open(path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
    if (!opened)
        throw Error(ErrorCode::source_unreadable, {{"module", module.text()},
                                                   {"path", path.string()},
                                                   {"reason", errno_text(errno)},
                                                   {"errno", std::to_string(errno)}});
    return opened;
}

/// The module files in a directory, in byte order.
std::vector<std::string> module_files(const fs::path& directory)
{
    std::vector<std::string> files;
    const auto visit = [&](const Found& found) {
        if (S_ISREG(found.facts.st_mode) && !module_name_of(found.name).empty()) files.push_back(found.name);
    };
    walk(directory, visit, [](const Found&) { return false; });
    return files;
}

/// Throws Error BuildChanged if a module file is not the one that was built.
void check_as_recorded(const BuildRecord& record, const fs::path& file, const std::string& shown,
                       const ModuleId& module, const KernelId& kernel)
{
    const auto known = std::find_if(record.modules.begin(), record.modules.end(),
                                    [&](const auto& built) { return built.file == file.filename(); });
    if (known == record.modules.end() || known->sha256 == sha256_of({file}).front()) return;
    throw Error(ErrorCode::build_changed, {{"file", shown}, {"module", module.text()}, {"kernel", kernel.release}});
}

} // namespace

PackContent::PackContent(const Work& work)
    : layout_(work.places), module_(work.step.module), conf_(checked_conf(work, layout_)), settings_(work.settings)
{
    open_source(work);
    const PackedBuilds wanted = builds_in(work.step.options.format);
    if (work.step.options.source_only || wanted == PackedBuilds::none || wanted == PackedBuilds::prepared) return;
    for (const KernelId& kernel : work.step.kernels) builds_.emplace(kernel, open_build(kernel));
}

void PackContent::open_source(const Work& work)
{
    const Options& options = work.step.options;
    if (!options.binaries_only) {
        source_ = opened_directory(layout_.source(module_), module_);
        return;
    }
    const fs::path file =
        options.conf_file.empty() ? layout_.source(module_) / "dkms.conf" : fs::path(options.conf_file);
    conf_file_ = Descriptor(::open(file.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK));
    if (!conf_file_) throw Error(ErrorCode::conf_missing, {{"file", file.string()}});
}

PackContent::Build PackContent::open_build(const KernelId& kernel) const
{
    if (!leads_to_directory(layout_.built_modules(module_, kernel)))
        throw Error(ErrorCode::not_built,
                    {{"module", module_.text()}, {"kernel", kernel.release}, {"arch", kernel.arch}});
    return {opened_directory(layout_.kernel(module_, kernel), module_), read_build_record(layout_, module_, kernel)};
}

std::vector<PackedModule> PackContent::modules(const KernelId& kernel) const
{
    const Build& build = builds_.at(kernel);
    const fs::path place = path_of_directory(build.directory.number()) / "module";
    const KernelHeaders none; // they need not be here any more
    const Verifier verifier(kernel, none);
    std::vector<PackedModule> modules;
    for (const std::string& file : module_files(place)) {
        const std::string shown = layout_.built_modules(module_, kernel) / file;
        try {
            modules.push_back({file, module_name_of(file), read_module(place / file)});
        } catch (const Error& error) {
            Parameters parameters = renamed(error, place, layout_.built_modules(module_, kernel)).parameters();
            parameters.emplace("kernel", kernel.release);
            throw Error(error.code(), std::move(parameters));
        }
        verifier.check(modules.back().facts, shown);
        if (build.record) check_as_recorded(*build.record, place / file, shown, module_, kernel);
    }
    return modules;
}

void PackContent::check_unchanged() const
{
    for (const auto& [kernel, build] : builds_) {
        if (!build.record) continue;
        const fs::path place = path_of_directory(build.directory.number()) / "module";
        for (const std::string& file : module_files(place))
            check_as_recorded(*build.record, place / file, layout_.built_modules(module_, kernel) / file, module_,
                              kernel);
    }
}

Descriptor PackContent::open_module(const KernelId& kernel, const PackedModule& module) const
{
    Descriptor file = open_inside(path_of_directory(builds_.at(kernel).directory.number()) / "module", module.file);
    if (!file)
        throw Error(ErrorCode::source_unreadable,
                    {{"module", module_.text()}, {"path", module.file}, {"reason", "it was replaced just now"}});
    return file;
}

std::time_t PackContent::time() const
{
    if (const auto set = settings_.find("SOURCE_DATE_EPOCH"); set != settings_.end()) {
        std::time_t given = 0;
        const std::string& text = set->second;
        const auto read = std::from_chars(text.data(), text.data() + text.size(), given);
        if (read.ec == std::errc() && read.ptr == text.data() + text.size() && given >= 0) return given;
    }
    std::time_t newest = 0;
    if (source_) {
        newest = newest_file_below(source_);
    } else {
        struct stat facts {};
        if (::fstat(conf_file_.number(), &facts) < 0) refuse_read("dkms.conf", errno);
        newest = facts.st_mtime;
    }
    for (const auto& [kernel, build] : builds_)
        newest = std::max(newest, newest_file_below(build.directory, archive_note));
    return newest;
}

} // namespace dkms
