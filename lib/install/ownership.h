// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include "lib/install/originals.h"
#include "lib/model/event.h"
#include "lib/tree/record.h"

#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

namespace dkms {

/// Which DKMS module has which file of a kernel, and what has given way to it.
///
/// A kernel has one module of a name. Whoever takes a name over archives what was there, be it of the kernel or of
/// another DKMS module; the record of the latter then says by whom it was replaced (InstallRecord::File::replaced_by).
/// Whoever gives a name up gets out of this pile wherever it lies in it: from the top, what it had archived comes back,
/// and from below, it is handed to the one above. A DKMS module comes back if its record says that it was replaced by
/// the one that goes, an original always; what no longer has an owner is dropped. All of that is decided on a copy of
/// what the tree says, and becomes part of a transaction at the end.
class Ownership {
public:
    /// Reads what every registered module says about `kernel`. `module`, whose configuration is `conf`, is the one that
    /// takes and gives up. Throws Error ReadFailed.
    Ownership(const Places& places, const ModuleId& module, const KernelId& kernel, const std::optional<Conf>& conf);

    /// Modules that others own: path below <install tree>/K → M/V.
    std::map<std::string, ModuleId> paths_of_others() const;

    /// Of `name`, the module has the files `paths` of the kernel (below its directory) out of the way: they are
    /// archived and deleted. An older copy in the archive is replaced.
    void take_over(Transaction& transaction, const std::string& name, const std::vector<std::string>& paths);

    /// The module has no `name` in this kernel any more. Its own file is not touched here. Where something is in the
    /// place of what would come back, that stays, and the archived one is dropped.
    void give_up(Transaction& transaction, const std::string& name);

    /// The same for all that it has installed or archived but `kept`; `replaced_only`: for what others have replaced.
    void give_up_but(Transaction& transaction, const std::set<std::string>& kept);
    void give_up_replaced(Transaction& transaction);

    /// Plans the archives, records and links of all modules as they are now; the module's own record and link are left
    /// to the caller.
    void plan(Transaction& transaction);

    /// What has been planned, to be reported once it is done.
    const std::vector<Event>& events() const { return events_; }
    /// Absolute paths of modules of DKMS that come back, by the name of their package.
    const std::map<std::string, std::vector<std::string>>& restored() const { return restored_; }

private:
    /// What a module package says about the kernel.
    struct Holder {
        ModuleId module;
        InstallRecord record; ///< of a version without one, made of what was found
        bool active = false;  ///< the tree's link says that it is installed
        bool changed = false;
        Originals archive;
        std::vector<Original> kept; ///< what the archive is to hold
    };

    void read_holder(const ModuleId& module, bool active, const std::optional<Conf>& conf);
    std::set<std::string> names() const;
    InstallRecord::File* file_of(Holder& holder, const std::string& name) const;
    Holder* holder_above(const std::string& name);
    Holder* owner_of(const Original& original, InstallRecord::File*& file);
    std::vector<Original> take_kept(const std::string& name);
    void pass_on_deferred(const std::string& name, const std::vector<Original>& kept, const Holder* above);
    void hand_up(Holder& above, const std::string& name, std::vector<Original> kept);
    void bring_back(Transaction& transaction, std::vector<Original> kept);
    void bring_back_ours(Transaction& transaction, const Original& one, Holder& owner, InstallRecord::File& file);
    void say(const char* name, nlohmann::json parameters, const std::string& sentence);
    std::filesystem::path absolute(const std::string& path) const;

    Places places_;
    Layout layout_;
    KernelId kernel_;
    std::map<std::string, Holder> holders_; ///< by the name of the package; the module's own is always there
    Holder* self_ = nullptr;
    std::vector<Event> events_;
    std::map<std::string, std::vector<std::string>> restored_;
};

} // namespace dkms
