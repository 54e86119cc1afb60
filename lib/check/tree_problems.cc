// SPDX-License-Identifier: LGPL-2.1-or-later
#include "lib/check/problems.h"
#include "lib/files/file_kind.h"
#include "lib/files/walk.h"
#include "lib/install/originals.h"
#include "lib/tree/directory.h"
#include "lib/tree/installed.h"
#include "lib/tree/layout.h"
#include "lib/tree/record.h"
#include "lib/tree/scan.h"
#include "lib/tree/tree_names.h"

#include <algorithm>
#include <map>
#include <optional>
#include <string_view>

namespace dkms {
namespace {

namespace fs = std::filesystem;
using Kind = Directory::Kind;

/// Whether there are no files in a directory but those for which `is_worthless` is true.
bool holds_nothing_but(const fs::path& directory, const std::function<bool(const Found&)>& is_worthless)
{
    bool result = true;
    walk(directory, [&](const Found& found) {
        if (S_ISDIR(found.facts.st_mode) || is_worthless(found)) return;
        result = false;
        throw EnoughSeen();
    });
    return result;
}

/// What is in one module's directory.
class ModuleLook {
public:
    ModuleLook(const Places& places, std::string name, std::vector<Problem>& problems)
        : places_(places), layout_(places), name_(std::move(name)), problems_(problems)
    {
        for (ModuleStatus& status : scan(places, {name_, "", "", ""}, ScanDepth::full))
            known_.emplace(status.module.version, std::move(status));
    }

    void look()
    {
        const auto directory = Directory::open(layout_.module(name_));
        if (!directory) return;
        auto entries = directory->entries();
        std::sort(entries.begin(), entries.end(), [](const auto& a, const auto& b) { return a.name < b.name; });
        if (entries.empty()) add(ProblemKind::half_added, layout_.module(name_), {name_, ""}, {}, true);
        look_at_drafts(layout_.module(name_), entries);
        for (const auto& entry : entries) {
            if (const auto linked = kernel_between(entry.name, "kernel-", ""); linked && entry.kind == Kind::link)
                look_at_link(*directory, entry.name, *linked);
            else if (const auto recorded = kernel_between(entry.name, ".kernel-", ".json"))
                look_at_install_record(*directory, *recorded);
            else if (entry.name == "original_module" && entry.kind == Kind::directory)
                look_at_originals(*directory);
            else if (entry.name.front() != '.' && entry.kind == Kind::directory)
                look_at_version(entry.name);
        }
    }

private:
    void add(ProblemKind kind, const fs::path& path, const ModuleId& module, const KernelId& kernel, bool certain)
    {
        problems_.push_back({kind, path.string(), module, kernel, certain});
    }

    bool has_kernel(const KernelId& kernel) const { return leads_to_directory(places_.install_tree / kernel.release); }

    /// Whether a file that `record` speaks of is in its kernel's directory.
    bool is_anything_there(const InstallRecord& record, const KernelId& kernel) const
    {
        return std::any_of(record.files.begin(), record.files.end(), [&](const InstallRecord::File& file) {
            return is_present(places_.install_tree / kernel.release / file.path);
        });
    }

    /// Whether a version without a link is in its place all the same: below another module, which has replaced it and
    /// gives it back one day (lib/install/ownership).
    bool is_below_another(const InstallRecord& record, const KernelId& kernel) const
    {
        const auto known = known_.find(record.version);
        return known != known_.end() &&
               std::any_of(known->second.kernels.begin(), known->second.kernels.end(),
                           [&](const KernelStatus& one) { return one.kernel == kernel && !one.replaced_by.empty(); });
    }

    /// A link that leads nowhere. What it was for is known by the record alone.
    void look_at_link(const Directory& directory, const std::string& link, const KernelId& kernel)
    {
        if (directory.has_directory(link)) return;
        const auto record = read_install_record(layout_, name_, kernel);
        const bool certain = record ? !is_anything_there(*record, kernel) : !has_kernel(kernel);
        add(ProblemKind::bad_link, layout_.module(name_) / link, {name_, record ? record->version : ""}, kernel,
            certain);
    }

    void look_at_install_record(const Directory& directory, const KernelId& kernel)
    {
        const auto path = layout_.install_record(name_, kernel);
        const auto record = read_install_record(layout_, name_, kernel);
        const bool linked = directory.has(layout_.active_link(name_, kernel).filename());
        if (record && !linked && is_below_another(*record, kernel)) return;
        if (!record)
            add(ProblemKind::bad_record, path, {name_, ""}, kernel, true);
        else if (!linked || active_version(layout_, name_, kernel).value_or(record->version) != record->version)
            add(ProblemKind::bad_record, path, {name_, record->version}, kernel, !is_anything_there(*record, kernel));
    }

    void look_at_originals(const Directory& directory)
    {
        const auto archive = directory.open_below("original_module");
        if (!archive) return;
        for (const std::string& release : directories_in(layout_.module(name_) / "original_module"))
            for (const std::string& arch : directories_in(layout_.module(name_) / "original_module" / release)) {
                const KernelId kernel{release, arch};
                const auto path = layout_.originals(name_, kernel);
                if (directory.has(layout_.active_link(name_, kernel).filename())) continue;
                const auto record = read_install_record(layout_, name_, kernel);
                if (record && is_below_another(*record, kernel)) continue;
                add(ProblemKind::orphaned_original, path, {name_, ""}, kernel, has_kernel(kernel) && fits_in(kernel));
            }
    }

    /// Whether each archived module is of the kernel's own, and its place is known and free or holds the same: what is
    /// not put back then is lost.
    bool fits_in(const KernelId& kernel) const
    {
        const Originals archive(places_, {name_, ""}, kernel);
        return std::all_of(archive.content().begin(), archive.content().end(), [](const Original& one) {
            const bool is_free = !one.origin.empty() && (!is_present(one.origin) || same_content(one.file, one.origin));
            return one.owner.empty() && is_free;
        });
    }

    void look_at_version(const std::string& version)
    {
        const ModuleId module{name_, version};
        const auto path = layout_.version(module);
        const auto known = known_.find(version);
        if (known == known_.end()) {
            const bool certain = holds_nothing_but(path, [](const Found&) { return false; });
            return add(ProblemKind::half_added, path, module, {}, certain);
        }
        if (known->second.broken) add(ProblemKind::source_missing, layout_.source_link(module), module, {}, false);
        look_at_build_directory(module);
        look_at_builds(module);
        look_at_troubles(module);
    }

    /// What old programs, and builds without a sandbox, leave there when they are killed. A log alone is that of a
    /// build that failed.
    void look_at_build_directory(const ModuleId& module)
    {
        const auto path = layout_.build(module);
        if (kind_of_file(path) != fs::file_type::directory) return;
        // A build may have owned what is in there, so it is not looked into any deeper.
        const auto directory = Directory::open(path);
        const auto entries = directory ? directory->entries() : std::vector<Directory::Entry>();
        if (std::any_of(entries.begin(), entries.end(), [](const auto& entry) { return entry.name != "make.log"; }))
            add(ProblemKind::leftover, path, module, {}, true);
    }

    void look_at_builds(const ModuleId& module)
    {
        for (const std::string& release : directories_in(layout_.version(module))) {
            if (!may_be_kernel(release)) continue;
            const auto architectures = directories_in(layout_.version(module) / release);
            if (architectures.empty()) {
                const auto path = layout_.version(module) / release;
                const bool certain = holds_nothing_but(path, [](const Found&) { return false; });
                add(ProblemKind::half_built, path, module, {release, ""}, certain);
            }
            for (const std::string& arch : architectures) look_at_build(module, {release, arch});
        }
    }

    void look_at_build(const ModuleId& module, const KernelId& kernel)
    {
        const auto path = layout_.kernel(module, kernel);
        const auto modules = Directory::open(layout_.built_modules(module, kernel));
        const bool is_linked = leads_somewhere(layout_.active_link(name_, kernel));
        if (!modules || (modules->entries().empty() && !is_linked)) {
            const bool certain = holds_nothing_but(path, [](const Found& found) {
                return found.name == build_record_name || found.name.ends_with(".log");
            });
            return add(ProblemKind::half_built, path, module, kernel, certain);
        }
        if (!has_kernel(kernel)) add(ProblemKind::kernel_gone, path, module, kernel, false);
        const auto record = layout_.build_record(module, kernel);
        if (is_present(record) && !read_build_record(layout_, module, kernel))
            add(ProblemKind::bad_record, record, module, kernel, true);
    }

    /// Records and logs that were being written: ".NAME.…", NAME having a dot in front as well.
    void look_at_drafts(const fs::path& directory, const std::vector<Directory::Entry>& entries)
    {
        for (const auto& entry : entries)
            for (const char* name : {"..kernel-", "..trouble-", "..make-"})
                if (entry.name.starts_with(name) && entry.kind == Kind::file)
                    add(ProblemKind::leftover, directory / entry.name, {name_, ""}, {}, true);
    }

    void look_at_troubles(const ModuleId& module)
    {
        const auto directory = Directory::open(layout_.version(module));
        if (!directory) return;
        const auto entries = directory->entries();
        look_at_drafts(layout_.version(module), entries);
        for (const auto& entry : entries)
            if (const auto kernel = kernel_between(entry.name, ".trouble-", ".json");
                kernel && !read_trouble_record(layout_, module, *kernel))
                add(ProblemKind::bad_record, layout_.version(module) / entry.name, module, *kernel, true);
    }

    const Places& places_;
    Layout layout_;
    std::string name_;
    std::vector<Problem>& problems_;
    std::map<std::string, ModuleStatus> known_;
};

/// What could not be deleted when the lock was taken, or was not understood then (recover()).
void look_at_own_directory(const Layout& layout, std::vector<Problem>& problems)
{
    for (const auto& directory : {layout.staging(), layout.builds(), layout.intents()})
        if (const auto opened = Directory::open(directory))
            for (const auto& entry : opened->entries())
                problems.push_back(
                    {ProblemKind::leftover, (directory / entry.name).string(), {}, {}, directory != layout.intents()});
}

} // namespace

std::vector<Problem> problems_in_tree(const Places& places)
{
    const Layout layout(places);
    std::vector<Problem> problems;
    look_at_own_directory(layout, problems);
    if (!leads_to_directory(layout.tree())) return problems;
    for (const std::string& name : directories_in(layout.tree()))
        if (may_be_module(name)) ModuleLook(places, name, problems).look();
    return problems;
}

} // namespace dkms
