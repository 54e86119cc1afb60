// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include "daemon/loop.h"
#include "lib/model/error.h"
#include "lib/model/ids.h"
#include "lib/model/places.h"
#include "lib/process/descriptor.h"

#include <filesystem>
#include <functional>
#include <map>
#include <string>
#include <vector>

namespace dkms {

/// Notices kernels and headers that arrive by whatever way, by inotify(7): nothing wakes up while nothing changes. A
/// kernel is told when it and its headers are complete and no file of theirs has come for some seconds; not those that
/// were complete at the start, and again only when its headers went and came back. Directories may vanish at any time.
class KernelWatch {
public:
    struct Listener {
        std::function<void(const KernelId&)> complete; ///< modules can be built for it now
        std::function<void()> changed;                 ///< kernels or headers have come or gone
    };
    /// Begins to watch. Without inotify, or where its limits are reached, that is said once and nothing is noticed.
    KernelWatch(Loop& loop, Places places, Listener listener);

private:
    struct Known {
        bool complete = false;
        std::string stamp; ///< of the last look, while it is about to be complete
        bool operator==(const Known&) const = default;
    };
    std::vector<KernelId> installed();
    void complain(const Error& error);
    void look();
    void watch_anew();
    void add(const std::filesystem::path& directory, const char* only = nullptr);
    void read_changes();
    void look_later();
    Known look_at_one(const KernelId& kernel, const Known* before, bool& again);

    Loop& loop_;
    Places places_;
    Listener listener_;
    std::map<KernelId, Known> kernels_;
    bool is_first_look_ = true;
    bool complained_ = false;
    Descriptor inotify_;
    std::map<int, const char*> only_; ///< of a watch, the one name that matters; null: all do
    Source on_change_;
    Source on_quiet_;
};

} // namespace dkms
