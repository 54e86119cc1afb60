// SPDX-License-Identifier: LGPL-2.1-or-later
#include "lib/plan/needs.h"

#include "lib/files/file_kind.h"
#include "lib/kernel/headers.h"
#include "lib/model/error.h"
#include "lib/plan/target.h"
#include "lib/tree/fingerprint.h"
#include "lib/tree/install_history.h"
#include "lib/tree/layout.h"
#include "lib/tree/module_conf.h"
#include "lib/tree/pending.h"
#include "lib/tree/record.h"
#include "lib/tree/scan.h"

#include <algorithm>
#include <map>
#include <set>

namespace dkms {
namespace {

std::string damage_of(const KernelStatus& there)
{
    if (there.missing) return "its file is missing from the kernel's directory";
    if (there.differs) return "the installed file is not the built one";
    if (!there.build_missing) return "the record of its installation cannot be read";
    return there.note.empty() ? "a built module is missing from the DKMS tree" : there.note;
}

/// One look at a kernel.
class Look {
public:
    Look(const Places& places, const std::vector<ModuleStatus>& tree, const KernelId& kernel, const NeedsSource& source)
        : places_(places), layout_(places), tree_(tree), source_(source)
    {
        needs_.kernel = kernel;
    }

    KernelNeeds operator()();

private:
    /// What is known of a module beside what is to be done.
    struct Candidate {
        ModuleNeed need;
        std::vector<std::string> depends;
        std::set<std::string> brings = {};      ///< names of its modules, where they are known
        std::set<std::string> gave_way_to = {}; ///< packages that have replaced one of these on another kernel
        std::vector<std::string> rivals = {};   ///< packages with a module of the same name that come before it
    };

    std::map<std::string, const ModuleStatus*> chosen();
    void keep_choice(const std::string& name, const ModuleStatus*& newest);
    const ModuleStatus* damaged_version(const std::string& name) const;
    Candidate look_at(const ModuleStatus& status);
    void look_at_installed(const ModuleStatus& status, const KernelStatus& there, ModuleNeed& need);
    void look_at_damaged(const ModuleStatus& status, const KernelStatus& there, Candidate& one);
    void look_at_conf(const ModuleStatus& status, const Conf& conf, ModuleNeed& need);
    void set_missing(const ModuleStatus& status, ModuleNeed& need);
    const KernelConfig& kernel_config();
    const std::string& missing_headers();
    std::string strangers_of(const Candidate& one) const;
    void defer();
    void order_rivals();
    void order(const std::string& one, const std::string& other);
    bool waits_for(const std::string& one, const std::string& other) const;
    void put(const std::string& name);

    const Places& places_;
    Layout layout_;
    const std::vector<ModuleStatus>& tree_;
    const NeedsSource& source_;
    KernelNeeds needs_;
    std::set<std::string> known_;               ///< every name of the tree
    std::map<std::string, std::string> active_; ///< name → version that is installed, of another one than the newest
    std::map<std::string, std::string> passed_over_; ///< name → newest version, of those of which another was chosen
    std::map<std::string, Candidate> candidates_;
    std::set<std::string> deferred_;
    std::vector<std::string> way_; ///< names that are being put
    std::set<std::string> put_;
    std::optional<KernelConfig> config_;
    std::optional<std::string> headers_;
};

KernelNeeds Look::operator()()
{
    const auto switch_file = places_.config_dir / "no-autoinstall";
    if (source_.like.empty() && leads_somewhere(switch_file)) needs_.switched_off = switch_file.string();
    for (const auto& [name, one] : chosen()) {
        Candidate candidate = look_at(*one);
        const ModuleStatus* const other = damaged_version(name);
        // What was installed is not lost because a newer version does not want to be.
        if (other != nullptr && candidate.need.kind == NeedKind::none && !candidate.need.installed)
            candidate = look_at(*other);
        if (const auto newer = passed_over_.find(name); newer != passed_over_.end())
            candidate.need.reason +=
                (candidate.need.reason.empty() ? "" : ", ") + ("chosen in place of " + newer->second);
        candidates_.emplace(name, std::move(candidate));
    }
    defer();
    order_rivals();
    for (const auto& [name, one] : candidates_) put(name);
    needs_.pending = pending_steps(layout_, needs_.kernel);
    return std::move(needs_);
}

/// One version of each name: the newest, unless another was chosen; or the one that the example has.
std::map<std::string, const ModuleStatus*> Look::chosen()
{
    std::map<std::string, const ModuleStatus*> by_name;
    std::set<std::string> with_others;      // of which there is something to choose
    for (const ModuleStatus& one : tree_) { // in the order of versions
        const std::string& name = one.module.name;
        if (!known_.insert(name).second) with_others.insert(name);
        if (is_installed(status_for(one, needs_.kernel))) active_[name] = one.module.version;
        const bool is_example =
            source_.like.empty() || is_installed(status_for(one, {source_.like, needs_.kernel.arch}));
        if (is_example) by_name[name] = &one;
    }
    if (!source_.like.empty()) return by_name;
    for (auto& [name, newest] : by_name)
        if (with_others.count(name) != 0) keep_choice(name, newest);
    for (const ModuleStatus& one : tree_)
        if (one.broken && by_name.at(one.module.name) != &one) needs_.broken_others.push_back(one.module);
    return by_name;
}

/// Whoever has chosen a version keeps it until there is a newer one than there was to choose from.
void Look::keep_choice(const std::string& name, const ModuleStatus*& newest)
{
    const auto choice = read_history(layout_, name, needs_.kernel).choice;
    const std::string last = newest->module.version;
    if (!choice || choice->version == last || compare_versions(last, choice->newest) > 0) return;
    for (const ModuleStatus& one : tree_) {
        const bool is_chosen = one.module.name == name && one.module.version == choice->version;
        if (!is_chosen || (one.broken && !is_installed(status_for(one, needs_.kernel)))) continue;
        newest = &one;
        passed_over_[name] = last;
    }
}

/// The version that is installed, says the tree, but not intact.
const ModuleStatus* Look::damaged_version(const std::string& name) const
{
    for (const ModuleStatus& one : tree_) {
        const KernelStatus* const there = one.module.name == name ? status_for(one, needs_.kernel) : nullptr;
        if (is_installed(there) && !there->is_intact()) return &one;
    }
    return nullptr;
}

Look::Candidate Look::look_at(const ModuleStatus& status)
{
    Candidate one{{status.module, NeedKind::none, {}, {}, {}, {}, false}, {}};
    for (const KernelStatus& elsewhere : status.kernels)
        if (elsewhere.kernel != needs_.kernel && !elsewhere.replaced_by.empty())
            one.gave_way_to.insert(elsewhere.replaced_by.substr(0, elsewhere.replaced_by.find('/')));
    const KernelStatus* const there = status_for(status, needs_.kernel);
    one.need.installed = is_installed(there) && there->is_intact();
    if (one.need.installed) {
        if (!status.broken && there->state == KernelState::installed) look_at_installed(status, *there, one.need);
        return one;
    }
    if (there != nullptr && !there->replaced_by.empty() && !is_installed(there)) {
        one.need.reason = "replaced by " + there->replaced_by;
        return one;
    }
    if (status.broken) {
        one.need.kind = NeedKind::broken;
        one.need.reason = (is_installed(there) ? damage_of(*there) + ", and " : "") + "its source " +
                          layout_.source_link(status.module).string() + " leads nowhere";
        return one;
    }
    if (is_installed(there)) {
        look_at_damaged(status, *there, one);
        return one;
    }
    try {
        if (const auto conf = source_.conf(status.module, needs_.kernel)) {
            one.depends = conf->build_depends;
            for (const ConfModule& module : conf->modules) one.brings.insert(module.dest_name);
            look_at_conf(status, *conf, one.need);
        } else {
            one.need.kind = NeedKind::unknown;
            one.need.reason = "its dkms.conf needs bash";
        }
    } catch (const Error& error) {
        one.need.kind = NeedKind::install;
        one.need.reason = error.message();
    }
    return one;
}

void Look::look_at_installed(const ModuleStatus& status, const KernelStatus& there, ModuleNeed& need)
{
    need.reason = "installed";
    if (!source_.stale) return;
    if (there.stale) {
        if (!missing_headers().empty()) return; // without headers it stays as it is
        need.kind = NeedKind::rebuild;
        need.changed_kind = "source";
        need.changed_path = layout_.source_in_source_tree(status.module).string();
        need.reason = "source changed: " + need.changed_path;
        return;
    }
    const auto record = read_build_record(layout_, status.module, there.kernel);
    if (!record) return;
    const auto files = input_files_from_json(record->inputs.value("files", nlohmann::json()));
    const InputFile* const changed = source_.by_content ? first_changed(files, places_) : first_touched(files, places_);
    if (changed == nullptr || !missing_headers().empty()) return; // without headers it stays as it is
    need.kind = NeedKind::rebuild;
    need.changed_kind = changed->kind;
    need.changed_path = (places_.root / changed->path.relative_path()).string();
    need.reason = changed->kind == unsigned_in_image ? "unsigned, since it was built in an image"
                                                     : changed->kind + " changed: " + need.changed_path;
}

/// It is installed, says the tree, but what the kernel has is something else. Whether it asks to be installed by itself
/// does not matter: it was.
void Look::look_at_damaged(const ModuleStatus& status, const KernelStatus& there, Candidate& one)
{
    one.need.kind = NeedKind::install;
    one.need.reason = damage_of(there);
    if (!there.build_missing) return; // what is built can be installed without headers and other modules
    if (!missing_headers().empty()) {
        one.need.kind = NeedKind::waiting;
        one.need.reason += "; no headers; install " + missing_headers();
        return;
    }
    try {
        if (const auto conf = source_.conf(status.module, needs_.kernel)) one.depends = conf->build_depends;
    } catch (const Error&) {
        return; // its build says what is wrong
    }
}

void Look::look_at_conf(const ModuleStatus& status, const Conf& conf, ModuleNeed& need)
{
    if (!conf.autoinstall && source_.like.empty()) {
        need.reason = "it does not ask to be installed by itself (AUTOINSTALL)";
        return;
    }
    if (!conf.exclusive.empty() || !conf.module_exclusive.empty()) {
        const Exclusion exclusion = exclusion_for(conf, needs_.kernel, kernel_config());
        if (exclusion.meant.empty() && !exclusion.reason.empty()) {
            need.kind = NeedKind::excluded;
            need.reason = "not for this kernel: " + exclusion.reason;
            return;
        }
    }
    set_missing(status, need);
}

void Look::set_missing(const ModuleStatus& status, ModuleNeed& need)
{
    need.kind = NeedKind::install;
    const KernelStatus* const there = status_for(status, needs_.kernel);
    const auto active = active_.find(status.module.name);
    if (is_built(there) && there->is_intact() && !there->stale)
        need.reason = "built, not installed";
    else if (!missing_headers().empty()) {
        need.kind = NeedKind::waiting;
        need.reason = "no headers; install " + missing_headers();
    } else if (there != nullptr && there->state == KernelState::failed)
        need.reason = "the last attempt failed: " + there->note;
    else if (is_built(there))
        need.reason = damage_of(*there);
    else
        need.reason = active == active_.end() ? "not built" : "not built; installed is " + active->second;
}

const KernelConfig& Look::kernel_config()
{
    if (!config_) config_ = read_kernel_config(kernel_config_file(headers_directory(needs_.kernel, places_, {}), {}));
    return *config_;
}

/// The package to install; empty when the headers are there.
const std::string& Look::missing_headers()
{
    if (!headers_) headers_ = has_headers(needs_.kernel, places_) ? "" : headers_package(needs_.kernel, places_);
    return *headers_;
}

/// Those among its dependencies that nobody here can bring.
std::string Look::strangers_of(const Candidate& one) const
{
    std::string names;
    for (const std::string& name : one.depends)
        if (known_.count(name) == 0 || deferred_.count(name) != 0) names += (names.empty() ? "" : " ") + name;
    return names;
}

void Look::defer()
{
    if (!source_.only.empty()) return;                    // the others were not looked at
    for (bool again = true; std::exchange(again, false);) // others may depend on one that is deferred
        for (auto& [name, one] : candidates_) {
            if (one.need.kind != NeedKind::install && one.need.kind != NeedKind::waiting) continue;
            const std::string strangers = strangers_of(one);
            if (strangers.empty()) continue;
            one.need.kind = NeedKind::deferred;
            one.need.reason = strangers;
            deferred_.insert(name);
            again = true;
        }
}

/// Of packages that bring a module of the same name, one comes after the other, so that who has it in the end does not
/// depend on whose build is quicker: first the one that has it on another kernel, else by name.
void Look::order_rivals()
{
    std::map<std::string, std::vector<std::string>> by_module;
    for (const auto& [name, one] : candidates_)
        if (one.need.kind == NeedKind::install)
            for (const std::string& module : one.brings) by_module[module].push_back(name);
    for (const auto& [module, names] : by_module)
        for (std::size_t second = 1; second < names.size(); ++second)
            for (std::size_t first = 0; first < second; ++first) order(names[first], names[second]);
}

void Look::order(const std::string& one, const std::string& other)
{
    const bool swapped =
        candidates_.at(one).gave_way_to.count(other) != 0 && candidates_.at(other).gave_way_to.count(one) == 0;
    const std::string& first = swapped ? other : one;
    const std::string& second = swapped ? one : other;
    if (!waits_for(first, second)) candidates_.at(second).rivals.push_back(first);
}

/// Whether something that `one` comes after is `other`.
bool Look::waits_for(const std::string& one, const std::string& other) const
{
    std::set<std::string> seen;
    std::vector<std::string> to_visit{one};
    while (!to_visit.empty()) {
        const std::string name = std::move(to_visit.back());
        to_visit.pop_back();
        if (name == other) return true;
        const auto found = candidates_.find(name);
        if (found == candidates_.end() || !seen.insert(name).second) continue;
        for (const auto* list : {&found->second.depends, &found->second.rivals})
            to_visit.insert(to_visit.end(), list->begin(), list->end());
    }
    return false;
}

/// Dependencies first. In a circle somebody has to be the first, and will fail for what it lacks.
void Look::put(const std::string& name)
{
    const auto found = candidates_.find(name);
    if (found == candidates_.end() || put_.count(name) != 0) return;
    if (const auto begun = std::find(way_.begin(), way_.end(), name); begun != way_.end()) {
        needs_.cycles.emplace_back(begun, way_.end());
        return;
    }
    way_.push_back(name);
    ModuleNeed& need = found->second.need;
    std::vector<std::string> before = found->second.depends;
    before.insert(before.end(), found->second.rivals.begin(), found->second.rivals.end());
    for (const std::string& dependency : before) put(dependency);
    way_.pop_back();
    for (const std::string& dependency : before)
        if (put_.count(dependency) != 0 && candidates_.at(dependency).need.is_work()) need.after.push_back(dependency);
    put_.insert(name);
    needs_.modules.push_back(need);
}

} // namespace

bool ModuleNeed::is_work() const
{
    switch (kind) {
    case NeedKind::install:
    case NeedKind::rebuild:
    case NeedKind::waiting:
    case NeedKind::excluded: // its build says so
        return true;
    default:
        return false;
    }
}

bool KernelNeeds::is_complete() const
{
    return switched_off.empty() && pending.empty() && cycles.empty() && broken_others.empty() &&
           std::all_of(modules.begin(), modules.end(),
                       [](const ModuleNeed& one) { return one.kind == NeedKind::none; });
}

NeedsSource quick_source(const Places& places)
{
    NeedsSource source;
    source.by_content = false;
    source.conf = [places](const ModuleId& module, const KernelId& kernel) {
        return read_conf_natively(Layout(places).source(module) / "dkms.conf", conf_context(places, module, kernel),
                                  Strictness::lax);
    };
    return source;
}

NeedsSource thorough_source(const Places& places)
{
    NeedsSource source;
    source.conf = [places](const ModuleId& module, const KernelId& kernel) -> std::optional<Conf> {
        return read_conf(Layout(places).source(module) / "dkms.conf", conf_context(places, module, kernel),
                         Strictness::lax);
    };
    return source;
}

KernelNeeds needs_of(const Places& places, const std::vector<ModuleStatus>& tree, const KernelId& kernel,
                     const NeedsSource& source)
{
    return Look(places, tree, kernel, source)();
}

KernelNeeds needs_of(const Places& places, const KernelId& kernel, const NeedsSource& source)
{
    StatusFilter filter;
    filter.module = source.only;
    return needs_of(places, scan(places, filter, ScanDepth::full), kernel, source);
}

} // namespace dkms
