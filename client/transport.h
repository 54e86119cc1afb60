// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include "lib/model/event.h"
#include "lib/model/finding.h"
#include "lib/model/history.h"
#include "lib/model/job.h"
#include "lib/model/places.h"
#include "lib/model/request.h"
#include "lib/model/state.h"
#include "lib/process/descriptor.h"

#include <nlohmann/json_fwd.hpp>

#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <vector>

namespace dkms {

/// The way to a dkmsd: over the bus, or a child of our own that speaks lines (bus-less).
class Transport {
public:
    virtual ~Transport() = default;

    struct Accepted {
        JobId job;
        bool joined;
    };
    /// `handle`: a descriptor that lies beside the request, if it has one; it stays the caller's. `awaited`: somebody
    /// waits for the result, and so for a place in a queue that is full. Throws the Error that dkmsd answered.
    virtual Accepted submit(const Request& request, int handle = -1, bool awaited = true) = 0;

    using EventSink = std::function<void(const Event&)>;
    /// Hands every event of `job` and of its children to `sink`, from the first one on, and returns the job when it has
    /// ended. `interrupt` is polled beside (-1: none); when it becomes readable `interrupted` is called, which reads it
    /// and may cancel the job. Throws Error ServiceGone when the service went away and did not come back within 60 s.
    virtual JobView follow(JobId job, const EventSink& sink, int interrupt,
                           const std::function<void()>& interrupted) = 0;

    virtual std::vector<ModuleStatus> status(const StatusFilter& filter) = 0;
    /// What was installed and uninstalled, oldest first.
    virtual std::vector<HistoryEntry> history(const StatusFilter& filter) = 0;
    /// The kernels that lack modules, newest first: a list of objects with the keys that org.dkms1(5) has for the
    /// property KernelsMissingModules.
    virtual nlohmann::json kernels_missing_modules() = 0;
    /// Releases of kernels that the service is about to look at, and then perhaps to complete; see the property
    /// KernelsArriving. Without the service none is.
    virtual std::vector<std::string> kernels_arriving() = 0;
    /// What kernels need to be complete; for each an object as docs/architecture.md, "Lines", has it. No kernel: the
    /// running one. Looked up by a dkmsd of the caller's, which may start bash, whatever the transport: nobody needs
    /// the service for that.
    virtual nlohmann::json needs(const std::vector<KernelId>& kernels) = 0;
    /// Where kernels keep their modules; this process sees the same directory there.
    virtual std::filesystem::path install_tree() = 0;
    /// What a source directory or a configuration should do otherwise; `path` is absolute. Throws NotSupported over the
    /// bus, which takes no paths from clients.
    virtual std::vector<Finding> lint(const std::filesystem::path& path) = 0;
    virtual std::vector<JobView> jobs() = 0;
    virtual std::vector<JobView> all_jobs() = 0; ///< with the history, as far as it is kept
    virtual JobView job(JobId job) = 0;          ///< throws NoSuchJob
    virtual void cancel(JobId job) = 0;          ///< throws NoSuchJob, NotCancelable, AccessDenied
    virtual Descriptor
    open_log(JobId job) = 0; ///< the build output, read-only; throws NoSuchJob, NotSupported (bus-less)
    /// Calls `changed` for every job that is new or changes, until `interrupt` becomes readable.
    virtual void monitor(const std::function<void(const JobView&)>& changed, int interrupt) = 0;

    /// Whether jobs outlive this client (the service) or end with it.
    virtual bool jobs_outlive_client() const = 0;
};

/// Starts `<dkmsd> --stdio` with these places. Throws Error ServiceUnavailable.
std::unique_ptr<Transport> make_stdio_transport(const PlaceOptions& places);
/// Connects to the system bus (or DBUS_SYSTEM_BUS_ADDRESS). Throws Error ServiceUnavailable.
std::unique_ptr<Transport> make_bus_transport();

/// The rule of docs/architecture.md, "Bus or stdio", in one place: decided once, before anything is changed.
/// `needs_stdio`: a tree, path or directive option was given. `to_load`: a descriptor of what is to be loaded; -1:
/// nothing is. Throws Error ServiceUnavailable; ReadFailed for a directory to load that cannot be read.
std::unique_ptr<Transport> choose_transport(const PlaceOptions& places, bool needs_stdio, int to_load = -1);

/// For what is asked of a job by its number: only the service has jobs that others know of. Throws Error NotSupported
/// where it does not run.
void require_service(const Transport& transport);

} // namespace dkms
