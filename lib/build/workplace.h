// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include "lib/build/staging.h"
#include "lib/build/surroundings.h"
#include "lib/files/gate.h"
#include "lib/model/ids.h"
#include "lib/model/places.h"
#include "lib/process/sandbox.h"

#include <filesystem>
#include <optional>
#include <utility>

namespace dkms {

/// The directory in which one module is built for one kernel, with what keeps the commands that run there from
/// everything else.
///
/// Each build has a directory of its own; inside the sandbox it appears at <tree>/M/V/build, the place that old
/// configurations name (with --root, as that system calls it), with the module's source beside it, and nothing else of
/// that version. Commands can change that directory, and a second copy of the source that stands for the source itself,
/// wherever it is named: what they do to it ends with the build. What else they see, Surroundings says. Without a
/// sandbox <tree>/M/V/build itself is used and the source is the real one; builds of one version must follow each other
/// then.
///
/// The way to it is open to the user who builds where that user makes the sandbox, in a unit (CommandPlace), and to no
/// other one.
///
/// Once the first command has run, the build directory is the build's: nothing in it is read but through results(), and
/// nothing is written.
class Workplace {
public:
    /// Throws Error TreeNotWritable, DiskFull.
    Workplace(const Places& places, const ModuleId& module, const KernelId& kernel, std::filesystem::path source,
              const BuildSwitches& switches = {}, SandboxKind kind = available_sandbox());
    ~Workplace();
    Workplace(const Workplace&) = delete;
    Workplace& operator=(const Workplace&) = delete;

    /// Says who runs commands here, and makes what they are to write that user's. Before fill(); else it is
    /// sandbox_owner(). Throws Error TreeNotWritable, DiskFull.
    void give_to(std::pair<uid_t, gid_t> user);

    /// Copies the source into the build directory, and over it the patches that the administrator has put into
    /// <configuration>/M/patches: all of it before the first command runs. A link that is called patches gives way to a
    /// directory, with what it leads to inside the source. Throws Error SourceUnreadable, DiskFull, TreeNotWritable.
    void fill();
    /// Deletes all that is left of the build, as the user who built. Throws Error LeftoversRemain.
    void clear();

    /// The way to what commands have left in the build directory. Throws Error ReadFailed.
    Gate results() const;

    const std::filesystem::path& build() const { return build_; } ///< where we find what is built
    std::filesystem::path shown_build() const;                    ///< the same directory, as commands see it
    std::filesystem::path log_file() const { return own_.path() / "make.log"; }
    /// All directories that commands write to; they are on one file system, and the first is there.
    std::vector<std::filesystem::path> written() const;
    SandboxKind kind() const { return kind_; } ///< how its commands are to be kept apart
    bool sandboxed() const { return kind_ != SandboxKind::none; }

    /// What commands see besides: to be told what they need before they run.
    Surroundings& surroundings() { return surroundings_; }
    const Surroundings& surroundings() const { return surroundings_; }

    /// What keeps commands apart that run in shown_build(); the same whoever makes the sandbox.
    Sandbox sandbox() const;

    /// While it lives, commands find a copy of `staging` at <tree>/M/V/K/A and may write there, as POST_BUILD scripts
    /// do that leave something for other modules. The copy is the build's; what is wanted of it comes back by
    /// results().
    class Exposed {
    public:
        /// Throws Error DiskFull, TreeNotWritable.
        Exposed(Workplace& workplace, const Staging& staging);
        ~Exposed();
        Exposed(const Exposed&) = delete;
        Exposed& operator=(const Exposed&) = delete;

        Gate results() const;

    private:
        Workplace& workplace_;
        std::filesystem::path copy_;
        std::filesystem::path link_; ///< without a sandbox: the link that stands where the result will be
        bool exchanged_ = false;
    };

private:
    /// How commands know a path of ours.
    std::filesystem::path seen(const std::filesystem::path& path) const
    {
        return sandboxed() ? places_.inside(path) : path;
    }
    std::filesystem::path second_source() const { return own_.path() / "source"; }
    void fill_patches() const;

    Layout layout_; ///< of the tree, as we get to it
    Places places_;
    ModuleId module_;
    KernelId kernel_;
    std::filesystem::path source_;
    std::filesystem::path patches_;
    SandboxKind kind_;
    std::pair<uid_t, gid_t> user_;
    Surroundings surroundings_;
    PrivateDirectory own_;
    std::filesystem::path build_;
    std::optional<std::filesystem::path> exposed_;
};

} // namespace dkms
