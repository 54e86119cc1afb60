// SPDX-License-Identifier: LGPL-2.1-or-later
#include "lib/install/ownership.h"

#include "lib/files/file_kind.h"
#include "lib/install/placed.h"
#include "lib/tree/digest.h"
#include "lib/tree/directory.h"
#include "lib/tree/scan.h"

#include <algorithm>

namespace dkms {

using nlohmann::json;
namespace fs = std::filesystem;

Ownership::Ownership(const Places& places, const ModuleId& module, const KernelId& kernel,
                     const std::optional<Conf>& conf)
    : places_(places), layout_(places), kernel_(kernel)
{
    for (const ModuleStatus& one : scan(places, {}, ScanDepth::quick))
        for (const KernelStatus& status : one.kernels)
            if (status.kernel == kernel && one.module.name != module.name) {
                const bool active = status.state == KernelState::installed;
                if (active || status.state == KernelState::built) read_holder(one.module, active, {});
            }
    const ModuleId mine{module.name, active_version(layout_, module.name, kernel).value_or("")};
    const auto record = read_install_record(layout_, module.name, kernel);
    if (!mine.version.empty() || !record) {
        read_holder(mine.version.empty() ? module : mine, !mine.version.empty(), conf);
    } else {
        read_holder({module.name, record->version}, false, conf);
    }
    const auto found = holders_.find(module.name);
    if (found == holders_.end())
        self_ = &holders_.emplace(module.name, Holder{module, {}, false, false, {places, module, kernel, conf}, {}})
                     .first->second;
    else
        self_ = &found->second;
    self_->kept = self_->archive.content();
}

/// A version that is only built counts if its record says that others have taken its place.
void Ownership::read_holder(const ModuleId& module, bool active, const std::optional<Conf>& conf)
{
    auto record = read_install_record(layout_, module.name, kernel_);
    if (record && record->version != module.version) record.reset();
    const auto replaced = [](const InstallRecord::File& file) { return !file.replaced_by.empty(); };
    if (!active && (!record || std::none_of(record->files.begin(), record->files.end(), replaced))) return;
    if (!record) {
        record.emplace();
        record->version = module.version;
        for (const PlacedModule& one : placed_modules(places_, module, kernel_))
            if (!one.path.empty()) record->files.push_back({one.name, one.path});
    }
    Holder holder{module, std::move(*record), active, false, {places_, module, kernel_, conf}, {}};
    holder.kept = holder.archive.content();
    holders_.insert_or_assign(module.name, std::move(holder));
}

fs::path Ownership::absolute(const std::string& path) const { return places_.install_tree / kernel_.release / path; }

void Ownership::say(const char* name, json parameters, const std::string& sentence)
{
    events_.emplace_back(EventKind::warning,
                         json{{"name", name}, {"parameters", std::move(parameters)}, {"message", sentence}});
}

std::map<std::string, ModuleId> Ownership::paths_of_others() const
{
    std::map<std::string, ModuleId> paths;
    for (const auto& [name, holder] : holders_)
        if (&holder != self_)
            for (const InstallRecord::File& file : holder.record.files)
                if (file.replaced_by.empty()) paths.emplace(file.path, holder.module);
    return paths;
}

InstallRecord::File* Ownership::file_of(Holder& holder, const std::string& name) const
{
    auto& files = holder.record.files;
    const auto found = std::find_if(files.begin(), files.end(), [&](const auto& file) { return file.module == name; });
    return found == files.end() ? nullptr : &*found;
}

void Ownership::take_over(Transaction& transaction, const std::string& name, const std::vector<std::string>& paths)
{
    for (const std::string& path : paths) {
        Original original{name, absolute(path), {}, absolute(path), paths.size() > 1};
        for (auto& [other, holder] : holders_) {
            InstallRecord::File* const file = &holder == self_ ? nullptr : file_of(holder, name);
            if (file == nullptr || file->path != path || !file->replaced_by.empty()) continue;
            original.owner = other;
            if (file->sha256.empty()) file->sha256 = sha256_of({original.file}).front();
            file->replaced_by = self_->module.name;
            // Links of other kernels that lead there lead to the new one's module from now on.
            std::erase_if(holder.record.weak_links,
                          [&](const std::string& link) { return link_text_of(link) == original.origin; });
            holder.changed = true;
            say("replaces-other", {{"path", path}, {"module", holder.module.text()}},
                path + " of " + holder.module.text() + " is replaced.");
        }
        std::erase_if(self_->kept, [&](const Original& one) { return one.origin == original.origin; });
        events_.emplace_back(EventKind::original_archived, json{{"path", original.origin.string()}});
        transaction.remove(original.origin);
        self_->kept.push_back(std::move(original));
    }
}

/// The one that has replaced our module; none if it is gone, or has another module of this name now.
Ownership::Holder* Ownership::holder_above(const std::string& name)
{
    const InstallRecord::File* const ours = file_of(*self_, name);
    if (ours == nullptr || ours->replaced_by.empty()) return nullptr;
    const auto found = holders_.find(ours->replaced_by);
    return found == holders_.end() || &found->second == self_ || file_of(found->second, name) == nullptr
               ? nullptr
               : &found->second;
}

/// The module of DKMS whose record says that we have replaced it there.
Ownership::Holder* Ownership::owner_of(const Original& original, InstallRecord::File*& file)
{
    if (original.owner.empty()) return nullptr;
    const auto found = holders_.find(original.owner);
    if (found == holders_.end() || &found->second == self_) return nullptr;
    file = file_of(found->second, original.module);
    const bool known = file != nullptr && file->replaced_by == self_->module.name;
    return known && absolute(file->path) == original.origin ? &found->second : nullptr;
}

std::vector<Original> Ownership::take_kept(const std::string& name)
{
    std::vector<Original> taken;
    std::erase_if(self_->kept, [&](const Original& one) {
        const bool mine = one.module == name && !one.origin.empty();
        if (mine) taken.push_back(one);
        return mine;
    });
    return taken;
}

void Ownership::give_up(Transaction& transaction, const std::string& name)
{
    Holder* const above = holder_above(name);
    auto kept = take_kept(name);
    pass_on_deferred(name, kept, above);
    if (above != nullptr)
        hand_up(*above, name, std::move(kept));
    else
        bring_back(transaction, std::move(kept));
    std::erase_if(self_->record.files, [&](const InstallRecord::File& file) { return file.module == name; });
}

/// Those who have left the name to us, and so have nothing in our archive, leave it to the one above, or to nobody.
void Ownership::pass_on_deferred(const std::string& name, const std::vector<Original>& kept, const Holder* above)
{
    for (auto& [other, holder] : holders_) {
        InstallRecord::File* const file = &holder == self_ ? nullptr : file_of(holder, name);
        if (file == nullptr || file->replaced_by != self_->module.name) continue;
        const auto is_theirs = [&owner = other](const Original& one) { return one.owner == owner; };
        if (std::any_of(kept.begin(), kept.end(), is_theirs)) continue;
        holder.changed = true;
        if (above != nullptr && above != &holder)
            file->replaced_by = above->module.name;
        else
            std::erase_if(holder.record.files, [&](const InstallRecord::File& one) { return one.module == name; });
    }
}

/// The one above has our module in its archive. What we had archived takes its place there.
void Ownership::hand_up(Holder& above, const std::string& name, std::vector<Original> kept)
{
    const auto dropped = std::erase_if(
        above.kept, [&](const Original& one) { return one.module == name && one.owner == self_->module.name; });
    if (dropped > 0)
        say("replaced-dropped", {{"module", self_->module.text()}, {"file", name}, {"by", above.module.text()}},
            name + " of " + self_->module.text() + " was replaced by " + above.module.text() +
                "; it will not come back.");
    for (Original& one : kept) {
        InstallRecord::File* file = nullptr;
        if (Holder* const owner = owner_of(one, file)) {
            file->replaced_by = above.module.name;
            owner->changed = true;
        }
        const auto same = [&](const Original& other) { return other.origin == one.origin; };
        if (std::none_of(above.kept.begin(), above.kept.end(), same)) above.kept.push_back(std::move(one));
    }
}

void Ownership::bring_back(Transaction& transaction, std::vector<Original> kept)
{
    if (kept.empty()) return;
    Holder* next = nullptr;
    for (const Original& one : kept) {
        InstallRecord::File* file = nullptr;
        Holder* const owner = owner_of(one, file);
        if (owner == nullptr && !one.owner.empty())
            say("replaced-dropped", {{"module", one.owner}, {"path", one.origin.string()}},
                one.origin.string() + " of " + one.owner + " is not restored: " + one.owner +
                    " is no longer installed for this kernel.");
        if (owner == nullptr) continue;
        bring_back_ours(transaction, one, *owner, *file);
        next = owner;
    }
    for (Original& one : kept) {
        if (!one.owner.empty()) continue;
        if (next != nullptr) { // it had given way to that module before
            next->kept.push_back(std::move(one));
        } else if (leads_to_directory(places_.install_tree / kernel_.release) && !transaction.will_exist(one.origin)) {
            put_module(transaction, one.file, one.origin);
            events_.emplace_back(EventKind::original_restored, json{{"path", one.origin.string()}});
        }
    }
    events_.emplace_back(EventKind::original_dropped, json{{"kernel", kernel_.release}});
}

void Ownership::bring_back_ours(Transaction& transaction, const Original& one, Holder& owner, InstallRecord::File& file)
{
    owner.changed = true;
    file.replaced_by.clear();
    if (transaction.will_exist(one.origin)) return; // of nobody; that it is not the built one will be seen
    if (!leads_to_directory(places_.install_tree / kernel_.release)) return;
    put_module(transaction, one.file, one.origin);
    events_.emplace_back(EventKind::original_restored, json{{"path", one.origin.string()}});
    say("restored-other", {{"path", one.origin.string()}, {"module", owner.module.text()}},
        file.path + " is that of " + owner.module.text() + " again.");
    restored_[owner.module.name].push_back(one.origin);
}

std::set<std::string> Ownership::names() const
{
    std::set<std::string> all;
    for (const InstallRecord::File& file : self_->record.files) all.insert(file.module);
    for (const Original& one : self_->kept) all.insert(one.module);
    return all;
}

void Ownership::give_up_but(Transaction& transaction, const std::set<std::string>& kept)
{
    for (const std::string& name : names())
        if (kept.count(name) == 0) give_up(transaction, name);
}

void Ownership::give_up_replaced(Transaction& transaction)
{
    for (const std::string& name : names()) {
        const InstallRecord::File* const file = file_of(*self_, name);
        if (file != nullptr && !file->replaced_by.empty()) give_up(transaction, name);
    }
}

void Ownership::plan(Transaction& transaction)
{
    for (auto& [name, holder] : holders_) {
        if (&holder == self_ || holder.kept != holder.archive.content())
            holder.archive.become(transaction, holder.kept);
        if (!holder.changed || &holder == self_) continue;
        const auto& files = holder.record.files;
        const bool has_some =
            std::any_of(files.begin(), files.end(), [](const auto& file) { return file.replaced_by.empty(); });
        if (files.empty())
            transaction.remove(layout_.install_record(name, kernel_));
        else
            transaction.put_text(text_of(holder.record), layout_.install_record(name, kernel_));
        if (!has_some)
            transaction.remove(layout_.active_link(name, kernel_));
        else if (!holder.active)
            transaction.put_link(holder.module.version + "/" + kernel_.release + "/" + kernel_.arch,
                                 layout_.active_link(name, kernel_));
    }
}

} // namespace dkms
