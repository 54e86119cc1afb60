// SPDX-License-Identifier: LGPL-2.1-or-later
#include "lib/tree/scan.h"

#include "lib/kernel/module_name.h"
#include "lib/tree/directory.h"
#include "lib/tree/installed.h"
#include "lib/tree/stale_build.h"
#include "lib/tree/tree_names.h"

#include <algorithm>
#include <array>
#include <cerrno>
#include <map>
#include <set>
#include <string_view>

#include <fnmatch.h>
#include <sys/stat.h>

namespace dkms {
namespace {

using Kind = Directory::Kind;

bool is_directory(const Directory& parent, const Directory::Entry& entry)
{
    return entry.kind == Kind::directory || (entry.kind == Kind::link && parent.has_directory(entry.name));
}

/// The modules in module/ of a build: name without suffix → file.
std::map<std::string, std::string> modules_in(const Directory& built)
{
    std::map<std::string, std::string> files;
    for (const auto& entry : built.entries()) {
        const std::string name = module_name_of(entry.name);
        if (entry.name.find(".ko") != std::string::npos && !name.empty()) files.emplace(name, entry.name);
    }
    return files;
}

/// Whether a link leads to the directory `target` below `parent`, whatever way it or the tree is written.
bool leads_to(const Directory& parent, const std::string& link, const std::string& target)
{
    if (parent.link_text(link) == target) return true;
    if (!parent.has_directory(link) || !parent.has_directory(target)) return false;
    struct stat of_link {};
    struct stat of_target {};
    return ::fstatat(parent.number(), link.c_str(), &of_link, 0) == 0 &&
           ::fstatat(parent.number(), target.c_str(), &of_target, 0) == 0 && of_link.st_ino == of_target.st_ino &&
           of_link.st_dev == of_target.st_dev;
}

/// Sources may be for root only. Who may not look at one does not say that it is missing: those who build it see.
bool has_source(const Directory& version)
{
    struct stat facts {};
    return (::fstatat(version.number(), "source", &facts, 0) < 0 && errno == EACCES) || version.has_directory("source");
}

/// What `read` gives, or nothing where it cannot be read: one bad record must not hide all other modules. Who changes
/// something reads it once more, and fails.
template <typename Read, typename... Arguments>
auto readable(Read read, const Arguments&... arguments) -> decltype(read(arguments...))
{
    try {
        return read(arguments...);
    } catch (const Error& error) {
        if (error.code() != ErrorCode::read_failed) throw;
        return std::nullopt;
    }
}

/// The same on another root.
bool has_source(const Directory& version, const std::filesystem::path& source)
{
    struct stat facts {};
    return (::fstatat(version.number(), "source", &facts, 0) < 0 && errno == EACCES) || leads_to_directory(source);
}

/// What lies in <tree>/M beside the versions.
struct ModuleDirectory {
    std::string name;
    Directory directory;
    std::vector<std::string> versions;
    std::set<std::string> links; ///< kernel-K-A
    std::map<KernelId, InstallRecord> records;
    std::set<KernelId> bad_records; ///< of which there is something that cannot be read
    bool has_originals = false;
};

/// What lies in <tree>/M/V.
struct VersionDirectory {
    ModuleId module;
    Directory directory;
    std::vector<std::string> kernels;
    std::set<std::string> dot_files;
    std::optional<Kind> source; ///< of the entry "source"
};

class Scanner {
public:
    Scanner(const Places& places, const StatusFilter& filter, ScanDepth depth)
        : places_(places), layout_(places), filter_(filter), depth_(depth), installed_(places)
    {
        if (places.root == "/") running_ = running_release();
    }

    std::vector<ModuleStatus> all();
    void module(const std::string& name, std::vector<ModuleStatus>& found);

private:
    std::optional<ModuleDirectory> look_at_module(const std::string& name) const;
    std::optional<ModuleStatus> version(const ModuleDirectory& module, const std::string& version);
    void set_source(const VersionDirectory& version, ModuleStatus& status) const;
    void add_built(const ModuleDirectory& module, const VersionDirectory& version, ModuleStatus& status);
    void add_weak(const ModuleDirectory& module, ModuleStatus& status) const;
    void add_troubles(const VersionDirectory& version, ModuleStatus& status) const;
    KernelStatus built(const ModuleDirectory& module, const VersionDirectory& version, const KernelId& kernel,
                       const Directory& built_modules);
    void look_at_build(const ModuleId& module, const std::map<std::string, std::string>& built, KernelStatus& status);
    void look_at_kernel(const ModuleId& module, const InstallRecord* record,
                        const std::map<std::string, std::string>& built, KernelStatus& status);
    bool is_replaced(const InstallRecord::File& file, KernelStatus& status) const;
    bool wanted(const KernelId& kernel) const;

    const Places& places_;
    Layout layout_;
    const StatusFilter& filter_;
    ScanDepth depth_;
    InstalledFiles installed_;
    std::string running_;
};

bool Scanner::wanted(const KernelId& kernel) const
{
    return (filter_.kernel.empty() || ::fnmatch(filter_.kernel.c_str(), kernel.release.c_str(), 0) == 0) &&
           (filter_.arch.empty() || filter_.arch == kernel.arch);
}

std::vector<ModuleStatus> Scanner::all()
{
    std::vector<ModuleStatus> found;
    const auto tree = Directory::open(layout_.tree());
    if (!tree) return found;
    std::vector<std::string> names;
    for (const auto& entry : tree->entries())
        if (may_be_module(entry.name) && is_directory(*tree, entry)) names.push_back(entry.name);
    std::sort(names.begin(), names.end());
    for (const std::string& name : names) module(name, found);
    return found;
}

void Scanner::module(const std::string& name, std::vector<ModuleStatus>& found)
{
    auto directory = look_at_module(name);
    if (!directory) return;
    auto& versions = directory->versions;
    std::sort(versions.begin(), versions.end(),
              [](const auto& a, const auto& b) { return compare_versions(a, b) < 0; });
    for (const std::string& one : versions)
        if (filter_.version.empty() || filter_.version == one)
            if (auto status = version(*directory, one)) found.push_back(std::move(*status));
}

std::optional<ModuleDirectory> Scanner::look_at_module(const std::string& name) const
{
    auto directory = Directory::open(layout_.module(name));
    if (!directory) return std::nullopt;
    ModuleDirectory module{name, std::move(*directory), {}, {}, {}, {}, false};
    for (auto& entry : module.directory.entries()) {
        if (entry.kind == Kind::link && entry.name.starts_with("kernel-"))
            module.links.insert(entry.name);
        else if (entry.name == "original_module")
            module.has_originals = true;
        else if (const auto kernel = kernel_between(entry.name, ".kernel-", ".json")) {
            auto record = readable(read_install_record, layout_, name, *kernel);
            if (record)
                module.records[*kernel] = std::move(*record);
            else
                module.bad_records.insert(*kernel);
        } else if (entry.name.front() != '.' && is_directory(module.directory, entry))
            module.versions.push_back(std::move(entry.name));
    }
    return module;
}

std::optional<ModuleStatus> Scanner::version(const ModuleDirectory& module, const std::string& name)
{
    auto directory = module.directory.open_below(name);
    if (!directory) return std::nullopt;
    VersionDirectory version{{module.name, name}, std::move(*directory), {}, {}, std::nullopt};
    for (auto& entry : version.directory.entries()) {
        if (entry.name == "source")
            version.source = entry.kind;
        else if (entry.name.front() == '.')
            version.dot_files.insert(std::move(entry.name));
        else if (entry.kind == Kind::directory && may_be_kernel(entry.name))
            version.kernels.push_back(std::move(entry.name));
    }
    ModuleStatus status;
    status.module = version.module;
    set_source(version, status);
    add_built(module, version, status);
    add_weak(module, status);
    add_troubles(version, status);
    std::sort(status.kernels.begin(), status.kernels.end(), [](const KernelStatus& a, const KernelStatus& b) {
        const auto order = compare_versions(a.kernel.release, b.kernel.release);
        return order < 0 || (order == 0 && a.kernel < b.kernel);
    });
    // A directory with neither a source here or in the source tree nor a build is somebody else's.
    const bool foreign = status.broken && !version.source && status.kernels.empty() &&
                         !leads_to_directory(layout_.source_in_source_tree(version.module));
    return foreign ? std::nullopt : std::optional(std::move(status));
}

void Scanner::set_source(const VersionDirectory& version, ModuleStatus& status) const
{
    const bool there = places_.root == "/" ? has_source(version.directory)
                                           : has_source(version.directory, layout_.source(version.module));
    status.broken = !version.source || !there;
    if (status.broken) return;
    const std::string target = version.source == Kind::link ? version.directory.link_text("source") : "";
    status.source = layout_.version(version.module) / (target.empty() ? "source" : target);
}

void Scanner::add_built(const ModuleDirectory& module, const VersionDirectory& version, ModuleStatus& status)
{
    for (const std::string& release : version.kernels) {
        const auto directory = version.directory.open_below(release);
        if (!directory) continue;
        for (const auto& entry : directory->entries()) {
            const KernelId kernel{release, entry.name};
            // <K>/module and <K>/log are of a tree from before architectures were told apart
            if (entry.kind != Kind::directory || entry.name.front() == '.' || entry.name == "module" ||
                entry.name == "log" || !wanted(kernel))
                continue;
            if (const auto built_modules = directory->open_below(entry.name + "/module"))
                status.kernels.push_back(built(module, version, kernel, *built_modules));
        }
    }
}

KernelStatus Scanner::built(const ModuleDirectory& module, const VersionDirectory& version, const KernelId& kernel,
                            const Directory& built_modules)
{
    KernelStatus status;
    status.kernel = kernel;
    status.running = kernel.release == running_;
    const std::string below = kernel.release + "/" + kernel.arch;
    if (version.directory.has(below + "/log/make.log")) status.log = layout_.make_log(version.module, kernel);
    status.stale = version.directory.has(below + "/" + stale_note);
    const std::string link = "kernel-" + kernel.release + "-" + kernel.arch;
    const bool linked =
        module.links.count(link) != 0 && leads_to(module.directory, link, version.module.version + "/" + below);
    if (linked) {
        status.state = KernelState::installed;
        status.originals = module.has_originals && module.directory.has_directory("original_module/" + below);
    }
    if (depth_ == ScanDepth::quick) return status;
    const auto files = modules_in(built_modules);
    look_at_build(version.module, files, status);
    status.bad_record = module.bad_records.count(kernel) != 0;
    const auto record = module.records.find(kernel);
    const bool known = record != module.records.end() && record->second.version == version.module.version;
    if (linked && known) status.failed_scripts = record->second.failed_scripts;
    if (linked)
        look_at_kernel(version.module, known ? &record->second : nullptr, files, status);
    else if (known)
        for (const InstallRecord::File& file : record->second.files) is_replaced(file, status);
    return status;
}

/// Whether every module that was built is still there. What that was, the record of the build says; without one, the
/// configuration.
void Scanner::look_at_build(const ModuleId& module, const std::map<std::string, std::string>& built,
                            KernelStatus& status)
{
    BuildNotes notes;
    try {
        notes = notes_of_build(layout_, module, status.kernel);
    } catch (const Error& error) {
        if (error.code() != ErrorCode::read_failed) throw;
        status.note = error.message();
        status.build_missing = true; // to build it again puts it right
        return;
    }
    status.opened = std::move(notes.opened);
    if (!notes.unsigned_reason.empty()) status.note = "unsigned: " + notes.unsigned_reason;
    std::vector<std::string> names;
    for (const std::string& file : notes.files) names.push_back(module_name_of(file));
    if (names.empty()) names = installed_.configured_names(module, status.kernel);
    status.build_missing =
        std::any_of(names.begin(), names.end(), [&](const auto& name) { return built.count(name) == 0; });
}

/// What of an installed version the kernel has. This is the one place where that is decided.
void Scanner::look_at_kernel(const ModuleId& module, const InstallRecord* record,
                             const std::map<std::string, std::string>& built, KernelStatus& status)
{
    const auto top = places_.install_tree / status.kernel.release;
    const auto look_at = [&](const std::string& name, const std::optional<std::string>& path) {
        const auto ours = built.find(name);
        if (!path)
            status.missing = true;
        else if (ours != built.end() &&
                 !is_as_built(layout_.built_modules(module, status.kernel) / ours->second, top / *path))
            status.differs = true;
    };
    if (record) {
        for (const InstallRecord::File& file : record->files)
            if (!is_replaced(file, status)) look_at(file.module, installed_.find(status.kernel, file));
        return;
    }
    for (const auto& [name, file] : built) look_at(name, installed_.find(module, status.kernel, file));
}

/// Whether another DKMS module, which is installed, has put its own in the place of this file, or in the place of one
/// that has. `status` says which.
bool Scanner::is_replaced(const InstallRecord::File& file, KernelStatus& status) const
{
    std::set<std::string> seen;
    for (std::string name = file.replaced_by; !name.empty() && seen.insert(name).second;) {
        const auto record = readable(read_install_record, layout_, name, status.kernel);
        const auto version = active_version(layout_, name, status.kernel);
        std::string above;
        bool has_it = !record || !version || record->version != *version; // nobody knows otherwise
        if (record)
            for (const InstallRecord::File& one : record->files) {
                if (one.module != file.module) continue;
                above = one.replaced_by;
                has_it = true;
            }
        if (version && above.empty() && has_it) {
            status.replaced_by = ModuleId{name, *version}.text();
            return true;
        }
        name = above;
    }
    return false;
}

/// The release <install tree>/RELEASE/… that a path lies in.
std::string release_of(const std::filesystem::path& path, const Places& places)
{
    const auto below = path.lexically_relative(places.install_tree);
    return below.empty() || *below.begin() == ".." ? std::string() : below.begin()->string();
}

void Scanner::add_weak(const ModuleDirectory& module, ModuleStatus& status) const
{
    for (const auto& [from, record] : module.records) {
        if (record.version != status.module.version) continue;
        std::set<std::string> releases;
        for (const std::string& link : record.weak_links)
            if (leads_somewhere(link)) releases.insert(release_of(link, places_));
        for (const std::string& release : releases) {
            KernelStatus weak;
            weak.kernel = {release, from.arch};
            weak.state = KernelState::installed_weak;
            weak.weak_from = from.release;
            weak.running = release == running_;
            const auto same = [&](const KernelStatus& one) { return one.kernel == weak.kernel; };
            const bool built_here = std::any_of(status.kernels.begin(), status.kernels.end(), same);
            if (!release.empty() && !built_here && wanted(weak.kernel)) status.kernels.push_back(std::move(weak));
        }
    }
}

void Scanner::add_troubles(const VersionDirectory& version, ModuleStatus& status) const
{
    for (const std::string& name : version.dot_files) {
        const auto kernel = kernel_between(name, ".trouble-", ".json");
        if (!kernel || !wanted(*kernel)) continue;
        const auto trouble = readable(read_trouble_record, layout_, version.module, *kernel);
        if (!trouble) continue;
        auto place = std::find_if(status.kernels.begin(), status.kernels.end(),
                                  [&](const KernelStatus& one) { return one.kernel == *kernel; });
        if (place == status.kernels.end()) {
            place = status.kernels.insert(place, KernelStatus());
            place->kernel = *kernel;
            place->state = trouble->state;
            place->running = kernel->release == running_;
            if (version.dot_files.count(layout_.failed_log(version.module, *kernel).filename()) != 0)
                place->log = layout_.failed_log(version.module, *kernel);
        }
        // What is built stays built; the note says that the last attempt to go on from there failed.
        if (place->state == KernelState::installed || place->state == KernelState::installed_weak) continue;
        place->note = trouble->note;
        if (trouble->job != 0) place->job = trouble->job;
    }
}

/// Nothing when it leads nowhere. Throws Error ReadFailed.
} // namespace

std::vector<ModuleStatus> scan(const Places& places, const StatusFilter& filter, ScanDepth depth)
{
    Scanner scanner(places, filter, depth);
    if (filter.module.empty()) return scanner.all();
    std::vector<ModuleStatus> found;
    scanner.module(filter.module, found);
    return found;
}

std::optional<ModuleStatus> scan_module(const Places& places, const ModuleId& module, ScanDepth depth)
{
    StatusFilter filter;
    filter.module = module.name;
    filter.version = module.version;
    auto found = scan(places, filter, depth);
    if (found.empty()) return std::nullopt;
    return std::move(found.back());
}

std::optional<std::string> active_version(const Layout& layout, const std::string& name, const KernelId& kernel)
{
    const auto directory = real_path(layout.module(name));
    const auto link = directory ? real_path(layout.active_link(name, kernel)) : std::nullopt;
    if (!link) return std::nullopt;
    const std::filesystem::path& target = *link;
    const auto below = target.lexically_relative(*directory);
    const std::string version = below.begin()->string();
    const bool ours = below == std::filesystem::path(version) / kernel.release / kernel.arch;
    if (!ours || !Directory::open(target / "module")) return std::nullopt;
    return version;
}

} // namespace dkms
