// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include "lib/model/error.h"
#include "lib/process/work.h"
#include "lib/tree/layout.h"
#include "tests/unit/file_fixture.h"
#include "tests/unit/scratch.h"

#include <nlohmann/json.hpp>

#include <cstdlib>
#include <fstream>
#include <functional>
#include <sstream>
#include <string>
#include <vector>

#include <sys/mman.h>
#include <sys/stat.h>

namespace dkms {

/// Trees of one test, and the work of steps on them.
class Trees {
public:
    Trees()
    {
        ::chmod(scratch_.path().c_str(), 0755); // builds run as another user
        places.dkms_tree = scratch_.path() / "dkms";
        places.source_tree = scratch_.path() / "src";
        places.install_tree = scratch_.path() / "lib/modules";
        places.config_dir = scratch_.path() / "etc/dkms";
        for (const auto* path : {&places.dkms_tree, &places.source_tree, &places.install_tree, &places.config_dir})
            std::filesystem::create_directories(*path);
    }

    const std::filesystem::path& path() const { return scratch_.path(); }
    Layout layout() const { return Layout(places); }

    /// Puts a sample of tests/data/modules into the source tree, and its link into the tree, as `add` does.
    ModuleId add_sample(const std::string& name, const std::string& version)
    {
        const char* data = std::getenv("DKMS_TEST_DATA");
        const auto sample =
            std::filesystem::path(data != nullptr ? data : "tests/data") / "modules" / (name + "-" + version);
        const ModuleId module{name, version};
        std::filesystem::copy(sample, layout().source_in_source_tree(module), std::filesystem::copy_options::recursive);
        link(module);
        return module;
    }

    /// The same for a source that the test has written.
    void link(const ModuleId& module) const
    {
        std::filesystem::create_directories(layout().build(module));
        std::filesystem::create_symlink(layout().source_in_source_tree(module), layout().source_link(module));
    }

    /// Every path below the tree, but for our own directory, in byte order.
    std::vector<std::string> listing() const
    {
        std::vector<std::string> paths;
        for (std::filesystem::recursive_directory_iterator entry(places.dkms_tree), end; entry != end; ++entry) {
            if (entry->path() == layout().own())
                entry.disable_recursion_pending();
            else
                paths.push_back(entry->path().lexically_relative(places.dkms_tree).string());
        }
        std::sort(paths.begin(), paths.end());
        return paths;
    }

    Places places;

private:
    Scratch scratch_;
};

/// What a worker does with one step, without the process around it.
class StepRun {
public:
    StepRun(const Trees& trees, Step step, std::optional<Jobserver> jobserver = std::nullopt)
        : events_(::memfd_create("events", MFD_CLOEXEC)),
          work_{std::move(step), trees.places, Reporter(events_.number()), cancellation_, std::move(jobserver), 7}
    {
    }

    /// prepare and run; when that throws, undo, and the error comes out.
    Outcome operator()(ActionFactory factory)
    {
        const std::unique_ptr<Action> action = factory(work_);
        try {
            action->prepare();
            return action->run();
        } catch (const Error&) {
            action->undo();
            throw;
        }
    }

    std::vector<Event> events() const
    {
        std::vector<Event> events;
        std::istringstream lines(text_of_file("/proc/self/fd/" + std::to_string(events_.number())));
        for (std::string line; std::getline(lines, line);)
            events.push_back(event_from_json(nlohmann::json::parse(line)));
        return events;
    }

    std::vector<Event> events(EventKind kind) const
    {
        std::vector<Event> found;
        for (Event& event : events())
            if (event.kind == kind) found.push_back(std::move(event));
        return found;
    }

    Work& work() { return work_; }

private:
    Descriptor events_;
    Cancellation cancellation_;
    Work work_;
};

} // namespace dkms
