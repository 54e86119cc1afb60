// SPDX-License-Identifier: LGPL-2.1-or-later
#include "lib/install/selection.h"

#include "lib/config/distribution.h"
#include "lib/install/placed.h"
#include "lib/install/version_check.h"
#include "lib/kernel/headers.h"
#include "lib/kernel/module_name.h"
#include "lib/tree/installed.h"
#include "lib/tree/record.h"

#include <algorithm>
#include <set>

namespace dkms {
namespace {

/// "/kernel/drivers/net" as a path below the kernel's directory.
std::string below(const std::string& location)
{
    const auto begin = location.find_first_not_of('/');
    return begin == std::string::npos ? std::string() : location.substr(begin);
}

/// Names of the modules that must be there: those that were built, or, where no record says which, those that the
/// configuration means for this kernel.
std::set<std::string> expected_names(const Work& work, const Conf& conf, const std::optional<BuildRecord>& record)
{
    std::set<std::string> names;
    if (record) {
        for (const BuildRecord::Module& module : record->modules) names.insert(module_name_of(module.file));
        return names;
    }
    KernelConfig config;
    try {
        config = find_headers(work.step.kernel, work.places, work.step.options).config;
    } catch (const Error& error) {
        if (!lacks_headers(error)) throw;
        // bounds on the kernel's configuration cannot be looked at without headers
    }
    for (const ConfModule& module : exclusion_for(conf, work.step.kernel, config).meant) names.insert(module.dest_name);
    return names;
}

std::map<std::string, std::string> locations(const Conf& conf, const std::optional<BuildRecord>& record)
{
    std::map<std::string, std::string> result;
    if (record)
        for (const BuildRecord::Module& module : record->modules)
            result[module_name_of(module.file)] = module.dest_location;
    for (const ConfModule& module : conf.modules) result[module.dest_name] = module.dest_location;
    return result;
}

/// Whether the kernel has this very file of module/ at `path`.
bool is_built_file(const Work& work, const InstallItem& item, const std::string& path)
{
    return same_content(Layout(work.places).built_modules(work.step.module, work.step.kernel) / item.file,
                        work.places.install_tree / work.step.kernel.release / path);
}

/// Position of a module in the configuration; behind all others when it is not there.
std::size_t rank(const Conf& conf, const std::string& name)
{
    const auto place = std::find_if(conf.modules.begin(), conf.modules.end(),
                                    [&](const ConfModule& module) { return module.dest_name == name; });
    return static_cast<std::size_t>(place - conf.modules.begin());
}

void require_all(const Work& work, const std::set<std::string>& expected, const std::vector<InstallItem>& items)
{
    for (const std::string& name : expected) {
        if (std::any_of(items.begin(), items.end(), [&](const InstallItem& item) { return item.name == name; }))
            continue;
        const auto directory = Layout(work.places).built_modules(work.step.module, work.step.kernel);
        throw Error(ErrorCode::install_failed, {{"module", work.step.module.text()},
                                                {"kernel", work.step.kernel.release},
                                                {"path", (directory / (name + ".ko")).string()},
                                                {"reason", "this built module is missing"}});
    }
}

void report_refusal(const Work& work, const std::string& module, const VersionRefusal& refusal)
{
    work.reporter.report(Event(EventKind::version_refused, {{"module", module},
                                                            {"reason", refusal.reason},
                                                            {"installed", refusal.installed},
                                                            {"offered", refusal.offered},
                                                            {"path", refusal.path.string()}}));
}

/// `owner`: of all that is in the way; empty for none.
[[noreturn]] void nothing_left(const Work& work, const std::string& reason, const std::string& owner = {})
{
    Parameters parameters{
        {"module", work.step.module.text()}, {"kernel", work.step.kernel.release}, {"reason", reason}};
    if (!owner.empty()) parameters["owner"] = owner;
    throw Error(ErrorCode::nothing_installable, std::move(parameters));
}

std::string reason_text(const VersionRefusal& refusal)
{
    if (refusal.reason == "older") return "the kernel has a newer version, " + refusal.installed;
    if (refusal.reason == "same") return "the kernel already has version " + refusal.installed;
    return "the kernel already has the same module";
}

/// Told once: from then on it counts as replaced.
void report_other(const Work& work, const InstallItem& item, const ModuleId& owner)
{
    const std::string module = work.step.module.text();
    const std::string& release = work.step.kernel.release;
    work.reporter.warning(
        "left-to-other", {{"module", module}, {"file", item.name}, {"kernel", release}, {"by", owner.text()}},
        item.name + " of " + module + " is not installed for kernel " + release + ", since " + owner.text() +
            " has installed its own. To replace that: dkmsctl install " + module + " -k " + release + " --force");
}

/// What the kernel has that speaks against this module; nothing where it has several, whose versions are not compared.
std::optional<VersionRefusal> refusal_of(const Work& work, const InstallItem& item, const ExistingModules& existing)
{
    const auto found = existing.paths.find(item.name);
    if (found == existing.paths.end() || found->second.size() > 1) return std::nullopt;
    const ModuleId* const owner = other_owner(existing, item.name);
    if (owner == nullptr && is_there_already(work, item, found->second.front())) return std::nullopt;
    const auto path = work.places.install_tree / work.step.kernel.release / found->second.front();
    if (owner != nullptr && work.step.options.batch && existing.preferred.count(owner->name) != 0)
        return VersionRefusal{"preferred", {}, {}, path};
    return refused_version(Layout(work.places).built_modules(work.step.module, work.step.kernel) / item.file, path);
}

} // namespace

const ModuleId* other_owner(const ExistingModules& existing, const std::string& name)
{
    const auto found = existing.paths.find(name);
    if (found == existing.paths.end() || found->second.size() != 1) return nullptr;
    const auto owner = existing.owners.find(found->second.front());
    return owner == existing.owners.end() ? nullptr : &owner->second;
}

bool is_there_already(const Work& work, const InstallItem& item, const std::string& path)
{
    return path == item.path && is_built_file(work, item, path);
}

void leave_where_they_are(const Work& work, std::vector<InstallItem>& items, const ExistingModules& existing)
{
    for (InstallItem& item : items) {
        const auto found = existing.paths.find(item.name);
        if (item.configured_path.empty() || found == existing.paths.end()) continue;
        if (found->second != std::vector<std::string>{item.configured_path}) continue;
        if (other_owner(existing, item.name) != nullptr || !is_built_file(work, item, item.configured_path)) continue;
        item.path = item.configured_path;
    }
}

std::vector<InstallItem> built_items(const Work& work, const Conf& conf)
{
    const auto record = read_build_record(Layout(work.places), work.step.module, work.step.kernel);
    const auto override_everywhere = destination_override(work.places, work.settings);
    const auto places = locations(conf, record);
    std::vector<InstallItem> items;
    for (const std::string& file : built_files(work.places, work.step.module, work.step.kernel)) {
        const std::string name = module_name_of(file);
        const auto configured = places.find(name);
        if (!override_everywhere && configured == places.end()) {
            work.reporter.warning("no-destination", {{"module", name}},
                                  "Nothing says where " + file + " is to be installed, so it is left out.");
            continue;
        }
        const std::string named = configured == places.end() ? "" : below(configured->second) + "/" + file;
        const std::string path = override_everywhere ? below(*override_everywhere) + "/" + file : named;
        items.push_back({name, file, path, named == path ? "" : named});
    }
    std::stable_sort(items.begin(), items.end(), [&](const InstallItem& a, const InstallItem& b) {
        return rank(conf, a.name) < rank(conf, b.name);
    });
    require_all(work, expected_names(work, conf, record), items);
    return items;
}

void tell_what_is_overridden(const Work& work, const Conf& conf, const std::vector<InstallItem>& items,
                             const ExistingModules& existing)
{
    const auto tell = [&](const std::string& module, const std::string& reason) {
        work.reporter.warning("forced", {{"module", module}, {"reason", reason}},
                              module + " is installed although " + reason + ".");
    };
    if (is_obsolete(conf.obsolete_by, work.step.kernel.release))
        tell(work.step.module.text(), "it is part of kernel " + conf.obsolete_by + " and later ones");
    for (const InstallItem& item : items)
        if (const auto refusal = refusal_of(work, item, existing); refusal && refusal->reason == "older")
            tell(item.name, reason_text(*refusal));
}

std::vector<InstallItem> installable(const Work& work, const Conf& conf, const std::vector<InstallItem>& items,
                                     const ExistingModules& existing, bool override_version)
{
    if (override_version) return items;
    const std::string& release = work.step.kernel.release;
    if (is_obsolete(conf.obsolete_by, release)) {
        for (const InstallItem& item : items) report_refusal(work, item.name, {"obsolete", conf.obsolete_by, "", ""});
        nothing_left(work, "the module is part of kernel " + conf.obsolete_by + " and later ones");
    }
    std::vector<InstallItem> left;
    std::string reason;
    std::string owners;
    bool all_others = true;
    for (const InstallItem& item : items) {
        const auto found = existing.paths.find(item.name);
        if (found != existing.paths.end() && found->second.size() > 1)
            work.reporter.warning("several-modules", {{"module", item.name}, {"kernel", release}},
                                  "Kernel " + release + " has several modules " + item.name +
                                      ", so their versions are not compared.");
        const auto refusal = refusal_of(work, item, existing);
        if (!refusal) {
            left.push_back(item);
            continue;
        }
        const ModuleId* const owner = other_owner(existing, item.name);
        all_others &= owner != nullptr;
        if (owner != nullptr) owners = owner->text();
        reason = owner != nullptr ? owner->text() + " has installed its own " + item.name : reason_text(*refusal);
        if (owner != nullptr && work.step.options.batch)
            report_other(work, item, *owner);
        else
            report_refusal(work, item.name, *refusal);
    }
    if (left.empty() && !items.empty()) // a package without modules has all of them installed
        nothing_left(work, reason, all_others ? owners : "");
    return left;
}

} // namespace dkms
