// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include "lib/model/history.h"
#include "lib/model/places.h"
#include "lib/model/state.h"
#include "lib/tree/layout.h"

#include <optional>
#include <string>
#include <vector>

namespace dkms {

/// A version that was chosen (switch, rollback): an autoinstall does not replace it by one that was there to be chosen.
struct Choice {
    std::string version;
    std::string newest; ///< of the versions in the tree at that time; a newer one ends the choice

    bool operator==(const Choice&) const = default;
};

/// Which versions of a module were installed for a kernel, one after the other: <tree>/.dkmsd.history/M/K-A.json. It
/// is written in the transaction that installs or uninstalls (Transaction::put_text), so it says what is there whatever
/// happens in between. It stays when the module leaves the tree, as long as its place is not needed for others.
struct InstallHistory {
    static constexpr std::size_t most_entries = 64; ///< older ones are dropped

    std::vector<HistoryEntry> entries; ///< oldest first
    std::string previous;              ///< the version that was installed before the one of the last entry
    std::optional<Choice> choice;

    /// The version to go back to, where `active` is installed now, by whatever program; empty if none is known.
    std::string before(const std::string& active) const;

    /// Adds an entry, and draws what follows from it. `newest` is the newest version in the tree; it counts where the
    /// version was chosen.
    void add(HistoryEntry entry, const std::string& newest);

    bool operator==(const InstallHistory&) const = default;
};

/// Empty when nothing was written, or nothing that can be understood. Throws Error ReadFailed.
InstallHistory read_history(const Layout& layout, const std::string& name, const KernelId& kernel);
/// For the file at Layout::history().
std::string text_of(const InstallHistory& history);

/// Of all modules and kernels what `filter` lets through, oldest first; of more than `most_shown` entries the latest.
/// Throws Error ReadFailed.
constexpr std::size_t most_shown = 10000;
std::vector<HistoryEntry> history_of(const Places& places, const StatusFilter& filter);

/// Makes the directory for a module's history. Where the history is a new one, and there are too many (1024 files),
/// those of kernels that are gone make room, those written longest ago first. Throws Error TreeNotWritable, DiskFull,
/// ReadFailed.
void make_room_for_history(const Places& places, const std::string& name, const KernelId& kernel);

} // namespace dkms
