// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include "lib/model/ids.h"

#include <nlohmann/json.hpp>

#include <span>
#include <string>
#include <string_view>

namespace dkms {

/// The closed list of things that are reported while a job runs. The table in event.cc names the facts of each; wording
/// is the client's. Whoever needs another fact for an output adds it to the table.
enum class EventKind {
    // a job's life (written by dkmsd)
    job_new,     ///< accepted
    job_joined,  ///< an identical request was already there
    job_started, ///< its first step runs
    job_ended,   ///< fact "view": its JobView
    step_started,
    step_ended,
    waiting, ///< somebody else holds the tree's lock
    // what a step does (written by the worker)
    stage,
    command_started,
    command_ended,
    source_linked,
    deprecated,
    warning,
    already_built,
    already_installed,
    not_installed,
    not_built,
    excluded,
    signing,
    signing_off,
    key_generated,
    patch_applied,
    module_signed,
    modules_built,
    original_archived,
    original_restored,
    original_dropped,
    version_refused,
    installed_file,
    deleted_file,
    file_not_found,
    uninstalling,
    depmod_skipped,
    weak_modules,
    version_removed,
    command_output,       ///< what a script, or with the option `verbose` any command, printed
    forcing,              ///< checks are overridden, as the option or a force list says
    remove_cancelled,     ///< the module was added in the package transaction that now removes it
    surveyed,             ///< what a kernel has already
    stale,                ///< what a module was built from is not as it was
    deferred,             ///< a module waits for others that are not in the tree yet
    autoinstall_disabled, ///< the administrator does not want it
    loading,              ///< the module that is loaded is known now
    source_loaded,        ///< its source, or its dkms.conf alone, has been put there
    build_loaded,         ///< a build has been put there, or one was there already
    packing,              ///< what goes into the archive
    packed,               ///< the archive is complete
    problem,              ///< something is wrong in the trees; the facts are those of lib/model/problem.h
};

/// One thing that happened. Written as one line of JSON, every line with "job", "at" and "event".
class Event {
public:
    /// `facts` is a JSON object; `at` is set to the present time. In debug builds asserts that the facts are those of
    /// the table.
    explicit Event(EventKind kind, nlohmann::json facts = nlohmann::json::object());

    EventKind kind;
    JobId job = 0; ///< 0 until the job's owner has filled it in
    double at;     ///< seconds since the epoch
    nlohmann::json facts;

    /// The fact of that name as text, or an empty text.
    std::string text(std::string_view fact) const;
};

/// A row of the vocabulary: the event's name in JSON and the facts it carries.
struct EventRow {
    EventKind kind;
    std::string_view name;  ///< "installed-file"
    std::string_view facts; ///< "path module", separated by blanks; a '?' behind a name: may be missing
};
std::span<const EventRow> event_table();

std::string_view name_of(EventKind kind);

/// Facts and the three common members in one object.
nlohmann::json to_json(const Event& event);
/// Throws Error Internal for an unknown event or a missing fact: both ends are of one version.
Event event_from_json(const nlohmann::json& value);

/// One line for a pipe, newline included, of at most `longest_line` bytes: see shortened().
std::string to_line(const Event& event);

} // namespace dkms
